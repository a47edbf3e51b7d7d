/**
 * exp, log, sin and cos in float64 from additions, multiplications and divisions only, which IEEE 754 fixes to the bit. `Math.exp` and its like
 * may differ between engines; weights and learning rates must not.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** 2^n for -1022 <= n <= 1023, by repeated squaring. */
function powerOfTwo(n: number): number {
  let result = 1;
  let base = n < 0 ? 0.5 : 2;
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= base;
    base *= base;
  }
  return result;
}

/** e^x: x = n ln 2 + r, then a Taylor series of r. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -708) return 0;
  const n = Math.round(x / Math.LN2);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let term = 1;
  let sum = 1;
  for (let i = 1; i < 18; i++) {
    term *= r / i;
    sum += term;
  }
  return n > 1023 ? sum * 2 * powerOfTwo(n - 1) : sum * powerOfTwo(n);
}

/** ln x: x = m 2^n with m in [√½, √2), then 2 artanh((m - 1) / (m + 1)). */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let m = x;
  let n = 0;
  for (; m >= Math.SQRT2; n++) m /= 2;
  for (; m < Math.SQRT1_2; n--) m *= 2;
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum = 0;
  for (let k = 25; k >= 1; k -= 2) sum = sum * z + 1 / k;
  return 2 * s * sum + n * LN2_LOW + n * LN2_HIGH;
}

/** base^exponent for base > 0. */
export const pow = (base: number, exponent: number): number =>
  Number.isInteger(exponent) && exponent >= 0 ? integerPower(base, exponent) : exp(exponent * log(base));

function integerPower(base: number, exponent: number): number {
  let result = 1;
  let factor = base;
  for (let n = exponent; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}

/** cos x for |x| up to some thousands: reduced to [-π, π], then a Taylor series. */
export function cos(x: number): number {
  const r = x - Math.round(x / (2 * Math.PI)) * 2 * Math.PI;
  let term = 1;
  let sum = 1;
  for (let i = 1; i <= 14; i++) {
    term *= (-r * r) / ((2 * i - 1) * (2 * i));
    sum += term;
  }
  return sum;
}
