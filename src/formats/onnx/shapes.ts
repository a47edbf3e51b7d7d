import { ThimbleError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, normalizeAxis, type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { broadcast, concat, slice, transpose } from '../../ops/index.ts';
import { split } from '../../ops/split.ts';
import { padded, padModes, reshapedTo } from '../moves.ts';
import type { NodeContext, Rows } from './context.ts';
import { table } from './counted.ts';
import { type Elem, elemOf, held } from './elements.ts';
import type { Operand } from './operand.ts';
import { damaged } from './protobuf.ts';

export { padded, reshapedTo };

const int64 = (value: Value): Operand => ({ value, elem: 'int64' });

/** The extents that Reshape's shape operand asks for: 0 keeps an extent, -1 takes what is left. */
function reshaped(from: Shape, to: readonly number[], allowZero: boolean): number[] {
  const kept = to.map((n, i) => (n === 0 && !allowZero ? (from[i] ?? 0) : n));
  const known = sizeOf(kept.filter((n) => n !== -1));
  const result = kept.map((n) => (n === -1 ? (known ? sizeOf(from) / known : 0) : n));
  if (to.filter((n) => n === -1).length > 1 || result.some((n) => !Number.isInteger(n) || n < 0) || sizeOf(result) !== sizeOf(from)) {
    throw new ThimbleError('SHAPE', `${formatShape(from)} cannot be reshaped to [${to}]`);
  }
  return result;
}

function flatten(n: NodeContext): Value {
  const shape = n.shape(0);
  const given = n.int('axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  if (axis < 0 || axis > shape.length) throw new ThimbleError('SHAPE', `axis ${given} is outside ${formatShape(shape)}`);
  return reshapedTo(n.x(0), [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))]);
}

function squeeze(n: NodeContext): Value {
  const shape = n.shape(0);
  const axes = n.list(1, 'axes')?.map((axis) => normalizeAxis(axis, shape.length));
  const wrong = axes?.find((axis) => shape[axis] !== 1);
  if (wrong !== undefined) throw new ThimbleError('SHAPE', `axis ${wrong} of ${formatShape(shape)} is not 1`);
  return reshapedTo(
    n.x(0),
    shape.filter((extent, i) => (axes ? !axes.includes(i) : extent !== 1)),
  );
}

function unsqueeze(n: NodeContext): Value {
  const shape = [...n.shape(0)];
  const given = n.list(1, 'axes') ?? [];
  const axes = given.map((axis) => normalizeAxis(axis, shape.length + given.length)).sort((a, b) => a - b);
  if (new Set(axes).size !== axes.length) throw damaged(`axes [${given}] repeat`);
  for (const axis of axes) shape.splice(axis, 0, 1);
  return reshapedTo(n.x(0), shape);
}

/** ONNX slices clamp to the tensor. */
function sliceRow(n: NodeContext): Value {
  const x = n.x(0);
  const rank = x.shape.length;
  const given = n.list(1, 'starts') ?? [];
  const ends = n.list(2, 'ends') ?? [];
  const axes = (n.list(3, 'axes') ?? given.map((_, i) => i)).map((axis) => normalizeAxis(axis, rank));
  const by = n.list(4) ?? given.map(() => 1);
  if (ends.length !== given.length || axes.length !== given.length || by.length !== given.length)
    throw damaged('starts, ends, axes and steps differ in length');
  const starts = x.shape.map(() => 0);
  const sizes = [...x.shape];
  const steps = x.shape.map(() => 1);
  axes.forEach((axis, i) => {
    const extent = x.shape[axis] as number;
    const step = by[i] as number;
    if (step === 0) throw damaged('a step is 0');
    const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
    const limit = (at: number) => Math.max(low, Math.min(high, at < 0 ? at + extent : at));
    const start = step < 0 ? Math.min(limit(given[i] as number), extent - 1) : limit(given[i] as number);
    const size = Math.max(0, Math.ceil((limit(ends[i] as number) - start) / step));
    starts[axis] = size ? start : 0;
    sizes[axis] = size;
    steps[axis] = step;
  });
  return sizes.every((size, i) => size === x.shape[i] && steps[i] === 1) ? x : slice(x, { starts, sizes, steps });
}

