import { ThimbleError } from '../core/errors.ts';
import { PANEL } from '../core/panels.ts';
import { quadShape, unpackQuads } from '../core/quads.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { scaledInt8Scratch } from '../kernels/scratch.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import type { Address, LowerContext } from './step.ts';

export interface LinearScaledAttributes {
  /** Output features. */
  readonly units: number;
}

/** Columns filled up to whole panels: the extent of totals, zeros and scales. */
const padded = (units: number): number => Math.ceil(units / PANEL) * PANEL;

/** A number a column, filled up with zeros to whole panels. */
export function paddedColumns<T extends Int32Array | Float32Array>(numbers: T): T {
  const all = new (numbers.constructor as new (n: number) => T)(padded(numbers.length));
  all.set(numbers);
  return all;
}

/** Σ w of each column of row-major weights, filled up. */
export function columnTotals(weights: Int8Array, units: number): Int32Array {
  const totals = new Int32Array(padded(units));
  weights.forEach((weight, i) => {
    totals[i % units] = (totals[i % units] as number) + weight;
  });
  return totals;
}

function expectOperands(inputs: readonly TensorType[], units: number, rest: readonly [Shape, 'f32' | 'i32', string][]): Shape {
  const { shape } = expectInput(inputs, 0, 'i8');
  const wanted: [Shape, 'i8' | 'f32' | 'i32', string][] = [
    [[], 'i32', 'zero point'],
    [quadShape([shape.at(-1) ?? 0, units]), 'i8', 'weights'],
    [[padded(units)], 'i32', 'totals'],
    ...rest,
  ];
  // The zero points of the weights are optional.
  if (inputs.length > wanted.length + 1) wanted.push([[padded(units)], 'i32', 'zero points of the weights']);
  wanted.forEach(([want, dtype, name], i) => {
    const got = expectInput(inputs, i + 1, dtype).shape;
    if (!sameShape(got, want)) {
      throw new ThimbleError('SHAPE', `the ${name} do not fit`, { expected: formatShape(want), got: formatShape(got) });
    }
  });
  return [...shape.slice(0, -1), units];
}

/** Σ (x - zero) (w - zeros), row by row. */
function sums(units: number, [x, zero, w, zeros]: readonly (RefTensor | undefined)[]): Float64Array {
  const { shape, data } = x as RefTensor;
  const depth = shape.at(-1) as number;
  const weights = unpackQuads((w as RefTensor).data, [depth, units]);
  const y = new Float64Array(sizeOf(shape.slice(0, -1)) * units);
  for (let i = 0; i < y.length; i++) {
    const [row, n] = [Math.floor(i / units) * depth, i % units];
    for (let k = 0; k < depth; k++) {
      const factor = (weights[k * units + n] as number) - (zeros?.data[n] ?? 0);
      y[i] = (y[i] as number) + ((data[row + k] as number) - ((zero as RefTensor).data[0] as number)) * factor;
    }
  }
  return y;
}

/** `first`: the input after x, zero, w and totals, which is the unit where the sums are scaled. */
function lower(ctx: LowerContext<LinearScaledAttributes>, isScaled: boolean): void {
  const { shape } = ctx.inputs[0] as TensorType;
  const { units } = ctx.attrs;
  const depth = shape.at(-1) as number;
  const rows = sizeOf(shape.slice(0, -1));
  const { blockRows, band, sums: bytes } = scaledInt8Scratch(rows, depth, units, ctx.small);
  const absent = 0 as Address | 0;
  const isWhole = isScaled && ctx.inputs[6]?.dtype === 'i32';
  ctx.step('linear_scaled_s8', {
    x: ctx.in(0),
    zero: ctx.in(1),
    w: ctx.in(2),
    totals: ctx.in(3),
    unit: isScaled ? ctx.in(4) : absent,
    scales: isScaled ? ctx.in(5) : absent,
    bias: isScaled && !isWhole ? ctx.in(6) : absent,
    wholeBias: isWhole ? ctx.in(6) : absent,
    zeros: ctx.optional(isScaled ? 7 : 4),
    y: ctx.out(),
    band: ctx.scratch(band),
    sums: ctx.scratch(bytes),
    rows,
    columns: units,
    depth,
    blockRows,
  });
}

/**
 * Whole sums y = Σ (x - zero) (w - zeros) over the last axis of x, in i32 (ONNX MatMulInteger). Inputs: x i8 [..., K], zero i32 [] known at run time,
 * w i8 in quads of K × units, totals i32 (`columnTotals`), and optionally zeros, the zero points of the columns of w, i32 (`paddedColumns`).
 */
export const linearSumsInt8: Op<LinearScaledAttributes> = defineOp<LinearScaledAttributes>({
  name: 'linearSumsInt8',
  attrs: { units: 1 },
  infer: (inputs, { units }) => [{ dtype: 'i32', shape: expectOperands(inputs, units, []) }],
  ref: ([x, zero, w, _totals, zeros], { units }) => [sums(units, [x, zero, w, zeros])],
  lower: (ctx) => lower(ctx, false),
  grad: { none: 'whole numbers have no gradient' },
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: 'exact',
});

/**
 * The sums of `linearSumsInt8` as floats: y = sums · (scales · unit) + bias, f32. Inputs: x, zero, w and totals as there; unit f32 [] known at run time
 * (the scale of x), scales f32 (`paddedColumns`), bias f32 [units], and optionally zeros as there. A bias in i32 (`paddedColumns`) counts in steps of
 * scales · unit and is added to the sums: y = (sums + bias) · (scales · unit), one rounding less.
 */
export const linearScaledInt8: Op<LinearScaledAttributes> = defineOp<LinearScaledAttributes>({
  name: 'linearScaledInt8',
  attrs: { units: 1 },
  infer: (inputs, { units }) => [
    {
      dtype: 'f32',
      shape: expectOperands(inputs, units, [
        [[], 'f32', 'unit'],
        [[padded(units)], 'f32', 'scales'],
        inputs[6]?.dtype === 'i32' ? [[padded(units)], 'i32', 'bias'] : [[units], 'f32', 'bias'],
      ]),
    },
  ],
  ref([x, zero, w, _totals, unit, scales, bias, zeros], { units }) {
    const column = (of: RefTensor | undefined, i: number) => of?.data[i % units] as number;
    const whole = sums(units, [x, zero, w, zeros]);
    const isWhole = bias?.dtype === 'i32';
    return [
      whole.map((sum, i) => {
        const scale = Math.fround(column(scales, i) * (unit?.data[0] as number));
        return isWhole ? (sum + column(bias, i)) * scale : sum * scale + column(bias, i);
      }),
    ];
  },
  lower: (ctx) => lower(ctx, true),
  grad: { none: 'whole numbers have no gradient' },
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: { rtol: 1e-6, atol: 1e-5 },
});
