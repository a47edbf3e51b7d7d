import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import {
  abs,
  add,
  averagePool2d,
  broadcast,
  greater,
  max,
  maxPool2d,
  maxPool2dInt8,
  mul,
  pow,
  reduceMax,
  reduceMean,
  reduceSquares,
  reduceSum,
  reshape,
  scatter,
  sqrt,
  transpose,
  where,
} from '../../ops/index.ts';
import type { PoolAttributes } from '../../ops/pool.ts';
import { bytesOf, integersOf } from './bytes.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { checkTable, table } from './counted.ts';
import { bool } from './math.ts';
import { damaged } from './protobuf.ts';
import { padded, reshapedTo } from './shapes.ts';
import { explicitPadding, positions, taps, type Window, windowOf } from './windows.ts';

const poolWindow = (n: NodeContext): Window => windowOf(n, n.shape(0).slice(2), n.ints('kernel_shape'));

/** Whether the pooling kernels, which know images and no dilation, do it. */
const isPlain = ({ dilations, before, kernel }: Window): boolean =>
  (kernel.length === 2 || kernel.length === 1) && dilations.every((d) => d === 1) && before.every((pad, i) => pad < (kernel[i] as number));

type Pool = (x: Value, window: Pick<PoolAttributes, 'kernel' | 'strides' | 'padding'>) => Value;

function pool2d(op: Pool, x: Value, window: Window): Value {
  const flat = window.kernel.length === 1;
  const pair = (list: readonly number[], first: number): [number, number] =>
    flat ? [first, list[0] as number] : [list[0] as number, list[1] as number];
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const image = flat ? reshape(x, { shape: [batch, channels, 1, ...spatial] }) : x;
  const whole = explicitPadding({ ...window, before: pair(window.before, 0), after: pair(window.after, 0) });
  const y = op(transpose(image, { perm: [0, 2, 3, 1] }), {
    kernel: pair(window.kernel, 1),
    strides: pair(window.strides, 1),
    padding: whole,
  });
  return reshapedTo(transpose(y, { perm: [0, 3, 1, 2] }), [batch, channels, ...window.out]);
}

function maxPool(n: NodeContext): Result {
  const operand = n.operand(0);
  const x = operand.value;
  const window = poolWindow(n);
  const bytes = bytesOf(x, operand.elem);
  if (bytes && isPlain(window) && !n.wants(1)) return integersOf(pool2d(maxPool2dInt8, bytes, window), operand.elem);
  if (x.dtype === 'f32' && isPlain(window) && !n.wants(1)) return pool2d(maxPool2d, x, window);
  const lowest = x.dtype === 'f32' ? Number.NEGATIVE_INFINITY : -(2 ** 31);
  const all = taps(x, window, lowest);
  const values = all.map(({ value }) => value);
  if (!n.wants(1)) return { value: values.reduce((a, b) => max([a, b])), elem: operand.elem };
  const columns = n.int('storage_order', 0) !== 0;
  const indices = all.map(({ offset }) =>
    n.integers(sourceIndexes(x.shape, window, offset, columns), [...x.shape.slice(0, 2), ...window.out]),
  );
  let best = values[0] as Value;
  let index = indices[0] as Value;
  for (let i = 1; i < all.length; i++) {
    const better = bool(greater([values[i] as Value, best])).value;
    index = where([better, indices[i] as Value, index]);
    best = max([best, values[i] as Value]);
  }
  return [
    { value: best, elem: operand.elem },
    { value: index, elem: 'int64' },
  ];
}

/** Flat indexes into x of what each output sees at `offset` of its window; 0 outside. */
function sourceIndexes(
  shape: readonly number[],
  { out, strides, dilations, before }: Window,
  offset: readonly number[],
  columns: boolean,
): number[] {
  const spatial = shape.slice(2);
  const steps = spatial.map((_, i) => sizeOf(columns ? spatial.slice(0, i) : spatial.slice(i + 1)));
  const places = positions(out).map((point) => {
    const at = point.map((o, i) => o * (strides[i] as number) + (offset[i] as number) * (dilations[i] as number) - (before[i] as number));
    const inside = at.every((value, i) => value >= 0 && value < (spatial[i] as number));
    return inside ? at.reduce((sum, value, i) => sum + value * (steps[i] as number), 0) : 0;
  });
  const planes = sizeOf(shape.slice(0, 2));
  checkTable(planes * places.length);
  return table(planes, (plane) => places.map((at) => plane * sizeOf(spatial) + at)).flat();
}

