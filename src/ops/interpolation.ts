/** Functions of 16-bit numbers by straight lines between 513 entries, as TFLite tabulates them (LUTPopulateInt16, LUTLookup). */

const rounded = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
const limited = (x: number): number => Math.min(Math.max(x, -32768), 32767);

/**
 * f from `first` to `last` in 512 equal steps, as whole numbers of 16 bits; `perUnit` of them are 1. Entries are moved to halve the error between
 * them. TFLite computes most tables in f32, those of SOFTMAX in f64: `kept` rounds to the one or the other.
 */
export function interpolationTable(first: number, last: number, perUnit: number, f: (x: number) => number, kept = Math.fround): number[] {
  const step = kept(kept(last - first) / 512);
  const at = (x: number) => kept(kept(f(x)) * perUnit);
  const place = (i: number) => kept(first + kept(i * step));
  const entries = Array.from({ length: 512 }, (_, i) => {
    const [value, middle, next] = [at(place(i)), at(kept(place(i) + step / 2)), at(place(i + 1))];
    const error = rounded(kept(kept(next + rounded(value)) / 2)) - rounded(middle);
    return limited(rounded(value) - rounded(error / 2));
  });
  return [...entries, limited(rounded(at(last)))];
}

/** The value at x, a number of 16 bits: 128 of them are one step of the table. */
export function between(entries: ArrayLike<number>, x: number): number {
  const base = entries[(x >> 7) + 256] as number;
  return base + ((((entries[(x >> 7) + 257] as number) - base) * (x & 127) + 64) >> 7);
}
