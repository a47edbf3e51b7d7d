import { describe, expect, test } from 'vitest';
import { Kernels, random, worst } from './arrays.ts';

const kernels = await Kernels.load(16);
const epsilon = Math.fround(1e-5);
const sum = (values: readonly number[]) => values.reduce((total, v) => total + v, 0);

/** Mean and biased variance in float64. */
function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = sum(values) / values.length;
  return { mean, variance: sum(values.map((v) => (v - mean) ** 2)) / values.length };
}

/** d/dx of Σ g xhat for xhat = (x - mean) / √(variance + epsilon), or x / √(mean of squares + epsilon). */
function normGrad(x: readonly number[], g: readonly number[], centered: boolean): { xhat: number[]; dx: number[] } {
  const { mean, variance } = centered ? moments(x) : { mean: 0, variance: sum(x.map((v) => v * v)) / x.length };
  const rstd = 1 / Math.sqrt(variance + epsilon);
  const xhat = x.map((v) => (v - mean) * rstd);
  const along = sum(xhat.map((v, i) => v * (g[i] as number))) / x.length;
  const shift = centered ? sum(g) / x.length : 0;
  return { xhat, dx: g.map((v, i) => rstd * (v - shift - (xhat[i] as number) * along)) };
}

describe('batch normalisation', () => {
  const column = (x: Float32Array, columns: number, c: number) => Array.from(x.filter((_, i) => i % columns === c));

  test.each([
    [1, 3],
    [2, 1],
    [5, 8],
    [64, 4],
    [65, 7],
    [130, 17],
    [200, 33],
  ])('%i rows of %i columns', (rows, columns) => {
    const x = random(rows * columns, 1, 1, 5);
    const dy = random(rows * columns, 2);
    const gamma = random(columns, 3);
    const beta = random(columns, 4);
    const mean = new Float32Array(columns);
    const variance = new Float32Array(columns);
    kernels.call('batch_norm_f32_stats', { x, mean, variance, rows, columns });
    const exact = Array.from({ length: columns }, (_, c) => moments(column(x, columns, c)));
    expect(
      worst(
        mean,
        exact.map((m) => m.mean),
      ),
    ).toBeLessThan(1e-6);
    expect(
      worst(
        variance,
        exact.map((m) => m.variance),
      ),
    ).toBeLessThan(1e-6);

    const y = new Float32Array(x.length);
    kernels.call('batch_norm_f32', { x, mean, variance, gamma, beta, y, rows, columns, epsilon });
    const wantY = Array.from(x, (v, i) => {
      const c = i % columns;
      return ((v - (mean[c] as number)) / Math.sqrt((variance[c] as number) + epsilon)) * (gamma[c] as number) + (beta[c] as number);
    });
    expect(worst(y, wantY)).toBeLessThan(1e-6);

    const dx = new Float32Array(x.length);
    const dgamma = new Float32Array(columns);
    const dbeta = new Float32Array(columns);
    kernels.call('batch_norm_f32_grad', { x, dy, mean, variance, gamma, dx, dgamma, dbeta, rows, columns, epsilon });
    for (let c = 0; c < columns; c++) {
      const g = column(dy, columns, c);
      const { xhat, dx: want } = normGrad(column(x, columns, c), g, true);
      const scaled = want.map((v) => v * (gamma[c] as number));
      // One row has no variance: everything is scaled by 1 / √epsilon.
      if (rows > 1) expect(worst(column(dx, columns, c), scaled)).toBeLessThan(2e-5);
      expect(worst([dgamma[c] as number], [sum(xhat.map((v, i) => v * (g[i] as number)))])).toBeLessThan(1e-5);
      expect(worst([dbeta[c] as number], [sum(g)])).toBeLessThan(1e-5);
    }
    const inPlace = dy.slice();
    kernels.call('batch_norm_f32_grad', { x, dy: inPlace, mean, variance, gamma, dx: inPlace, dgamma, dbeta, rows, columns, epsilon });
    expect(inPlace).toEqual(dx);
  });

  test('the statistics of many rows far from 0 stay accurate', () => {
    const rows = 100_000;
    const x = random(rows, 5, 999, 1001);
    const mean = new Float32Array(1);
    const variance = new Float32Array(1);
    kernels.call('batch_norm_f32_stats', { x, mean, variance, rows, columns: 1 });
    const exact = moments(Array.from(x));
    expect(Math.abs((mean[0] as number) / exact.mean - 1)).toBeLessThan(1e-6);
    expect(Math.abs((variance[0] as number) / exact.variance - 1)).toBeLessThan(1e-5);
  });

  test('moving_average_f32 blends', () => {
    const state = Float32Array.of(1, 2, 3);
    kernels.call('moving_average_f32', { state, value: Float32Array.of(10, 20, -30), length: 3, momentum: 0.75, scale: 2 });
    expect([...state]).toEqual([0.75 + 5, 1.5 + 10, 2.25 - 15]);
  });
});

