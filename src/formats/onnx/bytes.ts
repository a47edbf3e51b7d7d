import { sizeOf } from '../../core/shape.ts';
import { producer, type Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { add, cast, concat, lookup, quantizeInt8 } from '../../ops/index.ts';
import { lookupTable } from '../../ops/lookup.ts';
import type { QuantizeAttributes } from '../../ops/quantizeInt8.ts';
import { opOf } from '../../ops/registry.ts';
import { fromUnsigned, toUnsigned } from '../unsigned.ts';
import type { NodeContext } from './context.ts';
import type { Elem } from './elements.ts';
import type { Operand } from './operand.ts';

/** How much larger a type's numbers are than those of the i8 that holds them; undefined for types of another width. */
export const offsets: Partial<Record<Elem, number>> = { int8: 0, uint8: 128 };

/** The number in a constant of one element; `fallback` where the node has none. */
export function constantAt(n: NodeContext, index: number, fallback?: number): number | undefined {
  if (!n.has(index)) return fallback;
  const value = n.x(index);
  return sizeOf(value.shape) === 1 && isConstant(value) ? evaluate(value)[0] : undefined;
}

/** The one scale and zero point of a quantization to 8 bits, both constant; the zero point as an i8's. */
export function stepOf(n: NodeContext, scale: number, zero: number, elem: Elem): { scale: number; zero: number } | undefined {
  const offset = offsets[elem];
  const [step, point] = [constantAt(n, scale), constantAt(n, zero, 0)];
  if (offset === undefined || step === undefined || point === undefined || !(step > 0 && Number.isFinite(step))) return undefined;
  return { scale: step, zero: point - offset };
}

/** An i8 as what a graph holds for `elem`: 32-bit integers. */
export function integersOf(bytes: Value, elem: Elem): Operand {
  const whole = cast(bytes, { to: 'i32' });
  const offset = offsets[elem] as number;
  const moved = offset ? add([whole, bytes.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(offset) })]) : whole;
  return { value: moved, elem };
}

/** Integers of an 8-bit type limited to low..high: numbers of fewer bits, as they are quantized where that has just been. Undefined for others. */
export function limitedBytes(value: Value, elem: Elem, low: number, high: number): Operand | undefined {
  const bytes = bytesOf(value, elem);
  const less = offsets[elem];
  if (!bytes || less === undefined || !(low <= high)) return undefined;
  const [least, most] = [Math.max(-128, low - less), Math.min(127, high - less)];
  const node = producer(bytes);
  if (node?.op === 'quantizeInt8') {
    const attrs = node.attrs as unknown as QuantizeAttributes;
    const limits = { low: Math.max(attrs.low, least), high: Math.min(attrs.high, most) };
    if (limits.low <= limits.high) return integersOf(quantizeInt8(node.inputs[0] as Value, { ...attrs, ...limits }), elem);
  }
  const data = lookupTable((x) => Math.max(least, Math.min(x, most)));
  return integersOf(lookup([bytes, bytes.graph.constant({ dtype: 'i8', shape: [256], data })]), elem);
}

/** Integers of an 8-bit type as bytes at the border of a model; undefined where they are not made of such. */
export function borderBytes(value: Value, elem: Elem): Value | undefined {
  const bytes = bytesOf(value, elem);
  return bytes && elem === 'uint8' ? toUnsigned(bytes) : bytes;
}

/** A constant of 8-bit numbers as an i8, a quarter of what graphs hold integers in; undefined for other values. */
export function constantBytes(value: Value, elem: Elem): Value | undefined {
  const { origin, shape, graph, name } = value;
  const offset = offsets[elem];
  if (offset === undefined || origin.kind !== 'const') return undefined;
  return graph.constant({ dtype: 'i8', shape, data: Int8Array.from(origin.data, (number) => number - offset) }, name);
}

/** Operators that move elements of their first input, as they are. */
const MOVES = new Set(['reshape', 'transpose', 'slice', 'broadcast', 'gather']);

/** The i8 that `integersOf` made these integers of, moved as they were since. */
export function bytesOf(value: Value, elem: Elem): Value | undefined {
  const offset = offsets[elem];
  const node = producer(value);
  if (offset === undefined || !node) return undefined;
  if (MOVES.has(node.op)) {
    const [x, ...rest] = node.inputs as [Value, ...Value[]];
    const inner = bytesOf(x, elem);
    return inner && opOf(node).all([inner, ...rest], node.attrs)[0];
  }
  if (node.op === 'concat') {
    const parts = node.inputs.map((input) => bytesOf(input, elem));
    return parts.every((part) => part !== undefined) ? concat(parts, node.attrs as { axis: number }) : undefined;
  }
  // Bytes at the border of the model.
  if (elem === 'uint8' && node.op === 'cast' && node.inputs[0]?.dtype === 'u8') return fromUnsigned(node.inputs[0]);
  const [whole, moved] = node.op === 'add' ? node.inputs : [value];
  const isMoved = moved?.origin.kind === 'const' && moved.origin.data.length === 1 && moved.origin.data[0] === offset;
  const from = whole && producer(whole);
  return (offset === 0 ? whole === value : isMoved) && from?.op === 'cast' && from.inputs[0]?.dtype === 'i8' ? from.inputs[0] : undefined;
}

/** An i32 of one element plus a constant; the value itself where that was taken off before. */
export function offset(value: Value, by: number): Value {
  if (by === 0) return value;
  const node = producer(value);
  const [from, known] = node?.op === 'add' ? node.inputs : [];
  if (from && known?.origin.kind === 'const' && known.origin.data.length === 1 && known.origin.data[0] === -by) return from;
  return add([value, value.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(by) })]);
}
