import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { type Int8Scratch, scaledProductScratch } from '../kernels/scratch.ts';
import { forEachTapPadded } from './convolution.ts';
import { expectInput, type RefTensor } from './define.ts';
import type { Limits } from './epilogue.ts';
import type { LowerContext } from './step.ts';

/** What the convolutions of images that are quantized at run time share (`conv2dScaledInt8`, `depthwiseConv2dScaledInt8`). */

export interface ScaledAttributes {
  /** Sums are multiplied with the scale of their filter, then with the unit; else with the product of both, rounded to f32. */
  readonly apart: boolean;
}

/** Σ w of each filter of row-major weights, filters innermost. */
export function filterTotals(weights: Int8Array | Int16Array, filters: number): Int32Array {
  const totals = new Int32Array(filters);
  weights.forEach((weight, i) => {
    totals[i % filters] = (totals[i % filters] as number) + weight;
  });
  return totals;
}

/**
 * Checks the inputs behind x: weights of shape `w`, totals, zero, unit, scales, bias and perhaps a residual; zero and unit are of all images or one an
 * image. Gives the type of the result. @throws SHAPE or DTYPE.
 */
export function expectScaled(inputs: readonly TensorType[], w: Shape, g: Geometry, residual = false): TensorType {
  const { batch, outChannels } = g;
  const shape = [batch, g.outHeight, g.outWidth, outChannels];
  const each = expectInput(inputs, 3, 'i32').shape;
  const images = sameShape(each, [batch]) ? each : [1];
  const wanted: [Shape, 'i8' | 'f32' | 'i32', string][] = [
    [w, 'i8', 'weights'],
    [[outChannels], 'i32', 'totals'],
    [images, 'i32', 'zero points'],
    [images, 'f32', 'units'],
    [[outChannels], 'f32', 'scales'],
    [[outChannels], 'f32', 'bias'],
    ...(residual ? [[shape, 'f32', 'residual'] as [Shape, 'f32', string]] : []),
  ];
  if (inputs.length !== wanted.length + 1)
    throw new ThimbleError('SHAPE', 'inputs are missing, or there are too many', {
      expected: `${wanted.length + 1}`,
      got: `${inputs.length}`,
    });
  wanted.forEach(([want, dtype, name], i) => {
    const got = expectInput(inputs, i + 1, dtype).shape;
    if (!sameShape(got, want))
      throw new ThimbleError('SHAPE', `the ${name} do not fit`, { expected: formatShape(want), got: formatShape(got) });
  });
  return { dtype: 'f32', shape };
}

/** The result with row-major weights. */
export function scaledReference(
  g: Geometry,
  weights: Float64Array,
  inputs: readonly RefTensor[],
  { low, high, apart }: Limits & ScaledAttributes,
): Float64Array {
  const [x, , , zeros, units, scales, bias, residual] = inputs.map(({ data }) => data) as Float64Array[];
  const size = g.outHeight * g.outWidth * g.outChannels;
  const of = (data: Float64Array | undefined, y: number) => data?.[data.length === 1 ? 0 : Math.floor(y / size)] as number;
  const sums = new Float64Array(g.batch * size);
  forEachTapPadded(g, (xi, wi, yi) => {
    if (xi >= 0) sums[yi] = (sums[yi] as number) + ((x?.[xi] as number) - of(zeros, yi)) * (weights[wi] as number);
  });
  return sums.map((sum, y) => {
    const filter = y % g.outChannels;
    const [scale, unit] = [scales?.[filter] as number, of(units, y)];
    const scaled = apart ? Math.fround(sum * scale) * unit : sum * Math.fround(scale * unit);
    const value = scaled + (bias?.[filter] as number) + (residual?.[y] ?? 0);
    return Math.min(Math.max(value, low), high);
  });
}

/** The fields of the record that both have. */
export function scaledFields(ctx: LowerContext<Limits & ScaledAttributes>, g: Geometry, { blockRows, band, sums, table }: Int8Scratch) {
  const { low, high, apart } = ctx.attrs;
  return {
    x: ctx.in(0),
    w: ctx.in(1),
    totals: ctx.in(2),
    zero: ctx.in(3),
    unit: ctx.in(4),
    scales: ctx.in(5),
    bias: ctx.in(6),
    residual: ctx.optional(7),
    y: ctx.out(),
    band: ctx.scratch(band),
    sums: ctx.scratch(sums),
    table: ctx.scratch(table),
    product: ctx.scratch(scaledProductScratch),
    ...g,
    blockRows,
    perImage: ctx.inputs[3]?.shape[0] === 1 ? 0 : 1,
    apart: apart ? 1 : 0,
    low,
    high,
  };
}
