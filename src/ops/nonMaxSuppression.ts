import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface NonMaxSuppressionAttributes {
  /** Boxes are [x centre, y centre, width, height] instead of two opposite corners. */
  readonly centerPointBox: boolean;
  /** Boxes kept in each class of each batch. */
  readonly maxOutputBoxes: number;
  /** Boxes whose intersection over union with a better one is above this are dropped. */
  readonly iouThreshold: number;
  /** Boxes with a score above this take part. -Infinity: all but those whose score is NaN. */
  readonly scoreThreshold: number;
}

/** @throws SHAPE where scores do not belong to boxes. */
function sizes(inputs: readonly TensorType[], { maxOutputBoxes }: NonMaxSuppressionAttributes) {
  const boxes = expectInput(inputs, 0, 'f32', 3).shape as [number, number, number];
  const [batch, classes, boxCount] = expectInput(inputs, 1, 'f32', 3).shape as [number, number, number];
  if (boxes[0] !== batch || boxes[1] !== boxCount || boxes[2] !== 4) {
    throw new ThimbleError('SHAPE', 'the boxes do not fit the scores', {
      expected: formatShape([batch, boxCount, 4]),
      got: formatShape(boxes),
    });
  }
  return { batch, classes, boxCount, limit: Math.max(0, Math.min(boxCount, maxOutputBoxes)) };
}

const { fround } = Math;

/** Least and greatest coordinate of a box along an axis, rounded as the kernel rounds. */
function span(box: Float64Array, axis: 0 | 1, centered: boolean): [number, number] {
  const [first, second] = [box[axis] as number, box[axis + 2] as number];
  const half = fround(second / 2);
  return centered ? [fround(first - half), fround(first + half)] : [Math.min(first, second), Math.max(first, second)];
}

/** Area of the box that two spans make. */
const area = (u: readonly [number, number], v: readonly [number, number]) => fround(fround(u[1] - u[0]) * fround(v[1] - v[0]));

const common = (a: readonly [number, number], b: readonly [number, number]): [number, number] => [
  Math.max(a[0], b[0]),
  Math.min(a[1], b[1]),
];

/** Intersection over union; -Infinity where there is no intersection, or a box has no area. */
export function overlap(a: Float64Array, b: Float64Array, centered: boolean): number {
  const [au, av, bu, bv] = [span(a, 0, centered), span(a, 1, centered), span(b, 0, centered), span(b, 1, centered)];
  const [u, v] = [common(au, bu), common(av, bv)];
  const [areaA, areaB, shared] = [area(au, av), area(bu, bv), area(u, v)];
  if (!(u[1] > u[0] && v[1] > v[0] && areaA > 0 && areaB > 0)) return Number.NEGATIVE_INFINITY;
  return fround(shared / fround(fround(areaA + areaB) - shared));
}

/**
 * ONNX NonMaxSuppression: for each batch and class the boxes by descending score (the first of equals first), without those that overlap a
 * better one. Inputs: boxes [B, N, 4], scores [B, C, N]. Outputs: rows (batch, class, box) as i32 [B · C · min(N, maxOutputBoxes), 3], and how
 * many of them there are as i32 [1]; the others are 0.
 */
export const nonMaxSuppression: Op<NonMaxSuppressionAttributes> = defineOp<NonMaxSuppressionAttributes>({
  name: 'nonMaxSuppression',
  attrs: { centerPointBox: false, maxOutputBoxes: 0, iouThreshold: 0, scoreThreshold: Number.NEGATIVE_INFINITY },
  infer(inputs, attrs) {
    const { batch, classes, limit } = sizes(inputs, attrs);
    return [
      { dtype: 'i32', shape: [batch * classes * limit, 3] },
      { dtype: 'i32', shape: [1] },
    ];
  },
  ref([boxes, scores], attrs) {
    const { batch, classes, boxCount, limit } = sizes([boxes as RefTensor, scores as RefTensor], attrs);
    const [least, iouThreshold] = [fround(attrs.scoreThreshold), fround(attrs.iouThreshold)];
    const rows: number[] = [];
    for (let group = 0; group < batch * classes; group++) {
      const b = Math.floor(group / classes);
      const score = (i: number) => (scores as RefTensor).data[group * boxCount + i] as number;
      const box = (i: number) => (boxes as RefTensor).data.subarray((b * boxCount + i) * 4, (b * boxCount + i) * 4 + 4);
      const takesPart = (i: number) => (least === Number.NEGATIVE_INFINITY ? !Number.isNaN(score(i)) : score(i) > least);
      const order = Array.from({ length: boxCount }, (_, i) => i).filter(takesPart);
      order.sort((i, j) => (score(i) === score(j) ? i - j : score(i) > score(j) ? -1 : 1));
      const kept: number[] = [];
      for (const i of order) {
        if (kept.length >= limit) break;
        if (kept.every((j) => !(overlap(box(i), box(j), attrs.centerPointBox) > iouThreshold))) kept.push(i);
      }
      for (const i of kept) rows.push(b, group % classes, i);
    }
    const selected = new Float64Array(batch * classes * limit * 3);
    selected.set(rows);
    return [selected, Float64Array.of(rows.length / 3)];
  },
  lower(ctx) {
    const size = sizes(ctx.inputs, ctx.attrs);
    ctx.step('non_max_suppression_f32', {
      boxes: ctx.in(0),
      scores: ctx.in(1),
      y: ctx.out(0),
      count: ctx.out(1),
      scratch: ctx.scratch(size.boxCount * 4),
      ...size,
      centerPointBox: ctx.attrs.centerPointBox ? 1 : 0,
      iouThreshold: ctx.attrs.iouThreshold,
      scoreThreshold: ctx.attrs.scoreThreshold,
    });
  },
  grad: { none: 'an index has no slope' },
  tolerance: 'exact',
});
