// ONNX NonMaxSuppression: for each batch and class the boxes by descending score, but those that overlap a better one.
import { NonMaxSuppression } from '../records';
import { zeroRow } from './vector_f32';

/** Whether box `a` comes before box `b`: by score, then by index. */
@inline
function before(scores: usize, a: u32, b: u32): bool {
  const p = load<f32>(scores + (a << 2)),
    q = load<f32>(scores + (b << 2));
  return p > q || (p == q && a < b);
}

/** Moves the index at `i` down until none of the heap of `count` indexes comes before its parent. */
function sift(heap: usize, scores: usize, i: u32, count: u32): void {
  const moved = load<u32>(heap + (i << 2));
  for (;;) {
    let child: u32 = 2 * i + 1;
    if (child >= count) break;
    if (child + 1 < count && before(scores, load<u32>(heap + ((child + 1) << 2)), load<u32>(heap + (child << 2)))) child++;
    const next = load<u32>(heap + (child << 2));
    if (!before(scores, next, moved)) break;
    store<u32>(heap + (i << 2), next);
    i = child;
  }
  store<u32>(heap + (i << 2), moved);
}

/** Lists the boxes whose score is above the threshold, as a heap, and returns their number. */
function candidates(heap: usize, scores: usize, boxCount: u32, threshold: f32): u32 {
  const any = threshold == -Infinity;
  let count: u32 = 0;
  for (let i: u32 = 0; i < boxCount; i++) {
    const score = load<f32>(scores + (i << 2));
    if (any ? score == score : score > threshold) store<u32>(heap + (count++ << 2), i);
  }
  for (let i = count >> 1; i > 0; i--) sift(heap, scores, i - 1, count);
  return count;
}

/** Least coordinate of the box whose coordinates along one axis are at `p` and `p + 8`: two corners, or centre and size. */
@inline
function low(p: usize, centered: bool): f32 {
  const first = load<f32>(p),
    second = load<f32>(p, 8);
  return centered ? first - second / 2 : min<f32>(first, second);
}

@inline
function high(p: usize, centered: bool): f32 {
  const first = load<f32>(p),
    second = load<f32>(p, 8);
  return centered ? first + second / 2 : max<f32>(first, second);
}

/** Whether the intersection of boxes `a` and `b` over their union is above the threshold; boxes without area overlap nothing. */
function overlap(a: usize, b: usize, centered: bool, threshold: f32): bool {
  const a0 = low(a, centered),
    a1 = high(a, centered),
    b0 = low(b, centered),
    b1 = high(b, centered);
  const width = min<f32>(a1, b1) - max<f32>(a0, b0);
  if (!(width > 0)) return false;
  const c0 = low(a + 4, centered),
    c1 = high(a + 4, centered),
    d0 = low(b + 4, centered),
    d1 = high(b + 4, centered);
  const height = min<f32>(c1, d1) - max<f32>(c0, d0);
  if (!(height > 0)) return false;
  const areaA = (a1 - a0) * (c1 - c0),
    areaB = (b1 - b0) * (d1 - d0),
    shared = width * height;
  return areaA > 0 && areaB > 0 && shared / (areaA + areaB - shared) > threshold;
}

/** Whether box `i` overlaps none of the `count` boxes selected in the rows at `rows`. */
function stands(r: NonMaxSuppression, boxes: usize, i: u32, rows: usize, count: u32): bool {
  for (; count; count--) {
    if (overlap(boxes + (i << 4), boxes + (load<u32>(rows, 8) << 4), r.centerPointBox != 0, r.iouThreshold)) return false;
    rows += 12;
  }
  return true;
}

/** Writes the rows of one class at `rows` and returns their number. */
function select(r: NonMaxSuppression, batch: u32, class_: u32, rows: usize): u32 {
  const scores = r.scores + (((batch * r.classes + class_) * r.boxCount) << 2);
  const boxes = r.boxes + ((batch * r.boxCount) << 4);
  const heap = r.scratch;
  let left = candidates(heap, scores, r.boxCount, r.scoreThreshold);
  let y = rows;
  let count: u32 = 0;
  while (left && count < r.limit) {
    const best = load<u32>(heap);
    store<u32>(heap, load<u32>(heap + (--left << 2)));
    sift(heap, scores, 0, left);
    if (!stands(r, boxes, best, rows, count)) continue;
    store<u32>(y, batch);
    store<u32>(y, class_, 4);
    store<u32>(y, best, 8);
    y += 12;
    count++;
  }
  return count;
}

/** Rows of y after `count` are 0. */
export function non_max_suppression_f32(r: NonMaxSuppression): void {
  let total: u32 = 0;
  for (let b: u32 = 0; b < r.batch; b++) {
    for (let c: u32 = 0; c < r.classes; c++) total += select(r, b, c, r.y + total * 12);
  }
  zeroRow(r.y + total * 12, (r.batch * r.classes * r.limit - total) * 3);
  store<u32>(r.count, total);
}
