// ONNX NonMaxSuppression: for each batch and class the boxes by descending score, but those that overlap a better one. And TFLite's, which lowers scores.
import { exp1 } from '../math/exp_log';
import { NonMaxSuppression, SoftNonMaxSuppression } from '../records';
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

/**
 * Whether box `i` overlaps none of the `count` boxes selected in the rows at `rows`: intersection over union at most the threshold, or a box
 * without area. One condition without branches: which of its parts fails is chance.
 */
function stands(r: NonMaxSuppression, boxes: usize, i: u32, rows: usize, count: u32): bool {
  const centered = r.centerPointBox != 0,
    threshold = r.iouThreshold;
  const box = boxes + ((<usize>i) << 4);
  const u0 = low(box, centered),
    u1 = high(box, centered),
    v0 = low(box + 4, centered),
    v1 = high(box + 4, centered);
  const area = (u1 - u0) * (v1 - v0);
  for (; count; count--) {
    const other = boxes + ((<usize>load<u32>(rows, 8)) << 4);
    const s0 = low(other, centered),
      s1 = high(other, centered),
      t0 = low(other + 4, centered),
      t1 = high(other + 4, centered);
    const width = min<f32>(u1, s1) - max<f32>(u0, s0),
      height = min<f32>(v1, t1) - max<f32>(v0, t0),
      otherArea = (s1 - s0) * (t1 - t0),
      shared = width * height;
    const overlaps = i32(shared / (area + otherArea - shared) > threshold);
    if (overlaps & i32(width > 0) & i32(height > 0) & i32(area > 0) & i32(otherArea > 0)) return false;
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

/** Intersection over union of the boxes at p and q; 0 where one has no area. */
function overlapOf(p: usize, q: usize): f32 {
  const u0 = low(p, false),
    u1 = high(p, false),
    v0 = low(p + 4, false),
    v1 = high(p + 4, false);
  const s0 = low(q, false),
    s1 = high(q, false),
    t0 = low(q + 4, false),
    t1 = high(q + 4, false);
  const area: f32 = (u1 - u0) * (v1 - v0),
    other: f32 = (s1 - s0) * (t1 - t0);
  if (!(area > 0) || !(other > 0)) return 0;
  const shared: f32 = max<f32>(min<f32>(u1, s1) - max<f32>(u0, s0), 0) * max<f32>(min<f32>(v1, t1) - max<f32>(v0, t0), 0);
  return shared / (area + other - shared);
}

/**
 * TFLite's NonMaxSuppressionV5 (Bodla et al. 2017): the best box is taken unless the boxes taken since it was looked at last overlap it; where they do, its score
 * is lowered, and it waits for its turn again. What is taken stays, as in the reference, to meet itself.
 */
export function soft_non_max_suppression_f32(r: SoftNonMaxSuppression): void {
  const bytes = (<usize>r.boxCount) << 2;
  const heap = r.scratch,
    scores = heap + bytes,
    begins = scores + bytes;
  memory.copy(scores, r.scores, bytes);
  memory.fill(begins, 0, bytes);
  let left = candidates(heap, scores, r.boxCount, r.scoreThreshold);
  const limit = min<u32>(r.limit, left);
  let count: u32 = 0;
  while (left && count < limit) {
    const best = (<usize>load<u32>(heap)) << 2;
    const original = load<f32>(scores + best);
    const score = scoreAfter(r, best, original, load<u32>(begins + best), count);
    store<u32>(begins + best, count);
    if (score == original) {
      store<u32>(r.y + ((<usize>count) << 2), <u32>(best >> 2));
      store<f32>(r.kept + ((<usize>count) << 2), score);
      count++;
    }
    if (score > r.scoreThreshold) store<f32>(scores + best, score);
    else store<u32>(heap, load<u32>(heap + ((<usize>--left) << 2)));
    if (left) sift(heap, scores, 0, left);
  }
  zeroRow(r.y + ((<usize>count) << 2), r.limit - count);
  zeroRow(r.kept + ((<usize>count) << 2), r.limit - count);
  store<u32>(r.count, count);
}

/** The score of a box after the boxes taken from `begin` to `count` - 1; -Infinity where one overlaps it too much. */
function scoreAfter(r: SoftNonMaxSuppression, best: usize, score: f32, begin: u32, count: u32): f32 {
  for (let j = count; j > begin; j--) {
    const overlap = overlapOf(r.boxes + (best << 2), r.boxes + ((<usize>load<u32>(r.y + ((<usize>(j - 1)) << 2))) << 4));
    if (overlap >= r.iouThreshold) return -Infinity;
    score = score * exp1(r.factor * overlap * overlap);
    if (score <= r.scoreThreshold) return score;
  }
  return score;
}
