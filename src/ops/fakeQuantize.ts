import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { producer, type Value } from '../ir/graph.ts';
import { dataOf } from './constants.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import type { LowerContext } from './step.ts';

export interface FakeQuantizeAttributes {
  /** The smallest and largest whole number: -128 and 127 of an int8, -127 for weights, whose steps are symmetric. */
  readonly low: number;
  readonly high: number;
}

const int8: FakeQuantizeAttributes = { low: -128, high: 127 };

/** x as [blocks, rows, columns]: steps are one for all, or one for each column of each block. */
interface Grid {
  readonly blocks: number;
  readonly rows: number;
  readonly columns: number;
  readonly perColumn: number;
}

/** @throws SHAPE where steps of shape `scale` are neither one nor [block axes of x..., 1..., columns of x]. */
function gridOf(x: Shape, scale: Shape): Grid {
  const columns = x.at(-1) ?? 1;
  if (sizeOf(scale) === 1) return { blocks: 1, rows: 1, columns: sizeOf(x), perColumn: 0 };
  const whole = [...new Array<number>(Math.max(0, x.length - scale.length)).fill(1), ...scale];
  const axes = whole.slice(0, -1);
  const lead = axes.findLastIndex((extent) => extent !== 1) + 1;
  const fits = whole.length === x.length && whole.at(-1) === columns && axes.every((extent, i) => extent === (i < lead ? x[i] : 1));
  if (!fits)
    throw new ThimbleError('SHAPE', 'the steps do not fit', {
      expected: `one, or one a column of ${formatShape(x)}`,
      got: formatShape(scale),
    });
  const blocks = sizeOf(x.slice(0, lead));
  return { blocks, rows: sizeOf(x.slice(lead, -1)), columns, perColumn: 1 };
}

function infer(inputs: readonly TensorType[]): TensorType[] {
  const { shape } = expectInput(inputs, 0);
  const scale = expectInput(inputs, 1).shape;
  gridOf(shape, scale);
  if (sizeOf(expectInput(inputs, 2).shape) !== sizeOf(scale)) throw new ThimbleError('SHAPE', 'each step needs its zero point');
  return [{ dtype: 'f32', shape }];
}

function halfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/** Calls back with each element's whole number, not yet limited, its step and its zero point. */
function mapSteps(
  [x, scale, zero]: readonly RefTensor[],
  f: (whole: number, step: number, zero: number, index: number) => number,
): Float64Array {
  const { shape, data } = x as RefTensor;
  const { rows, columns, perColumn } = gridOf(shape, (scale as RefTensor).shape);
  return data.map((value, i) => {
    const at = perColumn ? Math.floor(i / (rows * columns)) * columns + (i % columns) : 0;
    const step = (scale as RefTensor).data[at] as number;
    const point = (zero as RefTensor).data[at] as number;
    return f(halfEven(Math.fround(value / step)) + point, step, point, i);
  });
}

function lower(ctx: LowerContext<FakeQuantizeAttributes>, kernel: 'fake_quantize_f32' | 'fake_quantize_f32_grad'): void {
  const [x, scale] = ctx.inputs as [TensorType, TensorType];
  ctx.step(kernel, {
    x: ctx.in(0),
    scale: ctx.in(1),
    zero: ctx.in(2),
    dy: ctx.optional(3),
    y: ctx.out(),
    ...gridOf(x.shape, scale.shape),
    ...ctx.attrs,
  });
}

/**
 * What x (f32) is after it was quantized and dequantized: (min(max(round(x / scale) + zero, low), high) - zero) · scale, halves to even.
 * Inputs: x, scale and zero (whole numbers in f32) of one element, or one a column of x; of panels, [groups, panels, 1, 8].
 * The gradient passes straight through where x is within the range (Bengio et al. 2013, Jacob et al. 2018); scale and zero get none.
 */
export const fakeQuantize: Op<FakeQuantizeAttributes> = defineOp<FakeQuantizeAttributes>({
  name: 'fakeQuantize',
  attrs: int8,
  infer,
  ref: (inputs, { low, high }) => [mapSteps(inputs, (whole, step, zero) => (Math.min(Math.max(whole, low), high) - zero) * step)],
  lower: (ctx) => lower(ctx, 'fake_quantize_f32'),
  grad: ({ inputs, attrs, wants }, [dy]) => [wants[0] ? fakeQuantizeGrad([...inputs, dy as Value], attrs) : null, null, null],
  inplace: [0],
  tolerance: { rtol: 1e-6, atol: 1e-6 },
});

/** dx: dy where the number of x is within low..high, else 0. Inputs: x, scale, zero, dy. */
export const fakeQuantizeGrad: Op<FakeQuantizeAttributes> = defineOp<FakeQuantizeAttributes>({
  name: 'fakeQuantizeGrad',
  attrs: int8,
  infer,
  ref: (inputs, { low, high }) => [
    mapSteps(inputs, (whole, _step, _zero, i) => (whole >= low && whole <= high ? ((inputs[3] as RefTensor).data[i] as number) : 0)),
  ],
  lower: (ctx) => lower(ctx, 'fake_quantize_f32_grad'),
  grad: { none: 'second derivatives are not supported' },
  inplace: [3, 0],
  tolerance: 'exact',
});

/** The step between neighbouring numbers of a value that has just been quantized with constant steps; undefined for others. */
export function stepOf(value: Value): number | undefined {
  const node = producer(value);
  return node?.op === 'fakeQuantize' ? dataOf(node.inputs[1] as Value)[0] : undefined;
}
