// Matrix products of two activations or of an activation and packed weights, and their gradients.
import { BatchedMatmul, Matmul, MatmulGradInput, MatmulGradWeight, SumRows } from '../records';
import { gemm, gemmPanel } from './gemm_f32';
import { gemmTransposed } from './gemm_transposed_f32';
import { addRow, copyRow, zeroRow } from './vector_f32';

/** y = clamp(x · w + bias), w in panels. */
export function matmul_f32(r: Matmul): void {
  gemm(r.x, r.xStride << 2, r.w, r.bias, r.y, r.yStride << 2, r.rows, r.columns, r.depth, r.low, r.high, false);
}

/** dw (panels) = xᵀ · dy. */
export function matmul_f32_grad_weight(r: MatmulGradWeight): void {
  gemmTransposed(r.x, r.xStride << 2, r.dy, r.dyStride << 2, r.dw, r.rows, r.columns, r.depth, false);
}

/** dx = dy · wᵀ. One panel of wᵀ at a time is transposed into scratch (columns × 8 f32). */
export function matmul_f32_grad_input(r: MatmulGradInput): void {
  for (let k: usize = 0; k < r.depth; k += 8) {
    const width = min<usize>(8, r.depth - k);
    transposePanel(r.w, r.columns, r.depth, k, width, r.scratch);
    gemmPanel(
      r.dy,
      r.dyStride << 2,
      1,
      0,
      r.columns,
      r.scratch,
      0,
      r.dx + (k << 2),
      r.dxStride << 2,
      r.rows,
      width,
      -Infinity,
      Infinity,
      false,
    );
  }
}

/** Panel `k / 8` of wᵀ (N×K) out of the panels of w (K×N): `columns` rows of 8, of which `width` are columns of wᵀ. */
export function transposePanel(w: usize, columns: usize, depth: usize, k: usize, width: usize, to: usize): void {
  for (let n: usize = 0; n < columns; n++) {
    const from = w + ((n >> 3) * depth + k) * 32 + ((n & 7) << 2);
    for (let j: usize = 0; j < 8; j++) {
      store<f32>(to + (j << 2), j < width ? load<f32>(from + (j << 5)) : 0);
    }
    to += 32;
  }
}

/**
 * y[b] = alpha · a[b] · b[b] for every batch; element strides of rows and columns choose transposition. Scratch: the panels of b
 * (ceil(columns / 8) · depth · 8 f32), then, where aColumn is not 1, a in rows (rows · depth f32).
 */
export function matmul_f32_batched(r: BatchedMatmul): void {
  const panels = r.scratch;
  const packed = panels + ((((r.columns + 7) >> 3) * r.depth) << 5);
  let y = r.y;
  for (let i: usize = 0; i < r.batch0; i++) {
    for (let j: usize = 0; j < r.batch1; j++) {
      const b = r.b + ((i * r.bBatch0 + j * r.bBatch1) << 2);
      let a = r.a + ((i * r.aBatch0 + j * r.aBatch1) << 2);
      let aStride: usize = r.aRow << 2;
      packPanels(b, r.bRow << 2, r.bColumn << 2, r.depth, r.columns, r.alpha, panels);
      if (r.aColumn != 1) {
        gatherRows(a, r.aRow << 2, r.aColumn << 2, r.rows, r.depth, packed);
        a = packed;
        aStride = r.depth << 2;
      }
      gemm(a, aStride, panels, 0, y, r.columns << 2, r.rows, r.columns, r.depth, -Infinity, Infinity, false);
      y += (r.rows * r.columns) << 2;
    }
  }
}

/** panels = alpha · b. */
function packPanels(b: usize, rowStride: usize, columnStride: usize, depth: usize, columns: usize, alpha: f32, to: usize): void {
  for (let n: usize = 0; n < columns; n += 8) {
    const width = min<usize>(8, columns - n);
    for (let k: usize = 0; k < depth; k++) {
      const from = b + k * rowStride + n * columnStride;
      for (let j: usize = 0; j < 8; j++) {
        store<f32>(to + (j << 2), j < width ? alpha * load<f32>(from + j * columnStride) : 0);
      }
      to += 32;
    }
  }
}

function gatherRows(a: usize, rowStride: usize, columnStride: usize, rows: usize, depth: usize, to: usize): void {
  for (let m: usize = 0; m < rows; m++) {
    for (let k: usize = 0; k < depth; k++) {
      store<f32>(to, load<f32>(a + m * rowStride + k * columnStride));
      to += 4;
    }
  }
}

/** y[n] = Σ_m x[m, n], in the order of m. */
export function sum_rows_f32(r: SumRows): void {
  if (r.rows == 0) zeroRow(r.y, r.columns);
  else copyRow(r.y, r.x, r.columns);
  for (let m: usize = 1; m < r.rows; m++) addRow(r.y, r.x + ((m * r.columns) << 2), r.columns);
}
