import { sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { type ChainAttributes, chain, isMember, type Stage } from '../ops/chain.ts';
import { type Conv2dAttributes, geometryOf, tilesAtATime } from '../ops/conv2d.ts';
import { rewrite, useCounts } from './rewrite.ts';

/**
 * Bytes from which on a tensor between two convolutions is not made as a whole. Measured on MobileNetV2: 12.0 ms without chains, 10.9 from 512 KB on,
 * 11.2 from 32 KB on; smaller tensors stay in the second-level cache anyway.
 */
const LARGE = 524288;

/** Large images that one convolution writes and another alone reads disappear: the convolutions become a chain. Comes after `fuse`. */
export function chainConvolutions(source: Graph): Graph {
  const uses = useCounts(source);
  return rewrite(source, (node, inputs, { target }) => {
    const before = node.inputs[0] && producer(node.inputs[0]);
    if (!before || !isStage(node) || node.op === 'planarConv2d' || uses.get(node.inputs[0] as Value) !== 1) return undefined;
    if (sizeOf((node.inputs[0] as Value).shape) * 4 < LARGE) return undefined;
    const made = producer(inputs[0] as Value) as Node;
    const stages = made.op === 'chain' ? (made.attrs as unknown as ChainAttributes).stages : isStage(made) ? [stageOf(made)] : undefined;
    if (!stages) return undefined;
    // It has the name of its last operator.
    return [target.named(node.name, () => chain([...made.inputs, ...inputs.slice(1)], { stages: [...stages, stageOf(node)] }))];
  });
}

/** One image, no groups of channels, and not in tiles, which have their own order of work. */
function isStage({ op, attrs, inputs }: Node): boolean {
  const [x] = inputs;
  if (!isMember(op) || x?.shape[0] !== 1) return false;
  if (op !== 'conv2d') return true;
  const given = attrs as unknown as Conv2dAttributes;
  return given.groups === 1 && tilesAtATime(geometryOf(x.shape, given)) === 0;
}

const stageOf = ({ op, attrs, inputs }: Node): Stage => ({ op: op as Stage['op'], attrs, operands: inputs.length - 1 });
