import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { logSumExp, mapRows } from './softmax.ts';

export interface CrossEntropyAttributes {
  /** Label smoothing ε: targets become (1 - ε) t + ε / classes (Szegedy et al. 2016). */
  readonly labelSmoothing: number;
}

const fieldsOf = (logits: TensorType, labels: TensorType, { labelSmoothing }: CrossEntropyAttributes) => ({
  rows: sizeOf(logits.shape.slice(0, -1)),
  columns: logits.shape.at(-1) as number,
  oneHot: labels.dtype === 'f32' ? 1 : 0,
  smoothing: labelSmoothing,
});

/** The smoothed targets of row `i`. */
function targets(labels: RefTensor, i: number, columns: number, { labelSmoothing }: CrossEntropyAttributes): number[] {
  return Array.from({ length: columns }, (_, j) => {
    const t = labels.dtype === 'f32' ? (labels.data[i * columns + j] as number) : labels.data[i] === j ? 1 : 0;
    return t * (1 - labelSmoothing) + labelSmoothing / columns;
  });
}

/**
 * Cross-entropy of softmax(logits) against labels, a loss per row: Σ_j t_j (ln Σ e^x - x_j).
 * Inputs: logits [..., classes], labels i32 [...] (class indexes) or f32 [..., classes].
 */
export const softmaxCrossEntropy: Op<CrossEntropyAttributes> = defineOp<CrossEntropyAttributes>({
  name: 'softmaxCrossEntropy',
  attrs: { labelSmoothing: 0 },
  infer(inputs) {
    const { shape } = expectInput(inputs, 0);
    const labels = inputs[1] as TensorType;
    const expected = labels.dtype === 'f32' ? shape : shape.slice(0, -1);
    if ((labels.dtype !== 'f32' && labels.dtype !== 'i32') || !sameShape(labels.shape, expected)) {
      throw new ThimbleError('SHAPE', 'the labels do not fit the logits', {
        expected: `i32 ${formatShape(shape.slice(0, -1))} or f32 ${formatShape(shape)}`,
        got: `${labels.dtype} ${formatShape(labels.shape)}`,
      });
    }
    return [{ dtype: 'f32', shape: shape.slice(0, -1) }];
  },
  ref([logits, labels], attrs, [loss]) {
    const { shape, data } = logits as RefTensor;
    const columns = shape.at(-1) as number;
    return [
      Float64Array.from({ length: sizeOf((loss as TensorType).shape) }, (_, i) => {
        const row = data.subarray(i * columns, (i + 1) * columns);
        const logSum = logSumExp(row);
        return targets(labels as RefTensor, i, columns, attrs).reduce((sum, t, j) => sum + t * (logSum - (row[j] as number)), 0);
      }),
    ];
  },
  lower(ctx) {
    const [logits, labels] = ctx.inputs as [TensorType, TensorType];
    ctx.step('softmax_cross_entropy_f32', { x: ctx.in(0), labels: ctx.in(1), loss: ctx.out(), ...fieldsOf(logits, labels, ctx.attrs) });
  },
  grad: ({ inputs: [logits, labels], attrs }, [dLoss]) => [
    softmaxCrossEntropyGrad([logits as Value, labels as Value, dLoss as Value], attrs),
    null,
  ],
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});

/** Gradient for the logits: dLoss (softmax(x) Σ t - t). Inputs: logits, labels, dLoss. */
export const softmaxCrossEntropyGrad: Op<CrossEntropyAttributes> = defineOp<CrossEntropyAttributes>({
  name: 'softmaxCrossEntropyGrad',
  attrs: { labelSmoothing: 0 },
  infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
  ref([logits, labels, dLoss], attrs) {
    return [
      mapRows(logits as RefTensor, (row, i) => {
        const t = targets(labels as RefTensor, i, row.length, attrs);
        const total = t.reduce((a, b) => a + b, 0);
        const logSum = logSumExp(row);
        return row.map((x, j) => ((dLoss as RefTensor).data[i] as number) * (Math.exp(x - logSum) * total - (t[j] as number)));
      }),
    ];
  },
  lower(ctx) {
    const [logits, labels] = ctx.inputs as [TensorType, TensorType];
    const fields = fieldsOf(logits, labels, ctx.attrs);
    ctx.step('softmax_cross_entropy_f32_grad', { x: ctx.in(0), labels: ctx.in(1), dLoss: ctx.in(2), dx: ctx.out(), ...fields });
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-4, atol: 1e-6 },
});