function averagePool(n: NodeContext): Value {
  const x = n.f32(0);
  const window = poolWindow(n);
  const includePad = n.int('count_include_pad', 0) !== 0;
  const asStated = window.after.every((after, i) => after <= (window.stated[i] as number));
  if (isPlain(window) && (asStated || !includePad)) {
    return pool2d((image, attrs) => averagePool2d(image, { ...attrs, includePad }), x, window);
  }
  const sum = taps(x, window, 0)
    .map(({ value }) => value)
    .reduce((a, b) => add([a, b]));
  const spatial = x.shape.slice(2);
  const shares = positions(window.out).map((point) => {
    const counts = point.map((o, i) => {
      const [from, to] = includePad
        ? [-(window.before[i] as number), (spatial[i] as number) + (window.stated[i] as number)]
        : [0, spatial[i] as number];
      const first = o * (window.strides[i] as number) - (window.before[i] as number);
      return table(window.kernel[i] as number, (k) => first + k * (window.dilations[i] as number)).filter((at) => at >= from && at < to)
        .length;
    });
    return 1 / Math.max(1, sizeOf(counts));
  });
  return mul([sum, n.constant(shares, window.out)]);
}

/** (Σ |x|^p)^(1/p) of each window. */
function lpPool(n: NodeContext): Value {
  const p = n.int('p', 2);
  const powers = taps(n.f32(0), poolWindow(n), 0).map(({ value }) => pow([abs(value), n.graph.scalar(p)]));
  return pow([powers.reduce((a, b) => add([a, b])), n.graph.scalar(1 / p)]);
}

const overSpace =
  (reduce: typeof reduceMean) =>
  (n: NodeContext): Value =>
    reduce(n.f32(0), {
      axes: n
        .shape(0)
        .map((_, i) => i)
        .slice(2),
      keepDims: true,
    });

function globalLpPool(n: NodeContext): Value {
  const x = n.f32(0);
  const over = { axes: x.shape.map((_, i) => i).slice(2), keepDims: true };
  const p = n.int('p', 2);
  if (p === 2) return sqrt(reduceSquares(x, over));
  return pow([reduceSum(pow([abs(x), n.graph.scalar(p)]), over), n.graph.scalar(1 / p)]);
}

/**
 * Puts values back where MaxPool found them. Indices count in the tensor that such a pooling has; where `output_shape` asks for more, zeros
 * follow on each axis, as in the ONNX reference.
 */
function maxUnpool(n: NodeContext): Value {
  const x = n.f32(0);
  const kernel = n.ints('kernel_shape');
  const rank = x.shape.length - 2;
  const strides = n.ints('strides', new Array<number>(rank).fill(1));
  const pads = n.ints('pads', new Array<number>(2 * rank).fill(0));
  if (rank < 1 || kernel.length !== rank || strides.length !== rank || pads.length !== 2 * rank)
    throw damaged(`kernel, strides and pads do not have ${rank} axes`);
  const pooled = x.shape
    .slice(2)
    .map((extent, i) => (extent - 1) * (strides[i] as number) + (kernel[i] as number) - (pads[i] as number) - (pads[i + rank] as number));
  const shape = [...x.shape.slice(0, 2), ...pooled];
  const flat = (value: Value) => reshapedTo(value, [sizeOf(value.shape)]);
  const zeros = broadcast(n.graph.scalar(0), { shape: [sizeOf(shape)] });
  const y = reshapedTo(scatter([zeros, flat(n.x(1)), flat(x)], { reduction: 'none' }), shape);
  const wanted = n.has(2) ? n.numbers(2) : shape;
  if (wanted.length !== shape.length) throw new ThimbleError('SHAPE', `output_shape [${wanted}] for ${formatShape(shape)}`);
  return padded(
    y,
    wanted.map((extent, i): [number, number] => [0, extent - (shape[i] as number)]),
    'constant',
    0,
  );
}

/** Local response normalisation over channels (Krizhevsky et al. 2012). */
function lrn(n: NodeContext): Value {
  const x = n.f32(0);
  const size = n.int('size');
  const channels = x.shape[1] as number;
  const flat = reshapedTo(x, [x.shape[0] as number, 1, channels, sizeOf(x.shape.slice(2))]);
  const window: Window = {
    kernel: [size, 1],
    strides: [1, 1],
    dilations: [1, 1],
    before: [Math.floor((size - 1) / 2), 0],
    after: [Math.ceil((size - 1) / 2), 0],
    stated: [0, 0],
    out: [channels, sizeOf(x.shape.slice(2))],
  };
  const sum = taps(mul([flat, flat]), window, 0)
    .map(({ value }) => value)
    .reduce((a, b) => add([a, b]));
  const scale = add([mul([sum, n.graph.scalar(n.float('alpha', 1e-4) / size)]), n.graph.scalar(n.float('bias', 1))]);
  return mul([x, reshapedTo(pow([scale, n.graph.scalar(-n.float('beta', 0.75))]), x.shape)]);
}

export const pooling: Rows = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: lpPool,
  GlobalAveragePool: overSpace(reduceMean),
  GlobalMaxPool: overSpace(reduceMax),
  GlobalLpPool: globalLpPool,
  MaxUnpool: maxUnpool,
  LRN: lrn,
};
