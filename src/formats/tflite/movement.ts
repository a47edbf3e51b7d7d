import { ThimbleError } from '../../core/errors.ts';
import { formatShape, normalizeAxis, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { broadcast, concat, gather, greater, slice, sub, transpose, where } from '../../ops/index.ts';
import { padded, part, reshapedTo } from '../moves.ts';
import { activated } from './activation.ts';
import { type NodeContext, type Row, type Rows, scaleOf } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';
import {
  concatenationOptions,
  depthToSpaceOptions,
  mirrorPadOptions,
  packOptions,
  reverseSequenceOptions,
  spaceToDepthOptions,
  splitOptions,
  unpackOptions,
} from './options.ts';
import { rescaledTo } from './quantizedConversion.ts';
import { ofParts } from './signal.ts';

/** Boxes of elements keep type and quantization of input `from`. */
const like = (n: NodeContext, value: Value, from = 0): Operand => ({ ...n.operand(from), value });

const joined = (values: readonly Value[], axis: number): Value => (values.length === 1 ? (values[0] as Value) : concat(values, { axis }));

/** Quantized parts of another scale are rescaled to the output's. */
function concatenation(n: NodeContext): Value {
  const { axis, fusedActivationFunction } = n.options(concatenationOptions);
  const parts = n.all().map((_, index) => rescaledTo(n, n.operand(index)));
  const whole = joined(parts, normalizeAxis(axis, (parts[0] as Value).shape.length));
  return fusedActivationFunction ? activated(n, whole, fusedActivationFunction) : whole;
}

function cuts(n: NodeContext, from: number, axis: number, sizes: readonly number[]): Operand[] {
  const x = n.x(from);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== x.shape[axis] || sizes.some((size) => size < 0))
    throw damaged(`parts [${sizes}] of axis ${axis} of ${formatShape(x.shape)}`);
  let start = 0;
  return sizes.map((size) => {
    const own = start;
    start += size;
    return like(n, part(x, axis, own, size), from);
  });
}

function split(n: NodeContext): Operand[] {
  const axis = normalizeAxis(n.number(0), n.shape(1).length);
  const { numSplits } = n.options(splitOptions);
  const extent = n.shape(1)[axis] as number;
  if (numSplits < 1 || numSplits !== n.node.outputs.length || extent % numSplits) throw damaged(`${numSplits} parts of ${extent}`);
  return cuts(n, 1, axis, new Array<number>(numSplits).fill(extent / numSplits));
}

function splitV(n: NodeContext): Operand[] {
  const axis = normalizeAxis(n.number(2), n.shape(0).length);
  const given = n.numbers(1);
  const rest = (n.shape(0)[axis] as number) - given.filter((size) => size !== -1).reduce((a, b) => a + b, 0);
  return cuts(
    n,
    0,
    axis,
    given.map((size) => (size === -1 ? rest : size)),
  );
}

function pack(n: NodeContext): Operand {
  const axis = normalizeAxis(n.options(packOptions).axis, n.shape(0).length + 1);
  const parts = n.all().map((x) => reshapedTo(x, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]));
  return like(n, joined(parts, axis));
}

function unpack(n: NodeContext): Operand[] {
  const shape = n.shape(0);
  const axis = normalizeAxis(n.options(unpackOptions).axis, shape.length);
  if (shape[axis] !== n.node.outputs.length) throw damaged(`${n.node.outputs.length} outputs of axis ${axis} of ${formatShape(shape)}`);
  const parts = cuts(n, 0, axis, new Array<number>(shape[axis] as number).fill(1));
  return parts.map((one) => ({
    ...one,
    value: reshapedTo(
      one.value,
      shape.filter((_, i) => i !== axis),
    ),
  }));
}

function transposeRow(n: NodeContext): Operand {
  const perm = n.numbers(1).map((axis) => normalizeAxis(axis, n.shape(0).length));
  if (new Set(perm).size !== n.shape(0).length) throw damaged(`a permutation [${perm}]`);
  return like(n, perm.every((axis, i) => axis === i) ? n.x(0) : transpose(n.x(0), { perm }));
}

function reverse(n: NodeContext): Operand {
  const axes = n.axes(1);
  const { shape } = n.x(0);
  const box = {
    starts: shape.map((extent, i) => (axes.includes(i) ? Math.max(0, extent - 1) : 0)),
    sizes: shape,
    steps: shape.map((_, i) => (axes.includes(i) ? -1 : 1)),
  };
  return like(n, slice(n.x(0), box));
}

