import type { Graph, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import type { Conv2dAttributes } from '../ops/conv2d.ts';
import type { Order } from '../ops/epilogue.ts';
import { planarConv2d } from '../ops/planarConv2d.ts';
import { rewrite, useCounts } from './rewrite.ts';

/** Channels of an image; with more of them a convolution has faster kernels once they lie side by side. */
const MOST_CHANNELS = 4;

/** A convolution that alone reads an image's transposition to NHWC takes the planes of NCHW as they are. Comes after `fuse`. */
export function readPlanes(source: Graph): Graph {
  const uses = useCounts(source);
  return rewrite(source, (node, inputs) => {
    if (node.op !== 'conv2d') return undefined;
    const [x, ...rest] = inputs as [Value, ...Value[]];
    const { kernel, groups, ordered } = node.attrs as unknown as Conv2dAttributes & Order;
    const turned = producer(x);
    if (turned?.op !== 'transpose' || `${turned.attrs.perm}` !== '0,2,3,1' || uses.get(node.inputs[0] as Value) !== 1) return undefined;
    if (ordered || kernel[0] * kernel[1] === 1 || groups !== 1 || (x.shape[3] as number) > MOST_CHANNELS) return undefined;
    return [planarConv2d([turned.inputs[0] as Value, ...rest], node.attrs)];
  });
}