describe.each([
  ['centered', 1],
  ['by the root mean square', 0],
])('group normalisation, %s', (_, centered) => {
  test.each([
    [3, 1, 1, 1],
    [4, 1, 1, 19],
    [2, 1, 1, 128],
    [2, 6, 3, 2],
    [1, 5, 2, 4],
    [2, 9, 3, 7],
    [1, 0, 2, 3],
  ])('%i × %i positions × %i groups × %i channels', (batch, positions, groups, channels) => {
    const size = { batch, positions, groups, channels, centered };
    const wide = groups * channels;
    const x = random(batch * positions * wide, 1, -1, 3);
    const dy = random(x.length, 2);
    const gamma = random(wide, 3);
    const beta = random(wide, 4);
    const mean = new Float32Array(batch * groups);
    const rstd = new Float32Array(batch * groups);
    const y = new Float32Array(x.length);
    kernels.call('group_norm_f32', { x, gamma, beta, y, mean, rstd, epsilon, ...size });
    const dx = new Float32Array(x.length);
    const dgamma = new Float32Array(wide);
    const dbeta = new Float32Array(wide);
    kernels.call('group_norm_f32_grad', { x, gamma, dy, mean, rstd, dx, dgamma, dbeta, ...size });

    const wantGamma = new Float64Array(wide);
    const wantBeta = new Float64Array(wide);
    for (let n = 0; n < batch; n++) {
      for (let g = 0; g < groups; g++) {
        const at = Array.from(
          { length: positions * channels },
          (_, i) => (n * positions + Math.floor(i / channels)) * wide + g * channels + (i % channels),
        );
        const pick = (from: Float32Array) => at.map((i) => from[i] as number);
        const weight = (i: number) => gamma[i % wide] as number;
        const { xhat, dx: want } = normGrad(
          pick(x),
          at.map((i) => (dy[i] as number) * weight(i)),
          centered === 1,
        );
        expect(
          worst(
            pick(y),
            at.map((i, k) => (xhat[k] as number) * weight(i) + (beta[i % wide] as number)),
          ),
        ).toBeLessThan(2e-6);
        // A single centred channel has no variance: everything is scaled by 1 / √epsilon.
        if (at.length > 1 || !centered) expect(worst(pick(dx), want)).toBeLessThan(2e-5);
        at.forEach((i, k) => {
          wantGamma[i % wide] = (wantGamma[i % wide] as number) + (dy[i] as number) * (xhat[k] as number);
          wantBeta[i % wide] = (wantBeta[i % wide] as number) + (dy[i] as number);
        });
      }
    }
    expect(worst(dgamma, wantGamma)).toBeLessThan(1e-5);
    expect(worst(dbeta, wantBeta)).toBeLessThan(1e-5);

    const inPlace = dy.slice();
    kernels.call('group_norm_f32_grad', { x, gamma, dy: inPlace, mean, rstd, dx: inPlace, dgamma: 0, dbeta: 0, ...size });
    expect(inPlace).toEqual(dx);
    kernels.call('group_norm_f32', { x, gamma, beta, y: x, mean, rstd, epsilon, ...size });
    expect(x).toEqual(y);
  });

  test('without gamma and beta', () => {
    const x = random(36, 6);
    const y = new Float32Array(36);
    const size = { batch: 2, positions: 3, groups: 2, channels: 3, centered };
    const [mean, rstd] = [new Float32Array(4), new Float32Array(4)];
    kernels.call('group_norm_f32', { x, gamma: 0, beta: 0, y, mean, rstd, epsilon, ...size });
    const gamma = new Float32Array(6).fill(1);
    const same = new Float32Array(36);
    kernels.call('group_norm_f32', { x, gamma, beta: new Float32Array(6), y: same, mean, rstd, epsilon, ...size });
    expect(y).toEqual(same);
  });
});
