import type { TypedArray } from '../../../core/dtype.ts';
import { ThimbleError } from '../../../core/errors.ts';
import { PANEL, unpackPanels } from '../../../core/panels.ts';
import type { Shape } from '../../../core/shape.ts';
import type { Value } from '../../../ir/graph.ts';
import { type Emission, isIdentity, type Perm, permuted, rawOf } from './emission.ts';

/**
 * Weights as whole numbers, in the row-major order of their logical shape, whose last axis is the output axis. `scales` has one step for each
 * output column, or one in all; with `block`, one for each `block` rows of each column: [ceil(rows / block), columns].
 */
export interface WeightEncoding {
  readonly bits: 8 | 4;
  readonly data: Int8Array;
  readonly scales: Float32Array;
  readonly block?: number | undefined;
}

/** Where a weight of thimble lies in the file. */
export interface WeightLayout {
  /** The shape without panels; the last axis is the output axis. */
  readonly logical: Shape;
  /** Groups of the panels; undefined for rows. */
  readonly groups?: number;
  /** Axis i of the file is axis perm[i] of `logical`. */
  readonly perm: Perm;
  /** The file's shape, where it has more axes. */
  readonly dims?: Shape;
}

/** @throws UNSUPPORTED_OP where the weights are computed when the model runs. */
export function constantOf(value: Value): TypedArray {
  if (value.origin.kind === 'const') return value.origin.data;
  throw new ThimbleError('UNSUPPORTED_OP', `the weights "${value.name}" are computed when the model runs`, {
    hint: 'only constant weights can be exported',
  });
}

/** Elements of a weight in the order of its logical shape. */
function logicalOf(value: Value, { logical, groups }: WeightLayout): Float32Array {
  const data = constantOf(value) as Float32Array;
  return groups === undefined ? data : unpackPanels(data, logical, groups);
}

/** Name of the tensor with the weights in the file's order: an initializer, or what is dequantized from one. */
export function weightOf(e: Emission, value: Value, layout: WeightLayout): string {
  const { logical, perm } = layout;
  const encoding = e.weights.get(value);
  if (value.origin.kind !== 'const') return computedWeights(e, value, layout);
  if (!encoding) return e.tensor(value.name, dimsOf(layout), permuted(logicalOf(value, layout), logical, perm));
  if (encoding.block === undefined) {
    const { whole, scale, zeroPoint } = wholeWeights(e, value, layout);
    if (encoding.scales.length < (logical.at(-1) as number)) return e.op('DequantizeLinear', [whole, scale, zeroPoint]);
    const at = perm.indexOf(logical.length - 1);
    return e.op('DequantizeLinear', [whole, scale, zeroPoint], { axis: at === perm.length - 1 ? dimsOf(layout).length - 1 : at });
  }
  // Blocks run along the rows of a matrix.
  const blocks = [encoding.scales.length / (logical[1] as number), logical[1] as number];
  const shape = perm.map((axis) => blocks[axis] as number);
  const scale = e.tensor(`${value.name}_scale`, shape, permuted(encoding.scales, blocks, perm));
  return e.op('DequantizeLinear', [wholeNumbers(e, value, layout), scale], { axis: perm.indexOf(0), block_size: encoding.block });
}

/** Weights that are computed when the model runs: out of their panels, whose padding is dropped, into the file's order. */
function computedWeights(e: Emission, value: Value, layout: WeightLayout): string {
  const { logical, groups, perm } = layout;
  let rows = e.plain(value);
  if (groups !== undefined) {
    const [, panels, depth] = value.shape as [number, number, number, number];
    const columns = (logical.at(-1) as number) / groups;
    const whole = e.reshape(e.op('Transpose', [rows], { perm: [2, 0, 1, 3] }), [depth, groups, panels * PANEL]);
    const cut = e.op('Slice', [whole, e.ints([0]), e.ints([columns]), e.ints([2])]);
    rows = e.reshape(cut, logical);
  }
  const turned = isIdentity(perm) ? rows : e.op('Transpose', [rows], { perm });
  return layout.dims ? e.reshape(turned, layout.dims) : turned;
}

const dimsOf = ({ logical, perm, dims }: WeightLayout): Shape => dims ?? perm.map((axis) => logical[axis] as number);

/** Weights with one step for each output column, or one in all: the numbers, their steps, and zero points of 0. */
export function wholeWeights(e: Emission, value: Value, layout: WeightLayout): { whole: string; scale: string; zeroPoint: string } {
  const { scales } = e.weights.get(value) as WeightEncoding;
  const shape = scales.length < (layout.logical.at(-1) as number) ? [] : [scales.length];
  return {
    whole: wholeNumbers(e, value, layout),
    scale: e.tensor(`${value.name}_scale`, shape, scales),
    zeroPoint: e.initializer(`${value.name}_zero_point`, 'int8', shape, new Uint8Array(scales.length)),
  };
}

function wholeNumbers(e: Emission, value: Value, layout: WeightLayout): string {
  const { bits, data } = e.weights.get(value) as WeightEncoding;
  const numbers = permuted(data, layout.logical, layout.perm);
  return e.initializer(
    `${value.name}_quantized`,
    bits === 4 ? 'int4' : 'int8',
    dimsOf(layout),
    bits === 4 ? nibbles(numbers) : rawOf(numbers),
  );
}

/** Two numbers in a byte, the first in the low half. */
function nibbles(data: Int8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(data.length / 2));
  data.forEach((value, i) => {
    bytes[i >> 1] = (bytes[i >> 1] as number) | ((value & 15) << (i % 2 ? 4 : 0));
  });
  return bytes;
}
