import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { overlap } from './nonMaxSuppression.ts';

export interface SoftNonMaxSuppressionAttributes {
  /** Boxes kept. */
  readonly maxOutputBoxes: number;
  /** Boxes whose intersection over union with a better one is this or more are dropped. */
  readonly iouThreshold: number;
  /** Boxes whose score is above this take part, as long as it is. */
  readonly scoreThreshold: number;
  /** Scores are multiplied with e^(-overlap² / 2 sigma) for each better box. */
  readonly sigma: number;
}

function sizes(inputs: readonly TensorType[], { maxOutputBoxes }: SoftNonMaxSuppressionAttributes) {
  const boxes = expectInput(inputs, 0, 'f32', 2).shape;
  const [boxCount] = expectInput(inputs, 1, 'f32', 1).shape as [number];
  if (boxes[0] !== boxCount || boxes[1] !== 4)
    throw new ThimbleError('SHAPE', 'the boxes do not fit the scores', { expected: formatShape([boxCount, 4]), got: formatShape(boxes) });
  return { boxCount, limit: Math.max(0, Math.min(boxCount, maxOutputBoxes)) };
}

const { fround } = Math;

/**
 * Soft suppression of overlapping boxes (Bodla et al. 2017) as TFLite's NonMaxSuppressionV5 has it. Inputs: boxes [N, 4] by two opposite corners, scores [N].
 * Outputs, of min(N, maxOutputBoxes): indexes of the boxes that are kept (i32), best first, and their lowered scores, 0 behind the last; how many they are, i32 [1].
 */
export const softNonMaxSuppression: Op<SoftNonMaxSuppressionAttributes> = defineOp<SoftNonMaxSuppressionAttributes>({
  name: 'softNonMaxSuppression',
  attrs: { maxOutputBoxes: 0, iouThreshold: 0.5, scoreThreshold: 0, sigma: 0.5 },
  infer(inputs, attrs) {
    const { limit } = sizes(inputs, attrs);
    if (!(attrs.sigma > 0)) throw new RangeError(`sigma ${attrs.sigma}`);
    return [
      { dtype: 'i32', shape: [limit] },
      { dtype: 'f32', shape: [limit] },
      { dtype: 'i32', shape: [1] },
    ];
  },
  ref([boxes, scores], attrs) {
    const { limit } = sizes([boxes as RefTensor, scores as RefTensor], attrs);
    const [least, most, factor] = [attrs.scoreThreshold, attrs.iouThreshold, -0.5 / attrs.sigma].map(fround) as [number, number, number];
    const box = (i: number) => (boxes as RefTensor).data.subarray(i * 4, i * 4 + 4);
    const waiting = Array.from((scores as RefTensor).data, (score, index) => ({ index, score, begin: 0 })).filter(
      ({ score }) => score > least,
    );
    const [selected, kept] = [new Float64Array(limit), new Float64Array(limit)];
    const outputs = Math.min(limit, waiting.length);
    let count = 0;
    while (waiting.length && count < outputs) {
      waiting.sort((a, b) => b.score - a.score || a.index - b.index);
      const [best] = waiting as [(typeof waiting)[number]];
      const { score: original, begin } = best;
      for (let j = count - 1; j >= begin && best.score > least; j--) {
        const shared = Math.max(overlap(box(best.index), box(selected[j] as number), false), 0);
        best.score =
          shared >= most ? Number.NEGATIVE_INFINITY : fround(best.score * fround(Math.exp(fround(fround(factor * shared) * shared))));
      }
      best.begin = count;
      if (best.score === original) {
        selected[count] = best.index;
        kept[count++] = best.score;
      }
      if (!(best.score > least)) waiting.shift();
    }
    return [selected, kept, Float64Array.of(count)];
  },
  lower(ctx) {
    const size = sizes(ctx.inputs, ctx.attrs);
    const { iouThreshold, scoreThreshold, sigma } = ctx.attrs;
    ctx.step('soft_non_max_suppression_f32', {
      boxes: ctx.in(0),
      scores: ctx.in(1),
      y: ctx.out(0),
      kept: ctx.out(1),
      count: ctx.out(2),
      scratch: ctx.scratch(size.boxCount * 12),
      ...size,
      iouThreshold,
      scoreThreshold,
      factor: -0.5 / sigma,
    });
  },
  grad: { none: 'an index has no slope' },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
});
