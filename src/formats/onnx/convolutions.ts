import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { convTranspose2d } from '../../ops/convTranspose2d.ts';
import { add, broadcast, cast, concat, conv2d, depthwiseConv2d, reshape, scatter, silu, slice, transpose } from '../../ops/index.ts';
import { panels, permuted } from '../weights.ts';
import type { NodeContext, Rows } from './context.ts';
import { table } from './counted.ts';
import { damaged } from './protobuf.ts';
import { padded, reshapedTo } from './shapes.ts';
import { explicitPadding, positions, type Window, windowOf } from './windows.ts';

const toNhwc = (x: Value): Value => transpose(x, { perm: [0, 2, 3, 1] });
const toNchw = (x: Value): Value => transpose(x, { perm: [0, 3, 1, 2] });

/** A convolution of x [N, C, H, W] with w [M, C / groups, kH, kW]. */
function convolve2d(x: Value, w: Value, bias: Value | undefined, groups: number, window: Window): Value {
  const [filters, depth] = w.shape as [number, number];
  const attrs = {
    kernel: window.kernel as [number, number],
    strides: window.strides as [number, number],
    dilations: window.dilations as [number, number],
    padding: explicitPadding(window),
  };
  const rest = bias ? [bias] : [];
  const image = toNhwc(x);
  if (depth === 1 && groups === x.shape[1] && groups > 1) {
    const own = reshapedTo(permuted(w, [2, 3, 1, 0]), [...attrs.kernel, filters]);
    return toNchw(depthwiseConv2d([image, own, ...rest], { ...attrs, multiplier: filters / groups }));
  }
  return toNchw(conv2d([image, panels(permuted(w, [2, 3, 1, 0]), groups), ...rest], { ...attrs, groups, filters }));
}

/** Spatial windows of one axis as images of height 1. */
const flat1d = (window: Window): Window => ({
  kernel: [1, ...window.kernel],
  strides: [1, ...window.strides],
  dilations: [1, ...window.dilations],
  before: [0, ...window.before],
  after: [0, ...window.after],
  stated: [0, ...window.stated],
  out: [1, ...window.out],
});

const last2d = (window: Window): Window =>
  Object.fromEntries(Object.entries(window).map(([name, list]) => [name, list.slice(1)])) as unknown as Window;

/** A convolution over one, two or three spatial axes; three are sums of planes. */
export function convolve(x: Value, w: Value, bias: Value | undefined, groups: number, window: Window): Value {
  const rank = x.shape.length - 2;
  const [batch, channels] = x.shape as [number, number];
  const filters = w.shape[0] as number;
  if (rank === 2) return convolve2d(x, w, bias, groups, window);
  if (rank === 1) {
    const image = reshape(x, { shape: [batch, channels, 1, x.shape[2] as number] });
    const kernel = reshapedTo(w, [filters, w.shape[1] as number, 1, w.shape[2] as number]);
    return reshape(convolve2d(image, kernel, bias, groups, flat1d(window)), { shape: [batch, filters, ...window.out] });
  }
  if (rank !== 3)
    throw new ThimbleError('SHAPE', `a convolution over ${rank} spatial axes`, { expected: '1, 2 or 3', got: formatShape(x.shape) });
  return convolve3d(x, w, bias, groups, window);
}

function convolve3d(x: Value, w: Value, bias: Value | undefined, groups: number, window: Window): Value {
  const [batch, channels, , height, width] = x.shape as [number, number, number, number, number];
  const [filters, depth, planes] = w.shape as [number, number, number];
  const [out = 0] = window.out;
  const pads = x.shape.map((_, i): [number, number] => (i === 2 ? [window.before[0] as number, window.after[0] as number] : [0, 0]));
  const volume = transpose(padded(x, pads, 'constant', 0), { perm: [2, 0, 1, 3, 4] });
  const sum = table(planes, (k) => {
    const starts = [k * (window.dilations[0] as number), 0, 0, 0, 0];
    const sizes = [out, batch, channels, height, width];
    const part = slice(volume, { starts, sizes, steps: [window.strides[0] as number, 1, 1, 1, 1] });
    const plane = slice(w, { starts: [0, 0, k, 0, 0], sizes: [filters, depth, 1, ...w.shape.slice(3)] });
    const images = reshape(part, { shape: [out * batch, channels, height, width] });
    const kernel = reshape(plane, { shape: [filters, depth, ...w.shape.slice(3)] });
    return convolve2d(images, kernel, k === 0 ? bias : undefined, groups, last2d(window));
  }).reduce((a, b) => add([a, b]));
  return transpose(reshape(sum, { shape: [out, batch, filters, ...window.out.slice(1)] }), { perm: [1, 2, 0, 3, 4] });
}

