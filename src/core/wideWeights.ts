/** Weights of 9 bits, as uint8 weights are without their zero points, on kernels that take 8. */

/** Weights in -256..254: what 8 bits hold of them, and what is left over. */
export function splitBytes(data: Int16Array | Int8Array): { first: Int8Array; rest: Int8Array | undefined } {
  if (data instanceof Int8Array) return { first: data, rest: undefined };
  const first = new Int8Array(data.map((w) => Math.max(-128, Math.min(w, 127))));
  const rest = new Int8Array(data.map((w, i) => w - (first[i] as number)));
  return { first, rest: rest.every((w) => w === 0) ? undefined : rest };
}

/** Weights [taps, depth + again.length, filters]: channels `again` are read once more, for what is left over of their weights. */
export interface ByteWeights {
  readonly weights: Int8Array;
  readonly again: readonly number[];
}

/** Row-major weights [taps, depth, filters] in bytes. */
export function inBytes(data: Int16Array | Int8Array, taps: number, depth: number, filters: number): ByteWeights {
  const { first, rest } = splitBytes(data);
  if (!rest) return { weights: first, again: [] };
  const row = (part: Int8Array, tap: number, c: number) => part.subarray((tap * depth + c) * filters, (tap * depth + c + 1) * filters);
  const again: number[] = [];
  for (let c = 0; c < depth; c++) {
    let isWide = false;
    for (let tap = 0; tap < taps && !isWide; tap++) isWide = row(rest, tap, c).some((w) => w !== 0);
    if (isWide) again.push(c);
  }
  const whole = depth + again.length;
  const weights = new Int8Array(taps * whole * filters);
  for (let tap = 0; tap < taps; tap++) {
    for (let c = 0; c < depth; c++) weights.set(row(first, tap, c), (tap * whole + c) * filters);
    again.forEach((c, i) => void weights.set(row(rest, tap, c), (tap * whole + depth + i) * filters));
  }
  return { weights, again };
}
