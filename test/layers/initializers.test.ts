import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { fans, type InitializerName, initializers, varianceScaling } from '../../src/layers/initializers.ts';

const draw = (name: InitializerName, shape: number[]) => initializers[name](shape, new Random(5));
const deviation = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

it('counts fans as Keras does', () => {
  expect(fans([30, 20])).toEqual({ fanIn: 30, fanOut: 20 });
  expect(fans([3, 3, 8, 16])).toEqual({ fanIn: 72, fanOut: 144 });
  expect(fans([7])).toEqual({ fanIn: 7, fanOut: 7 });
});

describe('variance', () => {
  it.each([
    ['glorotUniform', 2 / 500],
    ['glorotNormal', 2 / 500],
    ['heUniform', 2 / 300],
    ['heNormal', 2 / 300],
    ['lecunUniform', 1 / 300],
    ['lecunNormal', 1 / 300],
    ['randomNormal', 0.05 ** 2],
    ['randomUniform', 0.05 ** 2 / 3],
  ] as const)('%s', (name, variance) => {
    expect(deviation(draw(name, [300, 200])) / Math.sqrt(variance)).toBeCloseTo(1, 1.7);
  });

  it('normal distributions are cut off at two deviations where they say so', () => {
    const limit = (2 * Math.sqrt(2 / 300)) / 0.8796256;
    expect(Math.max(...draw('heNormal', [300, 200]).map(Math.abs))).toBeLessThanOrEqual(limit);
    const wide = varianceScaling({ scale: 2, mode: 'fanIn', distribution: 'normal' })([300, 200], new Random(5));
    expect(Math.max(...wide.map(Math.abs))).toBeGreaterThan(limit);
  });
});

it('orthogonal rows or columns, identity, constants', () => {
  for (const [rows, columns] of [
    [6, 9],
    [9, 6],
    [5, 5],
  ] as const) {
    const q = draw('orthogonal', [rows, columns]);
    const vector = (i: number) =>
      rows < columns ? [...q.slice(i * columns, (i + 1) * columns)] : Array.from({ length: rows }, (_, r) => q[r * columns + i] as number);
    for (let i = 0; i < Math.min(rows, columns); i++) {
      for (let j = 0; j <= i; j++)
        expect(vector(i).reduce((sum, v, k) => sum + v * (vector(j)[k] as number), 0)).toBeCloseTo(i === j ? 1 : 0, 5);
    }
  }
  expect([...draw('identity', [2, 3])]).toEqual([1, 0, 0, 0, 1, 0]);
  expect([...draw('zeros', [2]), ...draw('ones', [2])]).toEqual([0, 0, 1, 1]);
});
