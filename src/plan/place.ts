import { type Buffer, lowerBound } from './lifetimes.ts';

/** Attempts of the hill-climb after the fixed orderings; each costs O(n²) for n buffers. */
const CLIMB_STEPS = 2000;

/**
 * Gives every buffer an arena offset so that buffers alive at the same time do not overlap, and returns the arena's bytes.
 * Buffers are placed one by one in the lowest gap that is free over their lifetime. The order decides the result: five orderings, then a
 * seeded hill-climb over the best one, which stops when the liveness lower bound is reached (it is, on every network of the project's tests).
 */
export function place(buffers: readonly Buffer[]): number {
  const used = buffers.filter((buffer) => buffer.bytes > 0);
  const goal = lowerBound(used);
  const duration = (b: Buffer) => b.last - b.first + 1;
  const orderings: ((a: Buffer, b: Buffer) => number)[] = [
    (a, b) => b.bytes - a.bytes || duration(b) - duration(a),
    (a, b) => duration(b) - duration(a) || b.bytes - a.bytes,
    (a, b) => b.bytes * duration(b) - a.bytes * duration(a),
    (a, b) => a.first - b.first || b.bytes - a.bytes,
    (a, b) => b.last - a.last || b.bytes - a.bytes,
  ];
  let best = { bytes: Number.POSITIVE_INFINITY, order: used, offsets: [] as number[] };
  const attempt = (order: Buffer[]) => {
    const offsets = firstFit(order);
    const bytes = Math.max(0, ...order.map((buffer, i) => (offsets[i] as number) + buffer.bytes));
    if (bytes <= best.bytes) best = { bytes, order, offsets };
  };
  for (const compare of orderings) {
    if (best.bytes > goal) attempt([...used].sort(compare));
  }
  let seed = 1;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  for (let step = 0; step < CLIMB_STEPS && best.bytes > goal; step++) {
    const order = [...best.order];
    // Every second time one of those that end at the top is placed earlier: only they make the arena as large as it is.
    const tops = step % 2 ? order.flatMap((buffer, i) => ((best.offsets[i] as number) + buffer.bytes === best.bytes ? [i] : [])) : [];
    const from = tops.length ? (tops[random(tops.length)] as number) : random(order.length);
    const [moved] = order.splice(from, 1);
    order.splice(random((tops.length ? from : order.length) + 1), 0, moved as Buffer);
    attempt(order);
  }
  best.order.forEach((buffer, i) => {
    buffer.offset = best.offsets[i] as number;
  });
  return best.order.length ? best.bytes : 0;
}

/** Offsets of `order`'s buffers, each in the lowest gap between the already placed ones it lives together with. */
function firstFit(order: readonly Buffer[]): number[] {
  const placed: { buffer: Buffer; offset: number }[] = []; // by offset
  return order.map((buffer) => {
    let offset = 0;
    for (let i = 0; i < placed.length; i++) {
      const other = placed[i] as { buffer: Buffer; offset: number };
      if (other.buffer.first > buffer.last || other.buffer.last < buffer.first) continue;
      if (other.offset - offset >= buffer.bytes) break;
      offset = Math.max(offset, other.offset + other.buffer.bytes);
    }
    const at = placed.findIndex((other) => other.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { buffer, offset });
    return offset;
  });
}