function conv(n: NodeContext): Value {
  const x = n.f32(0);
  const w = n.f32(1);
  return convolve(x, w, n.has(2) ? n.f32(2) : undefined, n.int('group', 1), convWindow(n, x, w));
}

/** The window of a convolution, checked against its operands. */
export function convWindow(n: NodeContext, x: Value, w: Value): Window {
  const groups = n.int('group', 1);
  const [, channels = 0, ...spatial] = x.shape;
  const [filters = 0, depth = 0, ...extents] = w.shape;
  if (x.shape.length < 3 || x.shape.length !== w.shape.length || groups < 1 || depth * groups !== channels || filters % groups) {
    throw new ThimbleError('SHAPE', 'the weights do not fit', {
      expected: `[filters, ${channels} / ${groups}, ...kernel]`,
      got: `${formatShape(w.shape)} for x ${formatShape(x.shape)}`,
    });
  }
  return windowOf(n, spatial, n.ints('kernel_shape', extents));
}

/** A transposed convolution: x [N, C, ...], w [C, M / groups, ...kernel]. */
function convTranspose(n: NodeContext): Value {
  const x = n.f32(0);
  const w = n.f32(1);
  const groups = n.int('group', 1);
  const rank = x.shape.length - 2;
  const kernel = w.shape.slice(2);
  const filters = (w.shape[1] as number) * groups;
  const spatial = x.shape.slice(2);
  const strides = n.ints(
    'strides',
    spatial.map(() => 1),
  );
  const dilations = n.ints(
    'dilations',
    spatial.map(() => 1),
  );
  const extra = n.ints(
    'output_padding',
    spatial.map(() => 0),
  );
  if ([strides, dilations, extra, kernel].some((list) => list.length !== rank))
    throw damaged('strides, dilations and kernel differ in length');
  const full = spatial.map(
    (extent, i) => (extent - 1) * (strides[i] as number) + ((kernel[i] as number) - 1) * (dilations[i] as number) + 1,
  );
  const auto = n.text('auto_pad', 'NOTSET');
  const wanted = n.attribute('output_shape')
    ? n.ints('output_shape').slice(-rank)
    : auto.startsWith('SAME')
      ? spatial.map((extent, i) => extent * (strides[i] as number))
      : undefined;
  const given = n.ints('pads', new Array<number>(2 * rank).fill(0));
  const pads = full.map((extent, i): [number, number] => {
    if (!wanted)
      return auto === 'VALID' ? [0, -(extra[i] as number)] : [given[i] as number, (given[i + rank] as number) - (extra[i] as number)];
    const total = extent + (extra[i] as number) - (wanted[i] as number);
    const less = Math.floor(total / 2);
    return auto === 'SAME_UPPER' ? [less, total - less - (extra[i] as number)] : [total - less, less - (extra[i] as number)];
  });
  const bias = n.has(2) ? n.f32(2) : undefined;
  if (rank === 3) return transpose3d(x, w, bias, { groups, strides, dilations, pads, full });
  return transposed2d(x, w, bias, { groups, strides, dilations, pads, full, filters });
}

interface Transposed {
  readonly groups: number;
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** What is cut from the full result, or padded with zeros where negative. */
  readonly pads: readonly (readonly [number, number])[];
  readonly full: readonly number[];
}

