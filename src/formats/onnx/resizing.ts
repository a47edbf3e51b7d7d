import { ThimbleError } from '../../core/errors.ts';
import { normalizeAxis } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { cast, gather, linear, resize, transpose, where } from '../../ops/index.ts';
import type { ResizeAttributes } from '../../ops/resize.ts';
import { panels } from '../weights.ts';
import { bytesOf, integersOf } from './bytes.ts';
import type { NodeContext, Rows } from './context.ts';
import { checkTable, table } from './counted.ts';
import type { Operand } from './operand.ts';
import { damaged } from './protobuf.ts';

/** One resized axis: how output positions map to the input. */
interface AxisScale {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly roi: readonly [number, number];
}

interface ResizeMode {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly extrapolation: number;
}

/** Where output position `i` lies in the input (coordinate_transformation_mode of ONNX Resize). */
function sourcePosition(i: number, { from, to, scale, roi }: AxisScale, coordinates: string): number {
  switch (coordinates) {
    case 'asymmetric':
      return i / scale;
    case 'align_corners': {
      // The reference of ONNX counts the length before it is rounded down to whole elements.
      const length = from * scale;
      return length === 1 ? 0 : (i * (from - 1)) / (length - 1);
    }
    case 'pytorch_half_pixel':
      return to > 1 ? (i + 0.5) / scale - 0.5 : -0.5;
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    case 'half_pixel_symmetric': {
      const adjustment = to / (from * scale);
      const center = from / 2;
      return center * (1 - adjustment) + (i + 0.5) / scale - 0.5;
    }
    case 'tf_crop_and_resize':
      return to > 1 ? roi[0] * (from - 1) + (i * (roi[1] - roi[0]) * (from - 1)) / (to - 1) : 0.5 * (roi[0] + roi[1]) * (from - 1);
    default:
      throw new ThimbleError('UNSUPPORTED_ATTR', `coordinate_transformation_mode "${coordinates}"`);
  }
}

function nearestOf(x: number, mode: string): number {
  if (mode === 'floor') return Math.floor(x);
  if (mode === 'ceil') return Math.ceil(x);
  if (mode === 'round_prefer_ceil') return Math.floor(x + 0.5);
  return Math.ceil(x - 0.5);
}