/** Pairs of an [axes, 2] operand. */
function pairs(n: NodeContext, index: number, axes: number): [number, number][] {
  const flat = n.numbers(index);
  if (flat.length !== 2 * axes) throw damaged(`${flat.length} numbers for ${axes} axes`);
  return Array.from({ length: axes }, (_, i) => [flat[2 * i] as number, flat[2 * i + 1] as number]);
}

/** What padding is: the zero point of quantized tensors. */
const zeroOf = (operand: Operand): number =>
  operand.value.dtype === 'i8' || operand.quantization ? (operand.quantization?.scales.length === 1 ? scaleOf(operand).zero : 0) : 0;

const pad =
  (valueIndex?: number): Row =>
  (n) => {
    const operand = n.operand(0);
    const amounts = pairs(n, 1, n.shape(0).length);
    if (amounts.some(([before, after]) => before < 0 || after < 0)) throw damaged(`pads [${amounts}]`);
    const given =
      valueIndex !== undefined && n.has(valueIndex) ? n.number(valueIndex) - (n.elem(0) === 'uint8' ? 128 : 0) : zeroOf(operand);
    return like(n, padded(operand.value, amounts, 'constant', given));
  };

/** The mirrored index of what lies outside an axis: without the border (REFLECT) or with it (SYMMETRIC). */
function mirrorPad(n: NodeContext): Operand {
  const border = n.options(mirrorPadOptions).mode === 1 ? 0 : 1;
  let x = n.x(0);
  pairs(n, 1, x.shape.length).forEach(([before, after], axis) => {
    const extent = x.shape[axis] as number;
    if (before + after === 0) return;
    if (Math.max(before, after) > extent - border || before < 0 || after < 0)
      throw damaged(`pads [${before}, ${after}] of an axis of ${extent}`);
    n.allow(before + extent + after);
    const source = Array.from({ length: before + extent + after }, (_, i) => {
      const at = i - before;
      if (at < 0) return -at - 1 + border;
      return at < extent ? at : 2 * extent - 1 - border - at;
    });
    x = taken(n, x, source, axis);
  });
  return like(n, x);
}

/** Rows of x along `axis` at indexes known at import. */
export const taken = (n: NodeContext, x: Value, indexes: readonly number[], axis: number): Value =>
  gather([x, n.integers(indexes)], { axis });

function tile(n: NodeContext): Operand {
  const x = n.x(0);
  const repeats = n.numbers(1);
  if (repeats.length !== x.shape.length || repeats.some((count) => count < 0))
    throw damaged(`repeats [${repeats}] of ${formatShape(x.shape)}`);
  const apart = reshapedTo(
    x,
    x.shape.flatMap((extent) => [1, extent]),
  );
  const filled = broadcast(apart, { shape: x.shape.flatMap((extent, i) => [repeats[i] as number, extent]) });
  return like(
    n,
    reshapedTo(
      filled,
      x.shape.map((extent, i) => extent * (repeats[i] as number)),
    ),
  );
}

const transposed = (x: Value, perm: readonly number[]): Value => transpose(x, { perm });

function spaceToDepth(n: NodeContext): Operand {
  const [batch, height, width, depth] = images(n);
  const b = n.options(spaceToDepthOptions).blockSize;
  if (b < 1 || height % b || width % b) throw damaged(`blocks of ${b} of ${height}×${width}`);
  const apart = reshapedTo(n.x(0), [batch, height / b, b, width / b, b, depth]);
  return like(n, reshapedTo(transposed(apart, [0, 1, 3, 2, 4, 5]), [batch, height / b, width / b, depth * b * b]));
}

function depthToSpace(n: NodeContext): Operand {
  const [batch, height, width, depth] = images(n);
  const b = n.options(depthToSpaceOptions).blockSize;
  if (b < 1 || depth % (b * b)) throw damaged(`blocks of ${b}² of ${depth} channels`);
  const apart = reshapedTo(n.x(0), [batch, height, width, b, b, depth / (b * b)]);
  return like(n, reshapedTo(transposed(apart, [0, 1, 3, 2, 4, 5]), [batch, height * b, width * b, depth / (b * b)]));
}

