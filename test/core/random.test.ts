import { describe, expect, it } from 'vitest';
import { cos, exp, log, pow } from '../../src/core/deterministic.ts';
import { Random } from '../../src/core/random.ts';

describe('functions that are the same on every engine', () => {
  it.each([
    ['exp', exp, Math.exp, -700, 700, 4e-15],
    ['log', log, Math.log, 1e-300, 1e300, 4e-15],
    // Reducing 100 to [-π, π] loses some ulps of 100.
    ['cos', cos, Math.cos, -100, 100, 3e-14],
  ] as const)('%s is accurate', (_, own, reference, low, high, tolerance) => {
    for (let i = 0; i <= 2000; i++) {
      const x = low + ((high - low) * i) / 2000;
      expect(Math.abs(own(x) - reference(x))).toBeLessThanOrEqual(tolerance * Math.max(Math.abs(reference(x)), 1));
    }
  });

  it('takes the edges', () => {
    expect([exp(0), exp(Number.NEGATIVE_INFINITY), exp(1000), log(1), log(0)]).toEqual([
      1,
      0,
      Number.POSITIVE_INFINITY,
      0,
      Number.NEGATIVE_INFINITY,
    ]);
    expect([exp(Number.NaN), log(-1)]).toEqual([Number.NaN, Number.NaN]);
    expect([pow(3, 5), pow(0.5, 0)]).toEqual([243, 1]);
    expect(pow(0.96, 2.5)).toBeCloseTo(0.96 ** 2.5, 14);
  });
});

describe('Random', () => {
  it('is pinned: the same numbers on every host, for ever', () => {
    const random = new Random(1);
    expect([random.next(), random.next(), random.uniform(), random.normal(), [...random.permutation(6)]]).toMatchInlineSnapshot(`
      [
        393288148,
        2174103013,
        0.8881928145419806,
        -1.0983200666044903,
        [
          4,
          1,
          0,
          2,
          5,
          3,
        ],
      ]
    `);
  });

  it('has the moments it should', () => {
    const random = new Random(2);
    const n = 40_000;
    const moments = (draw: () => number) => {
      const values = Float64Array.from({ length: n }, draw);
      const mean = values.reduce((a, b) => a + b, 0) / n;
      return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n)];
    };
    const near = (got: readonly number[], want: readonly number[]) =>
      want.forEach((value, i) => void expect(Math.abs((got[i] as number) - value)).toBeLessThan(0.02));
    near(
      moments(() => random.uniform(-1, 1)),
      [0, 1 / Math.sqrt(3)],
    );
    near(
      moments(() => random.normal(3, 1)),
      [3, 1],
    );
    near(
      moments(() => random.truncatedNormal(0, 1)),
      [0, 0.8796],
    );
    expect([...random.permutation(100)].sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
  });
});