function splitRow(n: NodeContext): Value[] {
  const axis = n.axis('axis', 0);
  const extent = n.shape(0)[axis] as number;
  const parts = n.int('num_outputs', n.outputs);
  const each = Math.ceil(extent / parts);
  const sizes = n.list(1, 'split') ?? table(parts, (i) => Math.max(0, Math.min(each, extent - i * each)));
  return split(n.x(0), { axis, sizes });
}

function padRow(n: NodeContext): Value {
  const x = n.x(0);
  const rank = x.shape.length;
  const mode = n.text('mode', 'constant');
  if (!(mode in padModes)) n.refuse(`mode "${mode}"`, { expected: Object.keys(padModes).join(', ') });
  const given = n.list(1, 'pads') ?? [];
  const axes = n.has(3) ? n.numbers(3).map((axis) => normalizeAxis(axis, rank)) : x.shape.map((_, i) => i);
  if (given.length !== 2 * axes.length) throw damaged(`${given.length} pads for ${axes.length} axes`);
  const pads = x.shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    pads[axis] = [given[i] as number, given[i + axes.length] as number];
  });
  return padded(x, pads, mode as keyof typeof padModes, n.number(2, n.float('value', 0)));
}

function expand(n: NodeContext): Value {
  const shape = broadcastShapes(n.shape(0), n.numbers(1));
  return shape.join() === n.shape(0).join() ? n.x(0) : broadcast(n.x(0), { shape });
}

function tile(n: NodeContext): Value {
  const x = n.x(0);
  const repeats = n.numbers(1);
  if (repeats.length !== x.shape.length) throw damaged(`${repeats.length} repeats for ${formatShape(x.shape)}`);
  const apart = reshapedTo(
    x,
    x.shape.flatMap((extent) => [1, extent]),
  );
  const filled = broadcast(apart, { shape: x.shape.flatMap((extent, i) => [repeats[i] as number, extent]) });
  return reshapedTo(
    filled,
    x.shape.map((extent, i) => extent * (repeats[i] as number)),
  );
}

function shapeRow(n: NodeContext): Operand {
  const shape = n.shape(0);
  const at = (name: string, fallback: number) => {
    const given = n.int(name, fallback);
    return Math.max(0, Math.min(shape.length, given < 0 ? given + shape.length : given));
  };
  return int64(n.integers(shape.slice(at('start', 0), at('end', shape.length))));
}

function range(n: NodeContext): Operand {
  const [start, limit, delta] = [n.number(0), n.number(1), n.number(2)];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isFinite(count)) throw damaged(`a range from ${start} to ${limit} by ${delta}`);
  const data = table(count, (i) => start + i * delta);
  return { value: held(n.elem(0)) === 'f32' ? n.constant(data) : n.integers(data), elem: n.elem(0) };
}

function constant(n: NodeContext): Operand {
  if (n.attribute('value')) return n.tensor('value');
  if (n.attribute('value_float')) return { value: n.constant([n.float('value_float')], []), elem: 'float32' };
  if (n.attribute('value_floats')) return { value: n.constant(n.floats('value_floats')), elem: 'float32' };
  if (n.attribute('value_int')) return int64(n.integers([n.int('value_int')], []));
  if (n.attribute('value_ints')) return int64(n.integers(n.ints('value_ints')));
  return n.refuse('a constant that is neither a tensor nor numbers');
}