function images(n: NodeContext): [number, number, number, number] {
  const shape = n.shape(0);
  if (shape.length !== 4) throw new ThimbleError('SHAPE', 'images need four axes', { got: formatShape(shape) });
  return shape as unknown as [number, number, number, number];
}

/** Items of the batch hold the places of a block: [blocks · B, ...space, ...rest] → [B, ...space · block, ...rest], cropped. */
function batchToSpace(n: NodeContext): Operand {
  const x = n.x(0);
  const block = n.numbers(1);
  const crops = pairs(n, 2, block.length);
  const [items, space, rest] = [x.shape[0] as number, x.shape.slice(1, 1 + block.length), x.shape.slice(1 + block.length)];
  const batch = items / sizeOf(block);
  if (!Number.isInteger(batch) || space.length !== block.length || block.some((b) => b < 1))
    throw damaged(`blocks [${block}] of ${formatShape(x.shape)}`);
  const m = block.length;
  const perm = [m, ...block.flatMap((_, i) => [m + 1 + i, i]), ...rest.map((_, i) => 2 * m + 1 + i)];
  const apart = transposed(reshapedTo(x, [...block, batch, ...space, ...rest]), perm);
  const whole = reshapedTo(apart, [batch, ...space.map((extent, i) => extent * (block[i] as number)), ...rest]);
  const cut = [[0, 0], ...crops.map(([a, b]) => [-a, -b]), ...rest.map(() => [0, 0])] as [number, number][];
  return like(n, padded(whole, cut, 'constant', 0));
}

function spaceToBatch(n: NodeContext): Operand {
  const block = n.numbers(1);
  const m = block.length;
  const outer = n.shape(0).slice(1 + m);
  const pads = [[0, 0], ...pairs(n, 2, m), ...outer.map(() => [0, 0])] as [number, number][];
  const x = padded(n.x(0), pads, 'constant', zeroOf(n.operand(0)));
  const [batch, space] = [x.shape[0] as number, x.shape.slice(1, 1 + m)];
  if (block.some((b, i) => b < 1 || (space[i] as number) % b)) throw damaged(`blocks [${block}] of ${formatShape(x.shape)}`);
  const apart = reshapedTo(x, [batch, ...space.flatMap((extent, i) => [extent / (block[i] as number), block[i] as number]), ...outer]);
  const perm = [...block.map((_, i) => 2 * i + 2), 0, ...block.map((_, i) => 2 * i + 1), ...outer.map((_, i) => 2 * m + 1 + i)];
  const shape = [batch * sizeOf(block), ...space.map((extent, i) => extent / (block[i] as number)), ...outer];
  return like(n, reshapedTo(transposed(apart, perm), shape));
}

/** Reverses the first `lengths[batch]` elements along an axis. */
function reverseSequence(n: NodeContext): Operand {
  const { seqDim, batchDim } = n.options(reverseSequenceOptions);
  const x = n.x(0);
  const [sequence, batch] = [normalizeAxis(seqDim, x.shape.length), normalizeAxis(batchDim, x.shape.length)];
  const [steps, count] = [x.shape[sequence] as number, x.shape[batch] as number];
  const lengths = n.i32(1);
  if (sizeOf(lengths.shape) !== count) throw damaged(`${sizeOf(lengths.shape)} lengths for ${count} sequences`);
  n.allow(steps * (1 + count));
  const places = n.integers(Array.from({ length: steps }, (_, i) => i));
  const items = Array.from({ length: count }, (_, item) => {
    const length = part(lengths, 0, item, 1);
    const at = where([greater([length, places]), sub([sub([length, n.integers([1])]), places]), places]);
    return gather([part(x, batch, item, 1), n.folded(at)], { axis: sequence });
  });
  return like(n, joined(items, batch));
}

/** Moving whole boxes of elements. */
export const movement: Rows = {
  CONCATENATION: concatenation,
  SPLIT: split,
  SPLIT_V: splitV,
  PACK: pack,
  UNPACK: unpack,
  TRANSPOSE: ofParts(transposeRow),
  REVERSE_V2: reverse,
  REVERSE_SEQUENCE: reverseSequence,
  PAD: pad(),
  PADV2: pad(2),
  MIRROR_PAD: mirrorPad,
  TILE: tile,
  SPACE_TO_DEPTH: spaceToDepth,
  DEPTH_TO_SPACE: depthToSpace,
  BATCH_TO_SPACE_ND: batchToSpace,
  SPACE_TO_BATCH_ND: spaceToBatch,
};
