import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRange, type RangeMethod, type Statistics, stepsOf } from '../../src/quantize/ranges.ts';
import { bytesOf, decode, encodeBlocks, encodeColumns } from '../../src/quantize/weights.ts';

/** The histogram of `values`. */
function statistics(values: readonly number[]): Statistics {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const bins = new Float64Array(2048);
  for (const value of values) {
    const at = Math.min(2047, Math.floor(((value - low) / (high - low)) * 2048));
    bins[at] = (bins[at] as number) + 1;
  }
  return { low, high, bins };
}

/** Σ (x - quantized x)² of the values themselves. */
function error(values: readonly number[], range: { low: number; high: number }): number {
  const { scale, zero } = stepsOf(range);
  const quantized = (x: number) => (Math.min(127, Math.max(-128, Math.round(x / scale) + zero)) - zero) * scale;
  return values.reduce((sum, x) => sum + (x - quantized(x)) ** 2, 0);
}

describe('ranges of activations', () => {
  // A bell from -1 to 1 in 20,000 elements, and one outlier far out.
  const bell = Array.from({ length: 20000 }, (_, i) => {
    const p = (i + 0.5) / 20000;
    return Math.log(p / (1 - p)) / 10;
  });
  const outlier = [...bell, 100];

  it('min-max is all there is, percentile leaves out the rarest', () => {
    expect(chooseRange(statistics(outlier), 'min-max', 99.9)).toEqual({ low: Math.min(...bell), high: 100 });
    const { low, high } = chooseRange(statistics(outlier), 'percentile', 99.9);
    expect(high).toBeLessThan(1.5);
    expect(low).toBeGreaterThanOrEqual(Math.min(...bell));
  });

  it.each(['mse', 'entropy', 'percentile'] as const)('%s serves a bell with many elements better than min-max', (method) => {
    const many = Array.from({ length: 10 }, () => bell)
      .flat()
      .concat([4]);
    const whole = chooseRange(statistics(many), 'min-max', 99.99);
    const chosen = chooseRange(statistics(many), method, 99.99);
    expect(chosen.high).toBeLessThan(whole.high);
    expect(error(bell, chosen)).toBeLessThan(error(bell, whole));
  });

  it('mse is not worse than any other choice', () => {
    for (const values of [bell, outlier, bell.map((x) => Math.max(0, x)), bell.map((x) => x ** 3)]) {
      const best = error(values, chooseRange(statistics(values), 'mse', 99.99));
      for (const method of ['min-max', 'percentile', 'entropy'] as const) {
        expect(best).toBeLessThanOrEqual(error(values, chooseRange(statistics(values), method, 99.99)) * 1.02 + 1e-9);
      }
    }
  });

  it('entropy keeps what many equal elements are few beside', () => {
    // Zeros of a relu, the values that empty parts of pictures get, and a tenth that tells them apart.
    const zeros: number[] = Array.from({ length: 14000 }, () => 0);
    const equal = Array.from({ length: 4000 }, (_, i) => [0.1, 0.233, 0.71][i % 3] as number);
    const rest = Array.from({ length: 2000 }, (_, i) => (6 * (i + 1)) / 2000);
    for (const values of [
      [...zeros, ...rest],
      [...equal, ...rest],
      [...zeros, ...equal, ...rest],
    ]) {
      expect(chooseRange(statistics(values), 'entropy', 99.99).high).toBeGreaterThan(5.9);
    }
  });

  it('0 is one of the numbers, whatever the range', () => {
    const bounds = fc.float({ min: -1000, max: 1000, noNaN: true });
    const methods = fc.constantFrom<RangeMethod>('min-max', 'percentile', 'mse', 'entropy');
    fc.assert(
      fc.property(fc.array(bounds, { minLength: 1, maxLength: 50 }), methods, (values, method) => {
        const range = chooseRange(statistics(values), method, 99.99);
        expect(range.low).toBeLessThanOrEqual(0);
        expect(range.high).toBeGreaterThanOrEqual(0);
        const { scale, zero } = stepsOf(range);
        expect(scale).toBeGreaterThan(0);
        expect(Number.isInteger(zero) && zero >= -128 && zero <= 127).toBe(true);
        // Both ends are within a step of a number.
        expect((-128 - zero) * scale).toBeLessThanOrEqual(range.low + scale);
        expect((127 - zero) * scale).toBeGreaterThanOrEqual(range.high - scale);
      }),
      { numRuns: 200 },
    );
  });

  it('nothing but zeros has steps too', () => {
    expect(stepsOf(chooseRange({ low: 0, high: 0, bins: new Float64Array(2048) }, 'mse', 99))).toEqual({ scale: 1, zero: -128 });
  });
});

describe('weights in whole numbers', () => {
  const matrices = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 })).chain(([columns, rows]) =>
    fc.record({
      columns: fc.constant(columns),
      data: fc.float32Array({ minLength: rows * columns, maxLength: rows * columns, noNaN: true, min: -50, max: 50 }),
    }),
  );

  it('8 bits are at most half a step off, with one step a column', () => {
    fc.assert(
      fc.property(matrices, ({ columns, data }) => {
        const encoding = encodeColumns(data, columns);
        const back = decode(encoding, columns);
        data.forEach((value, i) => {
          const step = encoding.scales[i % columns] as number;
          expect(Math.abs((back[i] as number) - value)).toBeLessThanOrEqual(step * 0.5001 + 2 ** -101);
        });
        expect(encoding.data.every((n) => n >= -127)).toBe(true);
        // Rounded once more they are the same.
        expect(decode(encodeColumns(back, columns), columns)).toEqual(back);
        expect(bytesOf(encoding)).toBe(data.length + 4 * columns);
      }),
      { numRuns: 100 },
    );
  });

  it('4 bits have one step for each block of rows, the last block may be short', () => {
    fc.assert(
      fc.property(matrices, ({ columns, data }) => {
        const encoding = encodeBlocks(data, columns, 16);
        const rows = data.length / columns;
        expect(encoding.scales).toHaveLength(Math.ceil(rows / 16) * columns);
        const back = decode(encoding, columns);
        data.forEach((value, i) => {
          const step = encoding.scales[Math.floor(i / (16 * columns)) * columns + (i % columns)] as number;
          const n = encoding.data[i] as number;
          expect(back[i]).toBe(Math.fround(n * step));
          // What is not cut off is at most half a step off.
          if (n > -8 && n < 7) expect(Math.abs((back[i] as number) - value)).toBeLessThanOrEqual(step * 0.5001);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('4 bits take all 16 numbers', () => {
    const sixteen = Float32Array.from({ length: 16 }, (_, i) => (i - 8) * 0.3);
    const encoding = encodeBlocks(sixteen, 1, 16);
    expect(Array.from(encoding.data)).toEqual(Array.from({ length: 16 }, (_, i) => i - 8));
    expect(encoding.scales[0]).toBeCloseTo(0.3, 6);
  });

  it('a step that is too small for the bias to be counted in is raised', () => {
    const encoding = encodeColumns(Float32Array.of(1e-9, 1), 2, () => 1e-6);
    expect(encoding.scales[0]).toBeCloseTo(1e-6, 12);
    expect(encoding.scales[1]).toBeCloseTo(1 / 127, 9);
  });
});
