import { ThimbleError } from '../../core/errors.ts';
import { foldedBias, packQuads } from '../../core/quads.ts';
import { inBytes, splitBytes } from '../../core/wideWeights.ts';
import type { Value } from '../../ir/graph.ts';
import { constantTransposed, dataOf } from '../../ops/constants.ts';
import { type Conv2dAttributes, conv2dDefaults, geometryOf, isPointwise } from '../../ops/conv2d.ts';
import { filterQuads, runsOf } from '../../ops/conv2dInt8.ts';
import type { DepthwiseAttributes } from '../../ops/depthwiseConv2d.ts';
import { packDepthwiseParts } from '../../ops/depthwiseConv2dInt8.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { concat, conv2dInt8, depthwiseConv2dInt8, gather, pad, slice } from '../../ops/index.ts';
import { isRowwise, linearRowsInt8, packRows } from '../../ops/linearRowsInt8.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import type { Transposed } from './convolutions.ts';
import { UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import { transposeConvOptions } from './options.ts';
import { activationRange, factor, scaleIn, scaleOut } from './quantization.ts';
import { convolutionInt16, convolutionRounding, depthwiseInt16 } from './quantizedInt16.ts';

/** Constant weights of a quantized operator without their zero points: whole numbers, which exceed 8 bits where uint8 has a zero point. */
export interface Weights {
  readonly shape: readonly number[];
  readonly data: Int16Array | Int8Array;
  readonly scales: readonly number[];
}

/** Weights in input `index`, in the order of `perm`. */
export function weightsOf(n: NodeContext, index: number, perm: readonly number[]): Weights {
  const operand = n.operand(index);
  const { elem, quantization } = operand;
  if (!isConstant(operand.value))
    throw new ThimbleError('UNSUPPORTED_ATTR', 'quantized weights that are computed', { expected: 'constants' });
  const value = operand.value.origin.kind === 'const' ? operand.value : n.graph.constant(evaluated(operand.value));
  const turned = constantTransposed(value, perm);
  const { scales = [], zeroPoints = [] } = quantization ?? {};
  if (scales.length === 0) throw damaged('quantized weights have no scale');
  const zero = (zeroPoints[0] as number) - (elem === 'uint8' ? UNSIGNED : 0);
  if (scales.length > 1 && zeroPoints.some((other) => other !== zeroPoints[0])) n.refuse('weights with a zero point for each channel');
  const data = dataOf(turned) as Int8Array;
  return { shape: turned.shape, data: zero === 0 ? data : new Int16Array(data).map((w) => w - zero), scales };
}

/** The bias in input `index` as numbers; zeros where it is left out. */
export const biasOf = (n: NodeContext, index: number, units: number): number[] => {
  n.allow(units);
  const bias = n.has(index) ? n.numbers(index) : new Array<number>(units).fill(0);
  if (bias.length !== units) throw damaged(`a bias of ${bias.length} for ${units} channels`);
  return bias;
};

/** Fixed-point factors of a product's sums: input scale · weight scale / output scale, in double. */
export function productFactors(
  n: NodeContext,
  x: number,
  { scales }: Weights,
): { multiplier: Value; shift: Value; reals: readonly number[] } {
  const [from, to] = [scaleIn(n, x).scale, scaleOut(n).scale];
  const reals = scales.map((scale) => (from * scale) / to);
  const factors = reals.map(factor);
  return {
    multiplier: n.integers(factors.map(({ multiplier }) => multiplier)),
    shift: n.integers(factors.map(({ shift }) => shift)),
    reals,
  };
}

/** What becomes of the sums. */
interface Output {
  readonly low: number;
  readonly high: number;
  readonly yZero: number;
  readonly xZero: number;
  readonly rounding: 'double' | 'single';
}

type Attributes = Partial<Conv2dAttributes> & { kernel: readonly [number, number]; filters: number; groups: number };

/**
 * x [N, H, W, C] (i8) with weights [kernelHeight, kernelWidth, C / groups, filters]. Where some need more than 8 bits the channels of a second
 * part are read once more.
 */
function convolved(
  n: NodeContext,
  x: Value,
  { shape, data }: Weights,
  bias: readonly number[],
  given: Attributes,
  output: Output,
  factors: readonly Value[],
): Value {
  const attrs: Conv2dAttributes = { ...conv2dDefaults, ...given };
  const [depth, filters] = [shape[2] as number, attrs.filters];
  const { weights, again } = inBytes(data, attrs.kernel[0] * attrs.kernel[1], depth, filters);
  const image = widened(n, x, depth, again, attrs.groups);
  const g = geometryOf(image.shape, attrs);
  const pixels = g.batch * g.outHeight * g.outWidth;
  if (isPointwise(g) && isRowwise(pixels, filters)) {
    const w = n.graph.constant({ dtype: 'i8', shape: [filters, g.inChannels], data: packRows(weights, filters) });
    const folded = n.integers(foldedBias(weights, filters, output.xZero, bias));
    const y = linearRowsInt8([reshapedTo(image, [pixels, g.inChannels]), w, folded, ...factors], output);
    return reshapedTo(y, [g.batch, g.outHeight, g.outWidth, filters]);
  }
  const logical = [...attrs.kernel, depth + again.length, filters];
  return conv2dInt8([image, ...packed(n, weights, logical, attrs, bias, output.xZero), ...factors], { ...attrs, ...output });
}

/** x with the channels `again` of each group behind its own. */
function widened(n: NodeContext, x: Value, depth: number, again: readonly number[], groups: number): Value {
  if (again.length === 0) return x;
  if (groups === 1) return concat([x, gather([x, n.integers(again)], { axis: 3 })], { axis: 3 });
  const all = [...Array.from({ length: depth }, (_, c) => c), ...again];
  const channels = Array.from({ length: groups }, (_, group) => all.map((c) => group * depth + c)).flat();
  n.allow(channels.length);
  return gather([x, n.integers(channels)], { axis: 3 });
}

/** Weights in quads and the bias with the zero point folded in. */
function packed(
  n: NodeContext,
  weights: Int8Array,
  logical: readonly number[],
  attrs: Conv2dAttributes,
  bias: readonly number[],
  xZero: number,
): [Value, Value] {
  const shape = filterQuads((logical[2] as number) * attrs.groups, attrs);
  return [
    n.graph.constant({ dtype: 'i8', shape, data: packQuads(weights, logical, attrs.groups, runsOf(attrs)) }),
    n.integers(foldedBias(weights, attrs.filters, xZero, bias)),
  ];
}

/** CONV_2D of int8 and uint8. */
export function quantizedConvolution(n: NodeContext, attrs: Attributes, code: number): Value {
  const weights = weightsOf(n, 1, [1, 2, 3, 0]);
  if (n.x(0).dtype !== 'i8') return convolutionInt16(n, n.x(0), weights, attrs, code, convolutionRounding(n));
  const { multiplier, shift } = productFactors(n, 0, weights);
  const output = outputOf(n, 0, code);
  return convolved(n, n.x(0), weights, biasOf(n, 2, attrs.filters), attrs, output, [multiplier, shift]);
}

const outputOf = (n: NodeContext, x: number, code: number, rounding: 'double' | 'single' = 'double'): Output => ({
  ...activationRange(n, code),
  xZero: scaleIn(n, x).zero,
  yZero: scaleOut(n).zero,
  rounding,
});

/** DEPTHWISE_CONV_2D of int8 and uint8: filters [1, kernelHeight, kernelWidth, C · multiplier]. */
export function quantizedDepthwise(
  n: NodeContext,
  attrs: Partial<DepthwiseAttributes> & { kernel: readonly [number, number]; multiplier: number },
  code: number,
): Value {
  const weights = weightsOf(n, 1, [0, 1, 2, 3]);
  const x = n.x(0);
  const filters = weights.shape[3] as number;
  const bias = biasOf(n, 2, filters);
  if (x.dtype !== 'i8') return depthwiseInt16(n, x, weights, attrs, code);
  const { multiplier, shift } = productFactors(n, 0, weights);
  const output = outputOf(n, 0, code);
  const channels = x.shape[3] as number;
  const { multiplier: _, ...window } = attrs;
  // Two bytes hold no 255: channels are read again, as groups of a convolution.
  if (channels === 1 || weights.data.some((w) => w > 254)) {
    const rows = { ...weights, shape: [...attrs.kernel, 1, filters] };
    return convolved(n, x, rows, bias, { ...window, filters, groups: channels }, output, [multiplier, shift]);
  }
  const { first, rest } = splitBytes(weights.data);
  const logical = [...attrs.kernel, filters];
  const w = n.graph.constant({ dtype: 'i8', ...packDepthwiseParts(rest ? [first, rest] : [first], logical) });
  return depthwiseConv2dInt8([x, w, n.integers(foldedBias(weights.data, filters, output.xZero, bias)), multiplier, shift], {
    ...attrs,
    ...output,
    parts: rest ? 2 : 1,
  });
}

/** A dense layer with weights [width, units]. */
export function quantizedRows(
  n: NodeContext,
  x: Value,
  weights: Weights,
  bias: readonly number[],
  code: number,
  factors: readonly Value[],
  rounding: 'double' | 'single',
): Value {
  const [rows, width] = x.shape as [number, number];
  const units = weights.shape[1] as number;
  const image = reshapedTo(x, [1, 1, rows, width]);
  const attrs = { kernel: [1, 1], filters: units, groups: 1 } as const;
  const y = convolved(n, image, { ...weights, shape: [1, 1, width, units] }, bias, attrs, outputOf(n, 0, code, rounding), factors);
  return reshapedTo(y, [rows, units]);
}

/** TRANSPOSE_CONV: a convolution of x with its pixels spread apart by the strides, with turned filters. */
export function quantizedTransposed(n: NodeContext, { kernel, strides, filters, output, before }: Transposed, code: number): Value {
  const weights = weightsOf(n, 1, [1, 2, 3, 0]);
  const x = n.x(2);
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const zero = scaleIn(n, 2).zero;
  const apart = pad(reshapedTo(x, [batch, height, 1, width, 1, channels]), {
    pads: [
      [0, 0],
      [0, 0],
      [0, strides[0] - 1],
      [0, 0],
      [0, strides[1] - 1],
      [0, 0],
    ],
    mode: 'constant',
    value: zero,
  });
  const spread = slice(reshapedTo(apart, [batch, height * strides[0], width * strides[1], channels]), {
    starts: [0, 0, 0, 0],
    sizes: [batch, (height - 1) * strides[0] + 1, (width - 1) * strides[1] + 1, channels],
  });
  const padding = [0, 1].flatMap((i) => {
    const first = (kernel[i] as number) - 1 - (before[i] as number);
    return [first, (output[1 + i] as number) + (kernel[i] as number) - 1 - (spread.shape[1 + i] as number) - first];
  }) as [number, number, number, number];
  const perTap = channels * filters;
  const data = new (weights.data.constructor as typeof Int16Array)(weights.data.length);
  const taps = kernel[0] * kernel[1];
  for (let tap = 0; tap < taps; tap++) data.set(weights.data.subarray(tap * perTap, (tap + 1) * perTap), (taps - 1 - tap) * perTap);
  const cut = padding.map((amount) => Math.max(0, -amount));
  const image = cut.every((amount) => amount === 0)
    ? spread
    : slice(spread, {
        starts: [0, cut[0] as number, cut[2] as number, 0],
        sizes: spread.shape.map((extent, i) =>
          i === 1 ? extent - (cut[0] as number) - (cut[1] as number) : i === 2 ? extent - (cut[2] as number) - (cut[3] as number) : extent,
        ),
      });
  const attrs = { kernel, filters, groups: 1, padding: padding.map((amount) => Math.max(0, amount)) as [number, number, number, number] };
  const turned = { ...weights, data };
  if (x.dtype !== 'i8') {
    const rounding = convolutionRounding(n, 3, n.options(transposeConvOptions).quantizedBiasType);
    return convolutionInt16(n, image, turned, attrs, code, rounding, { x: 2, bias: 3 });
  }
  const { multiplier, shift } = productFactors(n, 2, weights);
  return convolved(n, image, turned, biasOf(n, 3, filters), attrs, outputOf(n, 2, code), [multiplier, shift]);
}
