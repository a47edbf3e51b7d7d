import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, concat, gather, greaterOrEqual, max, min, mul, slice, transpose } from '../../ops/index.ts';
import { permuted } from '../weights.ts';
import type { NodeContext, Rows } from './context.ts';
import { convWindow } from './convolutions.ts';
import { checkTable, table as tableOf } from './counted.ts';
import { product } from './products.ts';
import { cornersOf } from './sampling.ts';
import { reshapedTo } from './shapes.ts';
import { positions, type Window } from './windows.ts';

/**
 * x [N, groups · C, H, W] at positions (`row`, `column`) [N, groups, kernel, points], bilinear, 0 outside: [N, groups, kernel, points, C].
 */
function sampled(x: Value, groups: number, row: Value, column: Value): Value {
  const { graph } = x;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const own = channels / groups;
  const pixels = transpose(reshapedTo(x, [batch, groups, own, height * width]), { perm: [0, 1, 3, 2] });
  const table = reshapedTo(pixels, [batch * groups * height * width, own]);
  const integer = (value: number) => graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(value) });
  const planes = graph.constant({
    dtype: 'i32',
    shape: [batch, groups, 1, 1],
    data: Int32Array.from(tableOf(batch * groups, (i) => i * height * width)),
  });
  /** The position limited to the image, and 1 where it was inside. */
  const inside = (position: Value, extent: number): { at: Value; valid: Value } => {
    const last = graph.scalar(extent - 1);
    const limited = max([min([position, last]), graph.scalar(0)]);
    return {
      at: cast(limited, { to: 'i32' }),
      valid: mul([greaterOrEqual([position, graph.scalar(0)]), greaterOrEqual([last, position])]),
    };
  };
  const parts = cornersOf(row, 'linear').flatMap((vertical) =>
    cornersOf(column, 'linear').map((horizontal) => {
      const [y, z] = [inside(vertical.index, height), inside(horizontal.index, width)];
      const at = add([planes, add([mul([y.at, integer(width)]), z.at])]);
      const weight = mul([mul([vertical.weight as Value, y.valid]), mul([horizontal.weight as Value, z.valid])]);
      return mul([gather([table, at], { axis: 0 }), reshapedTo(weight, [...weight.shape, 1])]);
    }),
  );
  return parts.reduce((a, b) => add([a, b]));
}

/** Where the taps of the kernel lie without offsets, along one axis: [1, 1, kernel, points]. */
function taps(n: NodeContext, { kernel, out, strides, dilations, before }: Window, axis: number): Value {
  const [stride, dilation, pad] = [strides[axis] as number, dilations[axis] as number, before[axis] as number];
  const points = positions(out);
  checkTable(points.length * sizeOf(kernel));
  const data = positions(kernel).flatMap((tap) =>
    points.map((point) => (point[axis] as number) * stride - pad + (tap[axis] as number) * dilation),
  );
  return n.constant(data, [1, 1, sizeOf(kernel), points.length]);
}

/** A convolution whose taps are moved by offsets that the model computes, and weighted by a mask (Dai et al. 2017; Zhu et al. 2018). */
function deformConv(n: NodeContext): Value {
  const [x, w, offsets] = [n.f32(0), n.f32(1), n.f32(2)];
  if (x.shape.length !== 4) n.refuse(`a deformable convolution over ${x.shape.length - 2} axes`, { expected: '2' });
  const window = convWindow(n, x, w);
  const groups = n.int('group', 1);
  const offsetGroups = n.int('offset_group', 1);
  const [batch, channels] = x.shape as [number, number];
  const filters = w.shape[0] as number;
  const [kernel, points] = [sizeOf(window.kernel), sizeOf(window.out)];
  const expected = [batch, offsetGroups * kernel * 2, ...window.out];
  if (channels % offsetGroups || offsets.shape.join() !== expected.join())
    throw new ThimbleError('SHAPE', 'the offsets do not fit', { expected: formatShape(expected), got: formatShape(offsets.shape) });
  const pairs = reshapedTo(offsets, [batch, offsetGroups, kernel, 2, points]);
  const moved = (axis: number) => {
    const own = slice(pairs, { starts: [0, 0, 0, axis, 0], sizes: [batch, offsetGroups, kernel, 1, points] });
    return add([reshapedTo(own, [batch, offsetGroups, kernel, points]), taps(n, window, axis)]);
  };
  const seen = sampled(x, offsetGroups, moved(0), moved(1));
  const masked = n.has(4) ? mul([seen, reshapedTo(n.f32(4), [batch, offsetGroups, kernel, points, 1])]) : seen;
  // [N, points, channels, kernel]: a row of products for each output pixel.
  const columns = reshapedTo(transpose(masked, { perm: [0, 3, 1, 4, 2] }), [batch, points, channels * kernel]);
  const depth = (channels / groups) * kernel;
  const parts = tableOf(groups, (g) => {
    const rows = filters / groups;
    const own = slice(w, { starts: [g * rows, 0, 0, 0], sizes: [rows, ...w.shape.slice(1)] });
    const part = groups === 1 ? columns : slice(columns, { starts: [0, 0, g * depth], sizes: [batch, points, depth] });
    return product(part, permuted(reshapedTo(groups === 1 ? w : own, [rows, depth]), [1, 0]));
  });
  const y = transpose(parts.length === 1 ? (parts[0] as Value) : concat(parts, { axis: 2 }), { perm: [0, 2, 1] });
  const image = reshapedTo(y, [batch, filters, ...window.out]);
  return n.has(3) ? add([image, reshapedTo(n.f32(3), [filters, 1, 1])]) : image;
}

export const deformable: Rows = { DeformConv: deformConv };