function constantOfShape(n: NodeContext): Operand {
  const shape = n.numbers(0);
  if (shape.some((extent) => extent < 0)) throw new ThimbleError('SHAPE', `a tensor of shape [${shape}]`);
  const { value, elem } = n.attribute('value') ? n.tensor('value') : { value: n.constant([0], [1]), elem: 'float32' as Elem };
  const { origin, dtype } = value;
  return { value: n.filled(dtype === 'i32' ? 'i32' : 'f32', shape, origin.kind === 'const' ? (origin.data[0] as number) : 0), elem };
}

function eyeLike(n: NodeContext): Operand {
  const [rows, columns] = n.shape(0) as [number, number];
  const offset = n.int('k', 0);
  const elem = n.attribute('dtype') ? elemOf(n.int('dtype')) : n.elem(0);
  const data = table(rows * columns, (i) => ((i % columns) - Math.floor(i / columns) === offset ? 1 : 0));
  return { value: held(elem) === 'f32' ? n.constant(data, [rows, columns]) : n.integers(data, [rows, columns]), elem };
}

/** [N, C, H, W] → [N, C / b², H b, W b]. */
function depthToSpace(n: NodeContext): Value {
  const [batch, channels, height, width] = n.shape(0) as [number, number, number, number];
  const b = n.int('blocksize');
  const depth = channels / b ** 2;
  const columns = n.text('mode', 'DCR') === 'DCR';
  const apart = reshapedTo(n.x(0), columns ? [batch, b, b, depth, height, width] : [batch, depth, b, b, height, width]);
  return reshapedTo(transpose(apart, { perm: columns ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3] }), [batch, depth, height * b, width * b]);
}

/** [N, C, H b, W b] → [N, C b², H, W]. */
function spaceToDepth(n: NodeContext): Value {
  const [batch, channels, height, width] = n.shape(0) as [number, number, number, number];
  const b = n.int('blocksize');
  const apart = reshapedTo(n.x(0), [batch, channels, height / b, b, width / b, b]);
  const perm = n.text('mode', 'DCR') === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
  return reshapedTo(transpose(apart, { perm }), [batch, channels * b * b, height / b, width / b]);
}

function centerCropPad(n: NodeContext): Value {
  const x = n.x(0);
  const target = n.numbers(1);
  const axes = n
    .ints(
      'axes',
      x.shape.map((_, i) => i),
    )
    .map((axis) => normalizeAxis(axis, x.shape.length));
  const pads = x.shape.map((): [number, number] => [0, 0]);
  axes.forEach((axis, i) => {
    const more = (target[i] as number) - (x.shape[axis] as number);
    // A crop starts at floor(excess / 2), a pad puts floor(missing / 2) in front.
    pads[axis] = more < 0 ? [-Math.floor(-more / 2), -Math.ceil(-more / 2)] : [Math.floor(more / 2), Math.ceil(more / 2)];
  });
  return padded(x, pads, 'constant', 0);
}

function transposeRow(n: NodeContext): Value {
  const rank = n.shape(0).length;
  const perm = n.attribute('perm') ? n.ints('perm') : n.shape(0).map((_, i) => rank - 1 - i);
  return perm.every((axis, i) => axis === i) ? n.x(0) : transpose(n.x(0), { perm });
}

/** Shapes, their arithmetic, and moving whole boxes. */
export const shapes: Rows = {
  Identity: (n) => n.binding(0) ?? null,
  Reshape: (n) => reshapedTo(n.x(0), reshaped(n.shape(0), n.list(1, 'shape') ?? [], n.int('allowzero', 0) !== 0)),
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transposeRow,
  Concat: (n) => (n.arity === 1 ? n.x(0) : concat(n.rest(0), { axis: n.int('axis', 1) })),
  Split: splitRow,
  Slice: sliceRow,
  Pad: padRow,
  Expand: expand,
  Tile: tile,
  Shape: shapeRow,
  Size: (n) => int64(n.integers([sizeOf(n.shape(0))], [])),
  Range: range,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  CenterCropPad: centerCropPad,
};
