// Matrix products of two activations or of an activation and packed weights, and their gradients.
import { BatchedMatmul, Matmul, MatmulGradInput, MatmulGradWeight, SumRows } from '../records';
import { gemm, gemmPanel } from './gemm_f32';
import { gemmTransposed } from './gemm_transposed_f32';

/** y = clamp(x · w + bias + residual), w in panels. */
export function matmul_f32(r: Matmul): void {
  gemm(r.x, r.xStride << 2, r.w, r.bias, r.residual, r.y, r.yStride << 2, r.rows, r.columns, r.depth, r.low, r.high, false);
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
  let n: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (width == 8) {
      for (; n + 4 <= columns; n += 4) {
        const from = w + ((n >> 3) * depth + k) * 32 + ((n & 7) << 2);
        transpose4(from, 32, to, 32);
        transpose4(from + 128, 32, to + 16, 32);
        to += 128;
      }
    }
  }
  for (; n < columns; n++) {
    const from = w + ((n >> 3) * depth + k) * 32 + ((n & 7) << 2);
    for (let j: usize = 0; j < 8; j++) {
      store<f32>(to + (j << 2), j < width ? load<f32>(from + (j << 5)) : 0);
    }
    to += 32;
  }
}

/** 4 × 4 f32; strides of rows in bytes. */
@inline
function transpose4(from: usize, fromStride: usize, to: usize, toStride: usize): void {
  const a = v128.load(from),
    b = v128.load(from + fromStride),
    c = v128.load(from + (fromStride << 1)),
    d = v128.load(from + fromStride * 3);
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5),
    ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7),
    cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5),
    cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(to + toStride, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7));
  v128.store(to + (toStride << 1), v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5));
  v128.store(to + toStride * 3, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7));
}

/**
 * y[b] = alpha · a[b] · b[b] for every batch; element strides of rows and columns choose transposition. Scratch: the panels of b
 * (ceil(columns / 8) · depth · 8 f32), then, where aColumn is not 1, a in rows (rows · depth f32).
 */
export function matmul_f32_batched(r: BatchedMatmul): void {
  const panels = r.scratch;
  const packed = panels + ((((r.columns + 7) >> 3) * r.depth) << 5);
  let y = r.y;
  let packedFrom: usize = 0;
  for (let i: usize = 0; i < r.batch0; i++) {
    for (let j: usize = 0; j < r.batch1; j++) {
      const b = r.b + ((i * r.bBatch0 + j * r.bBatch1) << 2);
      let a = r.a + ((i * r.aBatch0 + j * r.aBatch1) << 2);
      let aStride: usize = r.aRow << 2;
      // A b that repeats is packed once.
      if (b != packedFrom) packPanels(b, r.bRow << 2, r.bColumn << 2, r.depth, r.columns, r.alpha, panels);
      packedFrom = b;
      if (r.aColumn != 1) {
        gatherRows(a, r.aRow << 2, r.aColumn << 2, r.rows, r.depth, packed);
        a = packed;
        aStride = r.depth << 2;
      }
      gemm(a, aStride, panels, 0, 0, y, r.yRow << 2, r.rows, r.columns, r.depth, -Infinity, Infinity, false);
      y += (r.rows * r.yRow) << 2;
    }
  }
}

/** panels = alpha · b. */
function packPanels(b: usize, rowStride: usize, columnStride: usize, depth: usize, columns: usize, alpha: f32, to: usize): void {
  for (let n: usize = 0; n < columns; n += 8) {
    packPanel(b + n * columnStride, rowStride, columnStride, depth, min<usize>(8, columns - n), alpha, to);
    to += depth << 5;
  }
}

function packPanel(b: usize, rowStride: usize, columnStride: usize, depth: usize, width: usize, alpha: f32, to: usize): void {
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const scale = f32x4.splat(alpha);
    if (width == 8 && columnStride == 4) {
      for (; k < depth; k++) {
        v128.store(to, f32x4.mul(scale, v128.load(b)));
        v128.store(to, f32x4.mul(scale, v128.load(b, 16)), 16);
        b += rowStride;
        to += 32;
      }
    } else if (width == 8 && rowStride == 4) {
      for (; k + 4 <= depth; k += 4) {
        transpose4(b, columnStride, to, 32);
        transpose4(b + (columnStride << 2), columnStride, to + 16, 32);
        for (const end = to + 128; to < end; to += 16) v128.store(to, f32x4.mul(scale, v128.load(to)));
        b += 16;
      }
    }
  }
  for (; k < depth; k++) {
    for (let j: usize = 0; j < 8; j++) {
      store<f32>(to + (j << 2), j < width ? alpha * load<f32>(b + j * columnStride) : 0);
    }
    b += rowStride;
    to += 32;
  }
}

function gatherRows(a: usize, rowStride: usize, columnStride: usize, rows: usize, depth: usize, to: usize): void {
  let m: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (rowStride == 4) {
      for (; m + 4 <= rows; m += 4) {
        let k: usize = 0;
        const rest = to;
        for (; k + 4 <= depth; k += 4) transpose4(a + (m << 2) + k * columnStride, columnStride, rest + (k << 2), depth << 2);
        for (; k < depth; k++) {
          const from = a + (m << 2) + k * columnStride;
          for (let j: usize = 0; j < 4; j++) store<f32>(rest + ((j * depth + k) << 2), load<f32>(from + (j << 2)));
        }
        to += depth << 4;
      }
    }
  }
  for (; m < rows; m++) {
    for (let k: usize = 0; k < depth; k++) {
      store<f32>(to, load<f32>(a + m * rowStride + k * columnStride));
      to += 4;
    }
  }
}

/** y[n] = Σ_m x[m, n], in the order of m. */
export function sum_rows_f32(r: SumRows): void {
  const stride = <usize>(r.columns << 2);
  let n: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; n + 16 <= r.columns; n += 16) sumColumns16(r.x + (n << 2), stride, r.rows, r.y + (n << 2));
    for (; n + 4 <= r.columns; n += 4) sumColumns4(r.x + (n << 2), stride, r.rows, r.y + (n << 2));
  }
  for (; n < r.columns; n++) sumColumn(r.x + (n << 2), stride, r.rows, r.y + (n << 2));
}

function sumColumns16(x: usize, stride: usize, rows: usize, y: usize): void {
  let a = f32x4.splat(0),
    b = a,
    c = a,
    d = a;
  for (; rows; rows--) {
    a = f32x4.add(a, v128.load(x));
    b = f32x4.add(b, v128.load(x, 16));
    c = f32x4.add(c, v128.load(x, 32));
    d = f32x4.add(d, v128.load(x, 48));
    x += stride;
  }
  v128.store(y, a);
  v128.store(y, b, 16);
  v128.store(y, c, 32);
  v128.store(y, d, 48);
}

function sumColumns4(x: usize, stride: usize, rows: usize, y: usize): void {
  let sum = f32x4.splat(0);
  for (; rows; rows--) {
    sum = f32x4.add(sum, v128.load(x));
    x += stride;
  }
  v128.store(y, sum);
}

function sumColumn(x: usize, stride: usize, rows: usize, y: usize): void {
  let sum: f32 = 0;
  for (; rows; rows--) {
    sum += load<f32>(x);
    x += stride;
  }
  store<f32>(y, sum);
}