/** Keys' cubic convolution kernel with parameter `a` (Keys 1981). */
function cubicWeight(x: number, a: number): number {
  const t = Math.abs(x);
  if (t <= 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
  return t < 2 ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a : 0;
}

/** Input indexes (they may be outside) and weights that output position `i` is made of. */
function contributions(i: number, axis: AxisScale, m: ResizeMode): [number, number][] {
  const at = sourcePosition(i, axis, m.coordinates);
  if (m.mode === 'nearest') return [[nearestOf(at, m.nearest), 1]];
  // Antialiasing widens the kernel when it shrinks the axis.
  const stretch = m.antialias ? Math.min(1, axis.scale) : 1;
  const reach = (m.mode === 'cubic' ? 2 : 1) / stretch;
  const weight = (x: number) => (m.mode === 'cubic' ? cubicWeight(x * stretch, m.cubic) : Math.max(0, 1 - Math.abs(x * stretch)));
  const found: [number, number][] = [];
  for (let j = Math.ceil(at - reach); j <= Math.floor(at + reach); j++) found.push([j, weight(j - at)]);
  const used = m.excludeOutside ? found.map(([j, w]): [number, number] => [j, j < 0 || j >= axis.from ? 0 : w]) : found;
  const total = used.reduce((sum, [, w]) => sum + w, 0);
  return m.excludeOutside || m.antialias ? used.map(([j, w]): [number, number] => [j, w / total]) : used;
}

/** The matrix [from, to] that resizes one axis, and which outputs lie outside the input. */
function interpolation(axis: AxisScale, m: ResizeMode): { matrix: Float32Array; outside: boolean[] } {
  checkTable(axis.from * axis.to);
  const matrix = new Float32Array(axis.from * axis.to);
  const outside = table(axis.to, (i) => {
    for (const [j, weight] of contributions(i, axis, m)) {
      const index = Math.max(0, Math.min(axis.from - 1, j)) * axis.to + i;
      matrix[index] = (matrix[index] as number) + weight;
    }
    if (m.coordinates !== 'tf_crop_and_resize') return false;
    const at = sourcePosition(i, axis, m.coordinates);
    return at < 0 || at > axis.from - 1;
  });
  return { matrix, outside };
}

function resizeAxis(x: Value, axis: AxisScale, m: ResizeMode): Value {
  const { matrix, outside } = interpolation(axis, m);
  const last = x.shape.length - 1;
  const perm = x.shape.map((_, i) => (i === axis.axis ? last : i === last ? axis.axis : i));
  const graph = x.graph;
  let y: Value;
  if (m.mode === 'nearest') {
    const source = Int32Array.from(
      table(axis.to, (i) => Math.max(0, Math.min(axis.from - 1, nearestOf(sourcePosition(i, axis, m.coordinates), m.nearest)))),
    );
    y = gather([x, graph.constant({ dtype: 'i32', shape: [axis.to], data: source })], { axis: axis.axis });
  } else {
    const weights = graph.constant({ dtype: 'f32', shape: [axis.from, axis.to], data: matrix });
    const moved = axis.axis === last ? x : transpose(x, { perm });
    const scaled = linear([moved, panels(weights)], { units: axis.to });
    y = axis.axis === last ? scaled : transpose(scaled, { perm });
  }
  if (!outside.includes(true)) return y;
  const line = y.shape.map((_, i) => (i === axis.axis ? axis.to : 1));
  const hit = graph.constant({ dtype: 'i32', shape: line, data: Int32Array.from(outside, Number) });
  return where([hit, graph.scalar(m.extrapolation), y]);
}

/** What the image kernel calls ONNX's coordinates; of an axis that is resized to one pixel, two differ. */
const KERNEL_COORDINATES: Readonly<Record<string, ResizeAttributes['coordinates']>> = {
  half_pixel: 'halfPixel',
  pytorch_half_pixel: 'halfPixel',
  asymmetric: 'asymmetric',
  align_corners: 'alignCorners',
};

/** The 2× or bilinear cases that the image kernel has, on [N, C, H, W] or [N, H, W, C]. */
function byKernel(x: Value, axes: readonly AxisScale[], m: ResizeMode): Value | undefined {
  const [height, width] = axes;
  if (x.shape.length !== 4 || axes.length !== 2 || !height || !width || width.axis !== height.axis + 1 || height.axis === 0)
    return undefined;
  const exact = axes.every(({ from, to, scale }) => Math.abs(to - from * scale) < 1e-6 && to > 1);
  const coordinates = KERNEL_COORDINATES[m.coordinates];
  const bilinear = m.mode === 'linear';
  const nearest = m.mode === 'nearest' && m.coordinates === 'asymmetric' && m.nearest === 'floor';
  if (x.dtype === 'i32' || m.antialias || m.excludeOutside || !exact || !coordinates || !(bilinear || nearest)) return undefined;
  const attrs = { size: [height.to, width.to], mode: bilinear ? 'bilinear' : 'nearest', coordinates } as const;
  if (height.axis === 1) return resize(x, attrs);
  return transpose(resize(transpose(x, { perm: [0, 2, 3, 1] }), attrs), { perm: [0, 3, 1, 2] });
}

/** Bytes stay bytes where elements are moved. Integers between others are cut to whole numbers, as ONNX Runtime does. */
function resizeRow(n: NodeContext): Value | Operand {
  const { value: x, elem } = n.operand(0);
  if (x.dtype === 'f32') return resized(n, x);
  if (n.text('mode', 'nearest') !== 'nearest') return cast(resized(n, cast(x, { to: 'f32' })), { to: 'i32' });
  const isMoved = n.text('coordinate_transformation_mode', '') !== 'tf_crop_and_resize';
  const bytes = isMoved ? bytesOf(x, elem) : undefined;
  return bytes ? integersOf(resized(n, bytes), elem) : resized(n, x);
}

function resized(n: NodeContext, x: Value): Value {
  const rank = x.shape.length;
  const old = n.version < 11;
  const roi = !old && n.has(1) ? n.numbers(1) : [];
  const scales = old ? n.list(1, 'scales') : n.has(2) ? n.numbers(2) : [];
  const sizes = !old && n.has(3) ? n.numbers(3) : [];
  const axes = n
    .ints(
      'axes',
      x.shape.map((_, i) => i),
    )
    .map((axis) => normalizeAxis(axis, rank));
  if ((scales?.length ? scales : sizes).length !== axes.length)
    throw damaged(`${axes.length} axes have [${scales}] scales and [${sizes}] sizes`);
  const m: ResizeMode = {
    mode: n.text('mode', 'nearest'),
    coordinates: n.text('coordinate_transformation_mode', old ? 'asymmetric' : 'half_pixel'),
    nearest: n.text('nearest_mode', old ? 'floor' : 'round_prefer_floor'),
    cubic: n.float('cubic_coeff_a', -0.75),
    excludeOutside: n.int('exclude_outside', 0) !== 0,
    antialias: n.int('antialias', 0) !== 0,
    extrapolation: n.float('extrapolation_value', 0),
  };
  const scaled = axisScales(x, axes, { scales: scales ?? [], sizes, roi }, n.text('keep_aspect_ratio_policy', 'stretch'));
  const changed = scaled.filter(({ from, to, scale }) => from !== to || scale !== 1 || m.coordinates === 'tf_crop_and_resize');
  const supported = ['nearest', 'linear', 'cubic', 'bilinear'];
  if (!supported.includes(m.mode)) n.refuse(`mode "${m.mode}"`, { expected: supported.join(', ') });
  const mode = { ...m, mode: m.mode === 'bilinear' ? 'linear' : m.mode };
  return byKernel(x, changed, mode) ?? changed.reduce((value, axis) => resizeAxis(value, axis, mode), x);
}

function axisScales(
  x: Value,
  axes: readonly number[],
  { scales, sizes, roi }: { scales: readonly number[]; sizes: readonly number[]; roi: readonly number[] },
  policy: string,
): AxisScale[] {
  const from = axes.map((axis) => x.shape[axis] as number);
  const region = (i: number): [number, number] => [roi[i] ?? 0, roi[i + axes.length] ?? 1];
  if (scales.length) {
    if (scales.some((scale) => !(scale > 0))) throw damaged(`scales [${scales}]`);
    return axes.map((axis, i) => ({
      axis,
      from: from[i] as number,
      to: Math.floor((from[i] as number) * (scales[i] as number) * (roi.length ? region(i)[1] - region(i)[0] : 1) + 1e-9),
      scale: scales[i] as number,
      roi: region(i),
    }));
  }
  if (policy === 'stretch') {
    return axes.map((axis, i) => ({
      axis,
      from: from[i] as number,
      to: sizes[i] as number,
      scale: (sizes[i] as number) / (from[i] as number),
      roi: region(i),
    }));
  }
  const ratios = axes.map((_, i) => (sizes[i] as number) / (from[i] as number));
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return axes.map((axis, i) => ({ axis, from: from[i] as number, to: Math.round(scale * (from[i] as number)), scale, roi: region(i) }));
}

export const resizing: Rows = { Resize: resizeRow, Upsample: resizeRow };
