import { ThimbleError } from '../core/errors.ts';
import { PANEL } from '../core/panels.ts';
import { INPUT_OFFSET, quadShape, unpackQuads } from '../core/quads.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { dynamicInt8Scratch } from '../kernels/scratch.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { quantizedRow } from './roundRows.ts';

export interface LinearDynamicAttributes {
  /** Output features. */
  readonly units: number;
  /** Rows have a zero point. */
  readonly asymmetric: boolean;
}

/** Columns filled up to whole panels: the extent of scales and offsets. */
export const paddedUnits = (units: number): number => Math.ceil(units / PANEL) * PANEL;

/** The offsets of row-major weights: -128 Σ w of each column, filled up with zeros. */
export function dynamicOffsets(weights: Int8Array, units: number): Int32Array {
  const offsets = new Int32Array(paddedUnits(units));
  weights.forEach((weight, i) => {
    offsets[i % units] = (offsets[i % units] as number) - INPUT_OFFSET * weight;
  });
  return offsets;
}

/**
 * y = x · (w · scale) + bias over the last axis of x (f32) with x quantized as it comes: each row as `roundRows` rounds it (TFLite's hybrid layers).
 * Inputs: x [..., K], w i8 in quads, scales f32 and offsets i32 (`dynamicOffsets`), both [units filled up to 8], bias f32 [units].
 */
export const linearDynamicInt8: Op<LinearDynamicAttributes> = defineOp<LinearDynamicAttributes>({
  name: 'linearDynamicInt8',
  attrs: { units: 1, asymmetric: false },
  infer(inputs, { units }) {
    const { shape } = expectInput(inputs, 0);
    const wanted: [Shape, 'i8' | 'f32' | 'i32', string][] = [
      [quadShape([shape.at(-1) ?? 0, units]), 'i8', 'weights'],
      [[paddedUnits(units)], 'f32', 'scales'],
      [[paddedUnits(units)], 'i32', 'offsets'],
      [[units], 'f32', 'bias'],
    ];
    wanted.forEach(([want, dtype, name], i) => {
      const got = expectInput(inputs, i + 1, dtype).shape;
      if (!sameShape(got, want))
        throw new ThimbleError('SHAPE', `the ${name} do not fit`, { expected: formatShape(want), got: formatShape(got) });
    });
    return [{ dtype: 'f32', shape: [...shape.slice(0, -1), units] }];
  },
  ref([x, w, scales, _offsets, bias], { units, asymmetric }) {
    const { shape, data } = x as RefTensor;
    const depth = shape.at(-1) as number;
    const weights = unpackQuads((w as RefTensor).data, [depth, units]);
    const y = new Float64Array(sizeOf(shape.slice(0, -1)) * units);
    for (let m = 0; m * units < y.length; m++) {
      const { numbers, unit, zero } = quantizedRow(data.subarray(m * depth, (m + 1) * depth), asymmetric);
      for (let n = 0; n < units; n++) {
        const sum = numbers.reduce((all, number, k) => all + (number - zero) * (weights[k * units + n] as number), 0);
        y[m * units + n] = sum * Math.fround(((scales as RefTensor).data[n] as number) * unit) + ((bias as RefTensor).data[n] as number);
      }
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const depth = shape.at(-1) as number;
    const rows = sizeOf(shape.slice(0, -1));
    const { blockRows, band, sums } = dynamicInt8Scratch(rows, depth, ctx.small);
    ctx.step('linear_dynamic_s8', {
      x: ctx.in(0),
      w: ctx.in(1),
      scales: ctx.in(2),
      offsets: ctx.in(3),
      bias: ctx.in(4),
      y: ctx.out(),
      band: ctx.scratch(band),
      sums: ctx.scratch(sums),
      rows,
      columns: ctx.attrs.units,
      depth,
      blockRows,
      asymmetric: ctx.attrs.asymmetric ? 1 : 0,
    });
  },
  grad: { none: 'whole weights have no gradient' },
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: { rtol: 1e-5, atol: 1e-4 },
});
