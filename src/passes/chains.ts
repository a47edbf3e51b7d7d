import { byteLength } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { type ChainAttributes, chain, isMember, type Stage } from '../ops/chain.ts';
import { type Conv2dAttributes, geometryOf, tilesAtATime } from '../ops/conv2d.ts';
import { tilesInt8 } from '../ops/conv2dInt8.ts';
import type { Order } from '../ops/epilogue.ts';
import { rewrite, useCounts } from './rewrite.ts';

/**
 * Bytes from which on a tensor between two convolutions is not made as a whole; of what is held instead, half as many. Measured on MobileNetV2: in f32
 * 12.0 ms without chains, 10.9 from 512 KB on, 11.2 from 32 KB on: smaller tensors stay in the second-level cache anyway. In 8 bits, where products take
 * most of the time, 9.95, 9.91 from 256 KB on and 9.99 from 128 KB on, in an arena of 1.52 MB, 0.48 and 0.36.
 */
const LARGE = { f32: 524288, i8: 262144 };

/** Large images that one convolution writes and another alone reads disappear: the convolutions become a chain. Comes after `fuse`. */
export function chainConvolutions(source: Graph): Graph {
  const uses = useCounts(source);
  return rewrite(source, (node, inputs, { target }) => {
    const before = node.inputs[0] && producer(node.inputs[0]);
    if (!before || !isStage(node) || node.op === 'planarConv2d' || uses.get(node.inputs[0] as Value) !== 1) return undefined;
    const large = LARGE[(node.inputs[0] as Value).dtype as keyof typeof LARGE];
    if (byteLength(node.inputs[0] as Value) < large) return undefined;
    const made = producer(inputs[0] as Value) as Node;
    const stages = made.op === 'chain' ? (made.attrs as unknown as ChainAttributes).stages : isStage(made) ? [stageOf(made)] : undefined;
    if (!stages) return undefined;
    // It has the name of its last operator.
    return [
      target.named(node.name, () =>
        chain([...made.inputs, ...inputs.slice(1)], { stages: [...stages, stageOf(node)], bandBytes: large / 2 }),
      ),
    ];
  });
}

/** One image, no groups of channels, and not in tiles, which have their own order of work. */
function isStage({ op, attrs, inputs }: Node): boolean {
  const [x] = inputs;
  if (!isMember(op) || x?.shape[0] !== 1) return false;
  if (op !== 'conv2d' && op !== 'conv2dInt8') return true;
  const given = attrs as unknown as Conv2dAttributes & Partial<Order>;
  const tiles = op === 'conv2d' ? tilesAtATime : tilesInt8;
  return given.groups === 1 && (given.ordered || tiles(geometryOf(x.shape, given)) === 0);
}

const stageOf = ({ op, attrs, inputs }: Node): Stage => ({ op: op as Stage['op'], attrs, operands: inputs.length - 1 });
