import { describe, expect, test } from 'vitest';
import { Kernels, lengths, random, worst } from './arrays.ts';

const kernels = await Kernels.load(4);
const ROWS = 3;

const eachRow = (x: ArrayLike<number>, columns: number, f: (row: number[], index: number) => number[]): number[] =>
  Array.from({ length: ROWS }, (_, i) =>
    f(
      Array.from({ length: columns }, (_, j) => x[i * columns + j] as number),
      i,
    ),
  ).flat();

function softmax(row: number[]): number[] {
  const top = Math.max(...row);
  const sum = row.reduce((total, v) => total + Math.exp(v - top), 0);
  return row.map((v) => Math.exp(v - top) / sum);
}
const logSoftmax = (row: number[]): number[] => {
  const top = Math.max(...row);
  const logSum = Math.log(row.reduce((total, v) => total + Math.exp(v - top), 0));
  return row.map((v) => v - top - logSum);
};
const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);

describe.each([
  ['softmax_f32', softmax],
  ['log_softmax_f32', logSoftmax],
] as const)('%s', (name, f) => {
  test('every row length, also in place', () => {
    for (const columns of lengths) {
      const x = random(ROWS * columns, 1, -5, 5);
      const y = new Float32Array(x.length);
      const want = eachRow(x, columns, f);
      kernels.call(name, { x, y, rows: ROWS, columns });
      expect(worst(y, want)).toBeLessThan(1e-6);
      kernels.call(name, { x, y: x, rows: ROWS, columns });
      expect(x).toEqual(y);
    }
  });

  test('large logits neither overflow nor lose digits', () => {
    const x = Float32Array.of(20000, 20001, 20003.5, -1e30, 0, 1, -2, 3, 88, 89, 90, 91);
    const y = new Float32Array(12);
    kernels.call(name, { x, y, rows: ROWS, columns: 4 });
    expect(worst(y, eachRow(x, 4, f))).toBeLessThan(2e-7);
  });
});

test('softmax_f32_grad and log_softmax_f32_grad, every row length, also in place', () => {
  for (const columns of lengths) {
    const x = random(ROWS * columns, 2, -3, 3);
    const dy = random(ROWS * columns, 3);
    const gradOf = (i: number) => Array.from(dy.subarray(i * columns, (i + 1) * columns));
    const cases = {
      softmax_f32_grad: [softmax, (y: number[], g: number[]) => y.map((v, j) => v * ((g[j] as number) - dot(y, g)))],
      log_softmax_f32_grad: [
        logSoftmax,
        (y: number[], g: number[]) => y.map((v, j) => (g[j] as number) - Math.exp(v) * g.reduce((a, b) => a + b, 0)),
      ],
    } as const;
    for (const name of ['softmax_f32_grad', 'log_softmax_f32_grad'] as const) {
      const [forward, backward] = cases[name];
      const y = Float32Array.from(eachRow(x, columns, forward));
      const want = eachRow(x, columns, (row, i) => backward(forward(row), gradOf(i)));
      const dx = new Float32Array(x.length);
      kernels.call(name, { y, dy, dx, rows: ROWS, columns });
      expect(worst(dx, want)).toBeLessThan(3e-6);
      const inPlace = dy.slice();
      kernels.call(name, { y, dy: inPlace, dx: inPlace, rows: ROWS, columns });
      expect(inPlace).toEqual(dx);
    }
  }
});

describe.each([0, 0.1])('cross-entropy with smoothing %s', (smoothing) => {
  const targets = (labels: Int32Array | Float32Array, columns: number, i: number) =>
    Array.from({ length: columns }, (_, j) => {
      const t = labels instanceof Int32Array ? Number(labels[i] === j) : (labels[i * columns + j] as number);
      return t * (1 - smoothing) + smoothing / columns;
    });

  test.each(['class indexes', 'rows of probabilities'])('labels as %s', (kind) => {
    for (const columns of [1, 2, 3, 4, 5, 8, 10, 17, 100]) {
      const x = random(ROWS * columns, 4, -4, 4);
      const labels = kind === 'class indexes' ? Int32Array.from([0, columns - 1, columns >> 1]) : random(ROWS * columns, 5, 0, 1);
      const loss = new Float32Array(ROWS);
      const oneHot = Number(kind !== 'class indexes');
      kernels.call('softmax_cross_entropy_f32', { x, labels, loss, rows: ROWS, columns, oneHot, smoothing });
      const wantLoss = eachRow(x, columns, (row, i) => [-dot(logSoftmax(row), targets(labels, columns, i))]);
      expect(worst(loss, wantLoss)).toBeLessThan(3e-6);

      const dLoss = Float32Array.of(1, 0.5, -2);
      const dx = new Float32Array(x.length);
      kernels.call('softmax_cross_entropy_f32_grad', { x, labels, dLoss, dx, rows: ROWS, columns, oneHot, smoothing });
      const want = eachRow(x, columns, (row, i) => {
        const t = targets(labels, columns, i);
        const total = t.reduce((a, b) => a + b, 0);
        return softmax(row).map((p, j) => (dLoss[i] as number) * (p * total - (t[j] as number)));
      });
      expect(worst(dx, want)).toBeLessThan(1e-5);
    }
  });
});
