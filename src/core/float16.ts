/** What the last bit of a fraction is worth, by exponent: `**` at each number of a file takes ten times as long. */
const steps = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25));

/** The number with the bits of an IEEE 754 half-precision number. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * ((exponent && 1024) + fraction) * (steps[exponent] as number);
}
