import { ThimbleError } from '../core/errors.ts';
import { unpackPanels } from '../core/panels.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import { type Conv2dAttributes, filterShape } from '../ops/conv2d.ts';
import type { Forward } from './subject.ts';

const hasFilters = ({ op }: Node): boolean => op === 'conv2d' || op === 'depthwiseConv2d';

/** Names of the layers that are convolutions, in the order they run in. */
export const convolutionsOf = ({ graph }: Pick<Forward, 'graph'>): string[] =>
  graph.nodes.filter(hasFilters).map(({ name }) => name.replace(/\/[^/]*$/, ''));

/** The filters of convolution `layer`: f32 [height, width, channels, filters]; depthwise [height, width, 1, filters]. */
export function filtersOf({ graph }: Pick<Forward, 'graph'>, layer: string): Tensor {
  const within = graph.nodes.filter(({ name }) => name.startsWith(`${layer}/`) || name === layer);
  const node = within.find(hasFilters);
  if (!node)
    throw new ThimbleError('INPUT', `"${layer}" is no convolution`, {
      expected: convolutionsOf({ graph }).join(', ') || 'a model with convolutions',
    });
  const data = contents(node.inputs[1] as Value, layer);
  return node.op === 'conv2d' ? rows(node, data) : depthwise(node, data);
}

function rows({ inputs: [x], attrs }: Node, data: Float32Array): Tensor {
  const given = attrs as unknown as Conv2dAttributes;
  const shape = filterShape((x as Value).shape[3] as number, given);
  return { dtype: 'f32', shape, data: unpackPanels(data, shape, given.groups) };
}

function depthwise({ inputs: [, w] }: Node, data: Float32Array): Tensor {
  const [height, width, filters] = (w as Value).shape as [number, number, number];
  return { dtype: 'f32', shape: [height, width, 1, filters], data: data.slice(0, sizeOf([height, width, filters])) };
}

/** The weights, in memory layout. */
function contents({ origin }: Value, layer: string): Float32Array {
  if (origin.kind === 'const') return origin.data as Float32Array;
  if (origin.kind === 'state') return origin.variable.initial() as Float32Array;
  throw new ThimbleError('INPUT', `the filters of "${layer}" are computed when the model runs`);
}
