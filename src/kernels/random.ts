/** The counter RNG of `dropout_f32` in TypeScript: C. Wellons' "lowbias32" hash. */
export function mix(h: number): number {
  let x = h >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Whether dropout keeps element i, for one (seed, step, salt). `rate` is rounded to f32 as in the kernel's record. */
export function keeps(seed: number, step: number, salt: number, rate: number): (index: number) => boolean {
  const key = mix(seed ^ mix(step ^ mix(salt)));
  const threshold = Math.floor(Math.fround(rate) * 2 ** 32);
  return (index) => mix(mix(index) ^ key) >= threshold;
}