function transposed2d(
  x: Value,
  w: Value,
  bias: Value | undefined,
  { groups, strides, dilations, pads, full, filters }: Transposed & { filters: number },
): Value {
  const rank = x.shape.length - 2;
  const image = rank === 1 ? reshape(x, { shape: [...x.shape.slice(0, 2), 1, x.shape[2] as number] }) : x;
  const weights = rank === 1 ? reshapedTo(w, [...w.shape.slice(0, 2), 1, w.shape[2] as number]) : w;
  const lead = <T>(list: readonly T[], first: T): [T, T] => [...(rank === 1 ? [first] : []), ...list] as [T, T];
  const kernel = lead(w.shape.slice(2), 1);
  const y = convTranspose2d([toNhwc(image), panels(permuted(weights, [2, 3, 1, 0]), groups)], {
    kernel,
    strides: lead(strides, 1),
    dilations: lead(dilations, 1),
    padding: 'valid',
    groups,
    filters,
  });
  const cut = padded(
    toNchw(y),
    [[0, 0], [0, 0], ...lead<readonly [number, number]>(pads, [0, 0]).map(([a, b]) => [-a, -b] as const)],
    'constant',
    0,
  );
  const biased = bias ? add([cut, reshapedTo(bias, [filters, 1, 1])]) : cut;
  return rank === 1
    ? reshape(biased, { shape: [x.shape[0] as number, filters, (full[0] as number) - (pads[0]?.[0] ?? 0) - (pads[0]?.[1] ?? 0)] })
    : biased;
}

