import { ThimbleError } from '../core/errors.ts';
import { roundHalfEven } from '../core/fixedPoint.ts';
import { PANEL } from '../core/panels.ts';
import { nibbleShape, packNibbles, packQuads, quadShape, unpackNibbles, unpackQuads } from '../core/quads.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { linearWeightsScratch } from '../kernels/scratch.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface LinearWeightsAttributes {
  /** Output features. */
  readonly units: number;
  /** Bits of a weight: numbers in -128..127, or in -8..7. */
  readonly bits: 8 | 4;
  /** Rows of weights that share a scale in each column; 0: all. */
  readonly group: number;
}

/** Longest run of products that a 32-bit sum holds: 512 · 2^15 · 2^7 in two halves. */
const LONGEST = 512;
/** Runs where groups do not set them: a large number of x costs the others of its run precision, and each run costs a scaling. */
const RUN = 64;
/** What the largest number of a run of x becomes. */
const LARGEST = 32767;

/** Runs of the sum between two scalings. @throws UNSUPPORTED_ATTR where a group is not a multiple of 4 that divides the depth. */
export function runsOf(
  depth: number,
  { group, bits }: Pick<LinearWeightsAttributes, 'group' | 'bits'>,
): { length: number; count: number; scales: number } {
  const whole = group === 0 || group === depth;
  if ((bits !== 8 && bits !== 4) || (!whole && (group % 4 || depth % group || group > LONGEST || group < 0))) {
    throw new ThimbleError('UNSUPPORTED_ATTR', `groups of ${group} rows of ${bits}-bit weights`, {
      expected: `4 or 8 bits; 0, or a multiple of 4 up to ${LONGEST} that divides ${depth}`,
    });
  }
  if (!whole) return { length: group, count: depth / group, scales: depth / group };
  // The longest equal runs of whole quads; the last may be padded.
  const count = Math.max(1, Math.ceil(depth / RUN));
  return { length: Math.ceil(depth / count / 4) * 4, count, scales: 1 };
}

/** The memory shape of the weights of K × units. */
export function weightShape(depth: number, attrs: LinearWeightsAttributes): Shape {
  const { length, count } = runsOf(depth, attrs);
  const shape = [length * count, attrs.units];
  return attrs.bits === 4 ? nibbleShape(shape) : quadShape(shape);
}

/** Row-major whole numbers of K × units as `linearWeights` takes them. */
export function packWeights<T extends Int8Array | Float64Array>(numbers: T, depth: number, attrs: LinearWeightsAttributes): T {
  const { length, count } = runsOf(depth, attrs);
  const padded = new (numbers.constructor as new (n: number) => T)(length * count * attrs.units);
  padded.set(numbers);
  return attrs.bits === 4 ? packNibbles(padded, [length * count, attrs.units]) : packQuads(padded, [length * count, attrs.units]);
}

/** Memory shape of the scales: one a column of each group, columns filled up to whole panels. */
export const scaleShape = (depth: number, attrs: LinearWeightsAttributes): Shape => [
  runsOf(depth, attrs).scales,
  Math.ceil(attrs.units / PANEL) * PANEL,
];

/**
 * y = x · (w · scale) + bias over the last axis of x (f32), for weights of 8 or 4 bits: a quarter or an eighth of the memory to hold, and to read,
 * which is what a product of few rows waits for. Each run of x (a group, or about 64 numbers) is rounded to 16 bits, of its largest number (an error of
 * 2^-16 of that), so that sums are of whole numbers. Inputs: x [..., K], w i8 (`weightShape`), scales f32 (`scaleShape`), bias f32 [units].
 */
export const linearWeights: Op<LinearWeightsAttributes> = defineOp<LinearWeightsAttributes>({
  name: 'linearWeights',
  attrs: { units: 1, bits: 8, group: 0 },
  infer(inputs, attrs) {
    const { shape } = expectInput(inputs, 0);
    const depth = shape.at(-1) ?? 0;
    const wanted: [Shape, Shape, Shape] = [weightShape(depth, attrs), scaleShape(depth, attrs), [attrs.units]];
    wanted.forEach((want, i) => {
      const got = expectInput(inputs, i + 1, i === 0 ? 'i8' : 'f32').shape;
      if (!sameShape(got, want)) {
        throw new ThimbleError('SHAPE', `the ${['weights', 'scales', 'bias'][i]} do not fit`, {
          expected: formatShape(want),
          got: formatShape(got),
        });
      }
    });
    return [{ dtype: 'f32', shape: [...shape.slice(0, -1), attrs.units] }];
  },
  ref([x, w, scales, bias], attrs) {
    const { shape, data } = x as RefTensor;
    const depth = shape.at(-1) as number;
    const { units, bits } = attrs;
    const { length, count, scales: sets } = runsOf(depth, attrs);
    const logical = [length * count, units];
    const weights = bits === 4 ? unpackNibbles((w as RefTensor).data, logical) : unpackQuads((w as RefTensor).data, logical);
    const width = (scales as RefTensor).shape[1] as number;
    const rows = sizeOf(shape.slice(0, -1));
    const y = new Float64Array(rows * units);
    for (let m = 0; m < rows; m++) {
      const row = data.subarray(m * depth, (m + 1) * depth);
      const rounded = new Float64Array(depth);
      for (let first = 0; first < depth; first += length) {
        const run = row.subarray(first, first + length);
        const most = run.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        const factor = most > 0 ? Math.fround(LARGEST / most) : 0;
        run.forEach((value, k) => {
          rounded[first + k] = (roundHalfEven(Math.fround(value * factor)) * most) / LARGEST;
        });
      }
      for (let n = 0; n < units; n++) {
        let sum = (bias as RefTensor).data[n] as number;
        for (let k = 0; k < depth; k++) {
          const set = sets === 1 ? 0 : Math.floor(k / length);
          sum += (rounded[k] as number) * (weights[k * units + n] as number) * ((scales as RefTensor).data[set * width + n] as number);
        }
        y[m * units + n] = sum;
      }
    }
    return [y];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const depth = shape.at(-1) as number;
    const { units: columns, bits } = ctx.attrs;
    const { length, count, scales } = runsOf(depth, ctx.attrs);
    const rows = sizeOf(shape.slice(0, -1));
    const { blockRows, bytes } = linearWeightsScratch(rows, length, count, ctx.small);
    ctx.step('linear_weights_f32', {
      x: ctx.in(0),
      w: ctx.in(1),
      scales: ctx.in(2),
      bias: ctx.in(3),
      y: ctx.out(),
      scratch: ctx.scratch(bytes),
      rows,
      columns,
      depth,
      length,
      count,
      scaleStride: scales === 1 ? 0 : Math.ceil(columns / PANEL) * PANEL,
      bits,
      blockRows,
    });
  },
  grad: { none: 'whole weights have no gradient' },
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: { rtol: 1e-5, atol: 1e-4 },
});
