import { describe, expect, test } from 'vitest';
import { fixedPoint, type Rounding, scaled } from '../../src/core/fixedPoint.ts';
import { binaryInt8Scratch } from '../../src/kernels/scratch.ts';
import { inFloats, numberProduct, numberSum } from '../../src/ops/arithmeticInt8.ts';
import { ARITHMETICS, type Arithmetic } from '../../src/ops/requantize.ts';
import { draw } from './products.ts';
import { runAlike } from './runAlike.ts';

const ROUNDINGS: readonly Rounding[] = ['double', 'single', 'float'];
const BYTES = Array.from({ length: 256 }, (_, i) => i - 128);
/** Every pair of bytes. */
const left = Int8Array.from({ length: 65536 }, (_, i) => (i >> 8) - 128);
const right = Int8Array.from({ length: 65536 }, (_, i) => (i & 255) - 128);

const axes = (name: string, last: number, rest: number) =>
  Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [`${name}${i}`, i === 5 ? last : rest]));

function run(kernel: 'add_s8' | 'mul_s8', a: Int8Array, b: Int8Array, fields: Readonly<Record<string, number>>): Int8Array {
  const y = new Int8Array(Math.max(a.length, b.length));
  const operands = { ...axes('n', y.length, 1), ...axes('a', a.length > 1 ? 1 : 0, 0), ...axes('b', b.length > 1 ? 1 : 0, 0) };
  runAlike(kernel, { a, b, scratch: { bytes: binaryInt8Scratch }, ...operands, ...fields }, y, a);
  return y;
}

function check(y: Int8Array, want: (i: number) => number, limits: { yZero: number; low: number; high: number }, what: string): void {
  for (let i = 0; i < y.length; i++) {
    const expected = Math.min(Math.max(want(i) + limits.yZero, limits.low), limits.high);
    if (y[i] !== expected) expect.fail(`${what}: ${left[i]}, ${right[i]} give ${y[i]}, not ${expected}`);
  }
}

describe.each(ROUNDINGS)('every pair of bytes, %s rounding', (rounding) => {
  const isFloat = rounding === 'float';

  test.each([...Array(14).keys()])('sums: case %i', (seed) => {
    const within = draw(seed + 7);
    const limits = { yZero: within(-128, 127), low: within(-128, -1), high: within(0, 127) };
    const [aZero, bZero] = [within(-128, 127), within(-128, 127)] as const;
    const bSign = seed % 3 ? 1 : -1;
    const arithmetic = ARITHMETICS[(seed % 4) % 3] as Arithmetic;
    // Of real layers; powers of two, whose ties are many; beyond what vectors do.
    const draws = [() => within(50, 1200) / 1000, () => 2 ** -within(0, 3), () => within(1, 16000) / 1000];
    const factor = draws[seed % 5 === 1 ? 1 : seed % 3 === 2 ? 2 : 0] as () => number;
    const [aFactor, bFactor] = [factor(), factor()];
    const yScale = Math.fround(seed % 2 ? 1 : within(1, 1000) / 700);
    // As TFLite makes them.
    const twice = 2 * Math.max(aFactor, bFactor);
    const [a, b, y] = [fixedPoint(aFactor / twice), fixedPoint(bFactor / twice), fixedPoint(twice / 2 ** 20)];
    const fields = {
      ...{ aZero, bZero, bSign, leftShift: 20, aMultiplier: a.multiplier, aShift: a.shift, bMultiplier: b.multiplier, bShift: b.shift },
      ...{
        yMultiplier: y.multiplier,
        yShift: y.shift,
        aScale: aFactor * yScale,
        bScale: bFactor * yScale,
        yScale,
        ...limits,
        rounding: ROUNDINGS.indexOf(rounding),
        arithmetic: ARITHMETICS.indexOf(arithmetic),
      },
    };
    const moved = (zero: number, { multiplier, shift }: typeof a) =>
      BYTES.map((byte) => (isFloat ? 0 : scaled((byte - zero) << 20, multiplier, shift, rounding)));
    const [aMoved, bMoved] = [moved(aZero, a), moved(bZero, b)];
    const steps = { aScale: aFactor * yScale, bScale: bFactor * yScale, yScale, aZero, bZero, yZero: limits.yZero, arithmetic };
    const isSum = bSign > 0 && arithmetic !== 'float';
    const float = isSum ? numberSum(steps) : inFloats(steps, (p, q) => p + bSign * q);
    const want = (p: number, q: number) =>
      isFloat
        ? float(p - aZero, q - bZero)
        : scaled(((aMoved[p + 128] as number) + bSign * (bMoved[q + 128] as number)) | 0, y.multiplier, y.shift, rounding);
    check(run('add_s8', left, right, fields), (i) => want(left[i] as number, right[i] as number), limits, 'sum');
    const one = Int8Array.of(within(-128, 127));
    const row = right.slice(0, 256 - within(0, 20));
    check(run('add_s8', one, row, fields), (i) => want(one[0] as number, row[i] as number), limits, 'sum with one');
  });

  test.each([...Array(8).keys()])('products: case %i', (seed) => {
    const within = draw(seed + 70);
    const limits = { yZero: within(-128, 127), low: within(-128, -1), high: within(0, 127) };
    const [aZero, bZero] = [within(-128, 127), within(-128, 127)] as const;
    const factor = seed % 4 === 1 ? 2 ** -within(1, 9) : within(1, 1 << within(4, 20)) / 1e6;
    const { multiplier, shift } = fixedPoint(factor);
    const arithmetic = ARITHMETICS[seed % 3] as Arithmetic;
    const scales = { aScale: Math.fround(factor * 0.7), bScale: Math.fround(1.3), yScale: Math.fround(0.91) };
    const fields = {
      ...{ aZero, bZero, bSign: 1, leftShift: 0, aMultiplier: 0, aShift: 0, bMultiplier: 0, bShift: 0 },
      ...{ yMultiplier: multiplier, yShift: shift, ...scales, ...limits },
      ...{ rounding: ROUNDINGS.indexOf(rounding), arithmetic: ARITHMETICS.indexOf(arithmetic) },
    };
    const steps = { ...scales, yZero: limits.yZero, arithmetic };
    const float = arithmetic === 'float' ? inFloats(steps, (p, q) => p * q) : numberProduct(steps);
    const want = (p: number, q: number) =>
      isFloat ? float(p - aZero, q - bZero) : scaled((p - aZero) * (q - bZero), multiplier, shift, rounding);
    check(run('mul_s8', left, right, fields), (i) => want(left[i] as number, right[i] as number), limits, 'product');
  });
});
