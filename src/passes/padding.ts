import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import type { Conv2dAttributes } from '../ops/conv2d.ts';
import type { PadAttributes } from '../ops/pad.ts';
import { reshape } from '../ops/reshape.ts';
import { transpose } from '../ops/transpose.ts';
import { type Rewriting, rewrite } from './rewrite.ts';

const INT8 = new Set(['conv2dInt8', 'depthwiseConv2dInt8']);

/** Padding with the zero point becomes part of the 8-bit convolution after it: between float operators there were quantizations in between. */
export const joinPadding = (source: Graph): Graph =>
  rewrite(source, (node, inputs, to) => (INT8.has(node.op) ? unpadded(node, inputs, to) : undefined));

/** pad → convolution: the convolution pads. */
export function unpadded(node: Node, inputs: readonly Value[], to: Rewriting): readonly Value[] | undefined {
  // Of 8-bit images, padding holds their zero point.
  const { padding: given, xZero: zero = 0 } = node.attrs as unknown as Conv2dAttributes & { readonly xZero?: number };
  const own = given === 'valid' ? [0, 0, 0, 0] : given;
  const padding = Array.isArray(own) ? paddingWith(zero, inputs[0] as Value) : undefined;
  if (!padding) return undefined;
  const [batch, rows, columns, channels] = padding.pads as readonly [Pads, Pads, Pads, Pads];
  if ([...batch, ...channels].some((n) => n !== 0)) return undefined;
  const [top, bottom, left, right] = own as readonly [number, number, number, number];
  const whole = [top + rows[0], bottom + rows[1], left + columns[0], right + columns[1]];
  return to.apply(node, [padding.input(), ...inputs.slice(1)], { ...node.attrs, padding: whole });
}

type Pads = readonly [number, number];

/** `value` as a padding with `zero`, also where a transposition, or a reshape that moves axes of extent 1, is behind it. */
function paddingWith(zero: number, value: Value): { readonly pads: readonly Pads[]; readonly input: () => Value } | undefined {
  const node = producer(value);
  const isMoved = node?.op === 'reshape' || node?.op === 'transpose';
  const padding = isMoved ? producer(node.inputs[0] as Value) : node;
  if (padding?.op !== 'pad') return undefined;
  const { pads, mode, value: filler } = padding.attrs as unknown as PadAttributes;
  if (mode !== 'constant' || filler !== zero) return undefined;
  const [x] = padding.inputs as [Value];
  if (node === padding) return { pads, input: () => x };
  if (node?.op === 'transpose') {
    const perm = node.attrs.perm as readonly number[];
    if (perm.length !== pads.length) return undefined;
    return { pads: perm.map((axis) => pads[axis] as Pads), input: () => transpose(x, { perm }) };
  }
  const { shape } = padding.outputs[0] as Value;
  const isLong = (_: unknown, axis: number) => shape[axis] !== 1;
  const long = value.shape.filter((extent) => extent !== 1);
  if (long.join() !== shape.filter(isLong).join() || !pads.every((pad, axis) => isLong(pad, axis) || pad.every((n) => n === 0))) {
    return undefined;
  }
  const left = pads.filter(isLong);
  const moved = value.shape.map((extent): Pads => (extent === 1 ? [0, 0] : (left.shift() as Pads)));
  return { pads: moved, input: () => reshape(x, { shape: value.shape.map((extent, i) => extent - sum(moved[i] as Pads)) }) };
}

const sum = ([before, after]: Pads): number => before + after;
