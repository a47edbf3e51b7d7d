// Determinants by LU decomposition with partial pivoting, in f64: the product of the pivots, its sign turned by each exchange of rows.
import { Det } from '../records';

function widen(to: usize, from: usize, count: usize): void {
  for (; count; count--) {
    store<f64>(to, load<f32>(from));
    to += 8;
    from += 4;
  }
}

/** The row from `k` on whose element in column `k` is largest. */
function pivotRow(a: usize, n: usize, k: usize): usize {
  let best = k;
  let largest = abs<f64>(load<f64>(a + ((k * n + k) << 3)));
  for (let i = k + 1; i < n; i++) {
    const size = abs<f64>(load<f64>(a + ((i * n + k) << 3)));
    if (size > largest) {
      largest = size;
      best = i;
    }
  }
  return best;
}

function swapRows(p: usize, q: usize, count: usize): void {
  for (; count; count--) {
    const value = load<f64>(p);
    store<f64>(p, load<f64>(q));
    store<f64>(q, value);
    p += 8;
    q += 8;
  }
}

function subtractRow(to: usize, from: usize, factor: f64, count: usize): void {
  for (; count; count--) {
    store<f64>(to, load<f64>(to) - factor * load<f64>(from));
    to += 8;
    from += 8;
  }
}

function determinant(a: usize, n: usize): f64 {
  let product: f64 = 1;
  for (let k: usize = 0; k < n; k++) {
    const best = pivotRow(a, n, k);
    const row = a + ((k * n + k) << 3);
    if (best != k) {
      swapRows(row, a + ((best * n + k) << 3), n - k);
      product = -product;
    }
    const pivot = load<f64>(row);
    if (pivot == 0) return 0;
    product *= pivot;
    for (let i = k + 1; i < n; i++) {
      const other = a + ((i * n + k) << 3);
      subtractRow(other, row, load<f64>(other) / pivot, n - k);
    }
  }
  return product;
}

export function det_f32(r: Det): void {
  const size = <usize>r.n * r.n;
  for (let b: usize = 0; b < r.batch; b++) {
    widen(r.scratch, r.x + ((b * size) << 2), size);
    store<f32>(r.y + (b << 2), <f32>determinant(r.scratch, r.n));
  }
}
