/** Weights of 9 bits, as uint8 weights are without their zero points, on kernels that take 8. */

/** Weights in -256..254: what 8 bits hold of them, and what is left over. */
export function splitBytes(data: Int16Array | Int8Array): { first: Int8Array; rest: Int8Array | undefined } {
  if (data instanceof Int8Array) return { first: data, rest: undefined };
  const first = new Int8Array(data.map((w) => Math.max(-128, Math.min(w, 127))));
  const rest = new Int8Array(data.map((w, i) => w - (first[i] as number)));
  return { first, rest: rest.every((w) => w === 0) ? undefined : rest };
}

/** Weights [taps, depth + again.length, filters]: channels `again` are read once more, for what is left over of their weights; where that is 128, twice. */
export interface ByteWeights {
  readonly weights: Int8Array;
  readonly again: readonly number[];
}

/** Row-major weights [taps, depth, filters] of 9 bits in bytes. */
export function inBytes(data: Int16Array | Int8Array, taps: number, depth: number, filters: number): ByteWeights {
  if (data instanceof Int8Array) return { weights: data, again: [] };
  const at = (tap: number, c: number) => (tap * depth + c) * filters;
  const rows: { readonly part: Int16Array; readonly channel: number }[] = [];
  let part: Int16Array = data;
  for (let channels = Array.from({ length: depth }, (_, c) => c); channels.length; ) {
    for (const channel of channels) rows.push({ part, channel });
    const left = part.map((w) => w - Math.max(-128, Math.min(w, 127)));
    const isLeft = (c: number, tap: number) => left.subarray(at(tap, c), at(tap, c) + filters).some((w) => w !== 0);
    channels = channels.filter((c) => Array.from({ length: taps }, (_, tap) => isLeft(c, tap)).includes(true));
    part = left;
  }
  const weights = new Int8Array(taps * rows.length * filters);
  for (let tap = 0; tap < taps; tap++) {
    rows.forEach(({ part, channel }, i) => {
      const from = at(tap, channel);
      const to = (tap * rows.length + i) * filters;
      for (let f = 0; f < filters; f++) weights[to + f] = Math.max(-128, Math.min(part[from + f] as number, 127));
    });
  }
  return { weights, again: rows.slice(depth).map(({ channel }) => channel) };
}
