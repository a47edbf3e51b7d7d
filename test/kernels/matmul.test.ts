import { describe, test } from 'vitest';
import { packPanels } from '../../src/core/panels.ts';
import { batchedMatmulScratch, matmulGradInputScratch } from '../../src/kernels/scratch.ts';
import { random } from './arrays.ts';
import { draw, expectProduct } from './products.ts';

/** rows, depth, columns: every tail of each, none of each, one row, blocks of many rows and great depth. */
const sizes: [number, number, number][] = [
  ...Array.from({ length: 33 }, (_, n): [number, number, number] => [n, 5, 11]),
  ...Array.from({ length: 18 }, (_, n): [number, number, number] => [6, n, 9]),
  ...Array.from({ length: 18 }, (_, n): [number, number, number] => [7, 6, n]),
  ...Array.from({ length: 8 }, (_, n): [number, number, number] => [1, 13, 28 + n]),
  [1, 1000, 70],
  [9, 1100, 12],
  [300, 70, 10],
  [300, 500, 9],
];

describe.each(sizes)('%i × %i · %i', (rows, depth, columns) => {
  // Rows are further apart than they are long.
  const [xStride, yStride] = [depth + 3, columns + 2];
  const x = random(rows * xStride, 1);
  const dy = random(rows * yStride, 2);
  const w = random(depth * columns, 3);
  const panels = packPanels(w, [depth, columns]);
  const bias = random(columns, 4);
  const residual = random(rows * yStride, 6);
  const at = (array: Float32Array, i: number) => array[i] as number;

  test.each([
    [true, false],
    [false, false],
    [false, true],
    [true, true],
  ])('forward, bias: %s, residual: %s', (withBias, withResidual) => {
    const y = new Float32Array(Math.max(0, (rows - 1) * yStride + columns));
    const want = new Float64Array(y.length).fill(Number.NaN);
    for (let m = 0; m < rows; m++) {
      for (let n = 0; n < columns; n++) {
        let sum = withBias ? at(bias, n) : 0;
        for (let k = 0; k < depth; k++) sum += at(x, m * xStride + k) * at(w, k * columns + n);
        if (withResidual) sum += at(residual, m * yStride + n);
        want[m * yStride + n] = Math.min(Math.max(sum, -3), 6);
      }
    }
    const added = withResidual ? residual.slice(0, y.length) : (0 as const);
    expectProduct(
      'matmul_f32',
      { x, w: panels, bias: withBias ? bias : 0, residual: added, y, rows, columns, depth, xStride, yStride, low: -3, high: 6 },
      y,
      want,
      added || undefined,
    );
  });

  test('weight gradient: exact where dy ends, padding columns 0', () => {
    const dw = new Float32Array(panels.length);
    const want = new Float64Array(depth * columns);
    for (let m = 0; m < rows; m++) {
      for (let i = 0; i < want.length; i++) {
        const product = at(x, m * xStride + Math.floor(i / columns)) * at(dy, m * yStride + (i % columns));
        want[i] = (want[i] as number) + product;
      }
    }
    const fields = {
      x: x.slice(0, Math.max(0, (rows - 1) * xStride + depth)),
      dy: dy.slice(0, Math.max(0, (rows - 1) * yStride + columns)),
      dw,
      rows,
      columns,
      depth,
      xStride,
      dyStride: yStride,
    };
    for (const last of [fields.x, fields.dy]) expectProduct('matmul_f32_grad_weight', fields, dw, packPanels(want, [depth, columns]), last);
  });

  test('input gradient', () => {
    const dx = new Float32Array(Math.max(0, (rows - 1) * xStride + depth));
    const want = new Float64Array(dx.length).fill(Number.NaN);
    for (let m = 0; m < rows; m++) {
      for (let k = 0; k < depth; k++) {
        let sum = 0;
        for (let n = 0; n < columns; n++) sum += at(dy, m * yStride + n) * at(w, k * columns + n);
        want[m * xStride + k] = sum;
      }
    }
    const scratch = { bytes: matmulGradInputScratch(columns) };
    expectProduct(
      'matmul_f32_grad_input',
      { dy, w: panels, dx, scratch, rows, columns, depth, dyStride: yStride, dxStride: xStride },
      dx,
      want,
    );
  });

  test('sum of rows', () => {
    const packed = random(rows * columns, 5);
    const y = new Float32Array(columns);
    const want = new Float64Array(columns);
    packed.forEach((value, i) => {
      want[i % columns] = (want[i % columns] as number) + value;
    });
    expectProduct('sum_rows_f32', { x: packed, y, rows, columns }, y, want);
  });
});

/** Batches of matrices, either operand transposed, either repeated along a batch axis. */
test.each([...Array(60).keys()])('batched, case %i', (seed) => {
  const next = draw(seed);
  const [batch0, batch1] = [next(0, 3), next(1, 3)];
  const [rows, columns, depth] = [next(0, 19), next(0, 19), next(0, 19)];
  const [repeatA, repeatB] = [next(0, 1), next(0, 1)];
  const a = random(batch0 * batch1 * rows * depth, seed);
  const b = random(batch0 * batch1 * depth * columns, seed + 1);
  const [aRow, aColumn] = next(0, 1) ? [depth, 1] : [1, rows];
  const [bRow, bColumn] = next(0, 1) ? [columns, 1] : [1, depth];
  const [aBatch0, aBatch1] = [batch1 * rows * depth, repeatA ? 0 : rows * depth];
  const [bBatch0, bBatch1] = [repeatB ? 0 : batch1 * depth * columns, repeatB ? 0 : depth * columns];
  // What lies between rows of y keeps its canary, which is NaN.
  const yRow = columns + next(0, 3);
  const y = new Float32Array(batch0 * batch1 * rows * yRow);
  const want = Float64Array.from(y, (_, i) => {
    const n = i % yRow;
    const m = Math.floor(i / yRow) % rows;
    const batch = Math.floor(i / (yRow * rows));
    if (n >= columns) return Number.NaN;
    const [i0, i1] = [Math.floor(batch / batch1), batch % batch1];
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      const left = a[i0 * aBatch0 + i1 * aBatch1 + m * aRow + k * aColumn] as number;
      sum += left * (b[i0 * bBatch0 + i1 * bBatch1 + k * bRow + n * bColumn] as number);
    }
    return 0.5 * sum;
  });
  const batches = { batch0, batch1, aBatch0, aBatch1, bBatch0, bBatch1 };
  const scratch = { bytes: batchedMatmulScratch({ rows, columns, depth, aColumn }) };
  expectProduct(
    'matmul_f32_batched',
    { a, b, y, scratch, ...batches, rows, columns, depth, aRow, aColumn, bRow, bColumn, yRow, alpha: 0.5 },
    y,
    want,
  );
});
