import type { Node, Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { weightsOf } from './weights.ts';

/** The constant bias of a product; undefined where it has none, or a computed one. */
export function biasOf({ inputs, attrs }: Node): Float32Array | undefined {
  const [, , bias] = inputs;
  return bias?.origin.kind === 'const' && !attrs.residual ? (dataOf(bias) as Float32Array) : undefined;
}

/** What products among `layers` read, of which calibration finds the means; states are other ones by the time it could. */
export const inputsOf = (layers: readonly Node[]): Value[] =>
  [...new Set(layers.filter(weightsOf).map(({ inputs }) => inputs[0] as Value))].filter(({ origin }) => origin.kind !== 'state');

/**
 * The bias that makes up for what rounding the weights adds on average (Nagel et al. 2019): Σ (w - rounded w) · mean(x). It stays as it is without
 * means, or where it is computed when the model runs.
 * @param original row-major weights; `decoded` what stands for them
 * @param means of each channel of the input
 */
export function corrected(
  node: Node,
  original: Float32Array,
  decoded: Float32Array,
  means: Float64Array | undefined,
): Float32Array | undefined {
  const bias = biasOf(node);
  if (!means || (!bias && node.inputs.length > 2)) return bias;
  const { logical } = weightsOf(node) as NonNullable<ReturnType<typeof weightsOf>>;
  const columns = logical.at(-1) as number;
  const multiplier = node.op === 'depthwiseConv2d' ? columns / means.length : 0;
  const perGroup = node.op === 'conv2d' ? columns / (node.attrs.groups as number) : columns;
  const inner = logical.at(-2) as number;
  const wanted = new Float32Array(columns).map((_, c) => bias?.[c] ?? 0);
  original.forEach((value, i) => {
    const c = i % columns;
    const channel = multiplier ? Math.floor(c / multiplier) : Math.floor(c / perGroup) * inner + (Math.floor(i / columns) % inner);
    wanted[c] = (wanted[c] as number) + (value - (decoded[i] as number)) * (means[channel] as number);
  });
  return wanted;
}