/** Three spatial axes: each plane of the kernel gives planes that are added where they belong. */
function transpose3d(x: Value, w: Value, bias: Value | undefined, { groups, strides, dilations, pads, full }: Transposed): Value {
  const [batch, channels, depth, height, width] = x.shape as [number, number, number, number, number];
  const filters = (w.shape[1] as number) * groups;
  const images = reshape(transpose(x, { perm: [2, 0, 1, 3, 4] }), { shape: [depth * batch, channels, height, width] });
  const plane = { groups, strides: strides.slice(1), dilations: dilations.slice(1), pads: pads.slice(1), full: full.slice(1), filters };
  const sum = table(w.shape[2] as number, (k) => {
    const own = slice(w, { starts: [0, 0, k, 0, 0], sizes: [channels, w.shape[1] as number, 1, ...w.shape.slice(3)] });
    const y = transposed2d(images, reshape(own, { shape: [channels, w.shape[1] as number, ...w.shape.slice(3)] }), undefined, plane);
    const spread = reshape(y, { shape: [depth, 1, batch, filters, ...y.shape.slice(2)] });
    const rest = spread.shape.slice(2).map((): [number, number] => [0, 0]);
    const apart = padded(spread, [[0, 0], [0, (strides[0] as number) - 1], ...rest], 'constant', 0);
    const lines = reshape(apart, { shape: [depth * (strides[0] as number), ...apart.shape.slice(2)] });
    const at = k * (dilations[0] as number);
    return padded(lines, [[at, (full[0] as number) - at - (lines.shape[0] as number)], ...rest], 'constant', 0);
  }).reduce((a, b) => add([a, b]));
  const cut = padded(
    sum,
    [
      [-(pads[0]?.[0] ?? 0), -(pads[0]?.[1] ?? 0)],
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    'constant',
    0,
  );
  const y = transpose(cut, { perm: [1, 2, 0, 3, 4] });
  return bias ? add([y, reshapedTo(bias, [filters, 1, 1, 1])]) : y;
}

/** Sums of products stay exact in f32 as long as they are below 2²⁴: 8-bit operands, this many at a time. */
const EXACT = 2 ** 24 / 2 ** 16;

/** An integer convolution: x and w without their zero points; the result is exact in i32. */
export function convolveIntegers(x: Value, w: Value, groups: number, window: Window): Value {
  const perStep = Math.max(1, Math.floor(EXACT / sizeOf(window.kernel)));
  const depth = w.shape[1] as number;
  const float = (value: Value) => cast(value, { to: 'f32' });
  if (depth <= perStep) return cast(convolve(float(x), float(w), undefined, groups, window), { to: 'i32' });
  const perGroup = (w.shape[0] as number) / groups;
  const box = (value: Value, axis: number, start: number, size: number) =>
    slice(value, {
      starts: value.shape.map((_, i) => (i === axis ? start : 0)),
      sizes: value.shape.map((extent, i) => (i === axis ? size : extent)),
    });
  const results = table(groups, (g) => {
    const parts: Value[] = [];
    for (let start = 0; start < depth; start += perStep) {
      const size = Math.min(perStep, depth - start);
      const own = box(box(w, 0, g * perGroup, perGroup), 1, start, size);
      parts.push(cast(convolve(float(box(x, 1, g * depth + start, size)), float(own), undefined, 1, window), { to: 'i32' }));
    }
    return parts.reduce((a, b) => add([a, b]));
  });
  return results.length === 1 ? (results[0] as Value) : concat(results, { axis: 1 });
}

/** Sums overlapping blocks into images: [N, C · block, L] → [N, C, ...image]. */
function col2im(n: NodeContext): Value {
  const x = n.f32(0);
  const image = n.numbers(1);
  const block = n.numbers(2);
  const rank = image.length;
  const window = windowOf(n, image, block);
  const [batch, rows] = x.shape as [number, number];
  const channels = rows / sizeOf(block);
  const places = positions(window.out);
  const strides = image.map((_, i) => sizeOf(image.slice(i + 1)));
  const dump = sizeOf(image);
  const at = positions(block).flatMap((k) =>
    places.map((p) => {
      const point = p.map(
        (o, i) => o * (window.strides[i] as number) + (k[i] as number) * (window.dilations[i] as number) - (window.before[i] as number),
      );
      const inside = point.every((value, i) => value >= 0 && value < (image[i] as number));
      return inside ? point.reduce((sum, value, i) => sum + value * (strides[i] as number), 0) : dump;
    }),
  );
  const planes = batch * channels;
  const updates = transpose(reshape(x, { shape: [planes, at.length] }), { perm: [1, 0] });
  const sums = scatter([broadcast(n.graph.scalar(0), { shape: [dump, planes] }), n.integers(at), updates], { reduction: 'add' });
  if (rank === 0) throw damaged('the image has no axes');
  return reshape(transpose(sums, { perm: [1, 0] }), { shape: [batch, channels, ...image] });
}

/** A causal depthwise convolution over time that keeps the last inputs as its state (ONNX CausalConvWithState). */
function causalConv(n: NodeContext): (Value | undefined)[] {
  const x = n.f32(0);
  const w = n.f32(1);
  const [batch, channels, steps] = x.shape as [number, number, number];
  const width = w.shape.at(-1) as number;
  if (x.shape.length !== 3 || w.shape[0] !== channels || w.shape[1] !== 1 || w.shape.length !== 3)
    throw new ThimbleError('SHAPE', 'the weights do not fit', { expected: `[${channels}, 1, kernel]`, got: formatShape(w.shape) });
  const past = n.has(3) ? n.f32(3) : broadcast(n.graph.scalar(0), { shape: [batch, channels, width - 1] });
  const line = concat([past, x], { axis: 2 });
  const window: Window = { kernel: [width], strides: [1], dilations: [1], before: [0], after: [0], stated: [0], out: [steps] };
  const y = convolve(line, w, n.has(2) ? n.f32(2) : undefined, channels, window);
  const state = slice(line, { starts: [0, 0, (line.shape[2] as number) - (width - 1)], sizes: [batch, channels, width - 1] });
  const activation = n.text('activation', 'none');
  if (!['none', '', 'silu', 'swish'].includes(activation)) n.refuse(`activation "${activation}"`, { expected: 'none, silu or swish' });
  return [activation.startsWith('s') ? silu(y) : y, state];
}

/** Convolutions of all kinds. */
export const convolutions: Rows = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Col2Im: col2im,
  CausalConvWithState: causalConv,
};
