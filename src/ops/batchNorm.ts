import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { mul } from './mul.ts';
import { reciprocal } from './reciprocal.ts';
import { reduceSum } from './reduceSum.ts';
import { sqrt } from './sqrt.ts';
import { sub } from './sub.ts';

export interface BatchNormAttributes {
  readonly epsilon: number;
}

const defaults: BatchNormAttributes = { epsilon: 1e-3 };

/** The types of x and of two vectors of its channels. */
function withTwoByChannel(inputs: readonly TensorType[]): TensorType[] {
  const { shape } = expectInput(inputs, 0);
  const channels: TensorType = { dtype: 'f32', shape: [shape.at(-1) as number] };
  return [{ dtype: 'f32', shape }, channels, channels];
}

const matrix = ({ shape }: TensorType) => ({ rows: sizeOf(shape.slice(0, -1)), columns: shape.at(-1) as number });

function normalize(
  x: RefTensor,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  gamma: RefTensor,
  beta: RefTensor,
  epsilon: number,
): Float64Array {
  const { columns } = matrix(x);
  return x.data.map((value, i) => {
    const c = i % columns;
    const xhat = (value - (mean[c] as number)) / Math.sqrt((variance[c] as number) + epsilon);
    return xhat * (gamma.data[c] as number) + (beta.data[c] as number);
  });
}

function statistics(x: RefTensor): { mean: Float64Array; variance: Float64Array } {
  const { rows, columns } = matrix(x);
  const mean = new Float64Array(columns);
  const variance = new Float64Array(columns);
  x.data.forEach((value, i) => {
    mean[i % columns] = (mean[i % columns] as number) + value / rows;
  });
  x.data.forEach((value, i) => {
    variance[i % columns] = (variance[i % columns] as number) + (value - (mean[i % columns] as number)) ** 2 / rows;
  });
  return { mean, variance };
}

/**
 * Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015), over all axes but the last.
 * Inputs: x [..., C], gamma [C], beta [C]. Outputs: y, mean [C], biased variance [C].
 */
export const batchNorm: Op<BatchNormAttributes> = defineOp<BatchNormAttributes>({
  name: 'batchNorm',
  attrs: defaults,
  infer: withTwoByChannel,
  ref([x, gamma, beta], { epsilon }) {
    const { mean, variance } = statistics(x as RefTensor);
    return [normalize(x as RefTensor, mean, variance, gamma as RefTensor, beta as RefTensor, epsilon), mean, variance];
  },
  lower(ctx) {
    const size = matrix(ctx.inputs[0] as TensorType);
    const statistics = { x: ctx.in(0), mean: ctx.out(1), variance: ctx.out(2), ...size };
    ctx.step('batch_norm_f32_stats', statistics);
    ctx.step('batch_norm_f32', { ...statistics, gamma: ctx.in(1), beta: ctx.in(2), y: ctx.out(), epsilon: ctx.attrs.epsilon });
  },
  grad({ inputs: [x, gamma], outputs: [, mean, variance], attrs }, [dy]) {
    return [...batchNormGrad.all([x, dy, mean, variance, gamma] as Value[], attrs)];
  },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** Gradient through the batch statistics. Inputs: x, dy, mean, variance, gamma. Outputs: dx, dgamma, dbeta. */
export const batchNormGrad: Op<BatchNormAttributes> = defineOp<BatchNormAttributes>({
  name: 'batchNormGrad',
  attrs: defaults,
  infer: withTwoByChannel,
  ref([x, dy, mean, variance, gamma], { epsilon }) {
    const { rows, columns } = matrix(x as RefTensor);
    const rstd = (variance as RefTensor).data.map((v) => 1 / Math.sqrt(v + epsilon));
    const xhat = (x as RefTensor).data.map(
      (v, i) => (v - ((mean as RefTensor).data[i % columns] as number)) * (rstd[i % columns] as number),
    );
    const dgamma = new Float64Array(columns);
    const dbeta = new Float64Array(columns);
    (dy as RefTensor).data.forEach((g, i) => {
      dgamma[i % columns] = (dgamma[i % columns] as number) + g * (xhat[i] as number);
      dbeta[i % columns] = (dbeta[i % columns] as number) + g;
    });
    const dx = (dy as RefTensor).data.map((g, i) => {
      const c = i % columns;
      const centred = g - (dbeta[c] as number) / rows - ((xhat[i] as number) * (dgamma[c] as number)) / rows;
      return ((gamma as RefTensor).data[c] as number) * (rstd[c] as number) * centred;
    });
    return [dx, dgamma, dbeta];
  },
  lower(ctx) {
    const [x, dy, mean, variance, gamma] = [0, 1, 2, 3, 4].map((i) => ctx.in(i)) as [never, never, never, never, never];
    const size = matrix(ctx.inputs[0] as TensorType);
    ctx.step('batch_norm_f32_grad', {
      x,
      dy,
      mean,
      variance,
      gamma,
      dx: ctx.out(0),
      dgamma: ctx.out(1),
      dbeta: ctx.out(2),
      ...size,
      epsilon: ctx.attrs.epsilon,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  inplace: [1],
  tolerance: { rtol: 1e-3, atol: 1e-4 },
});

/** Batch normalisation with given statistics: y = gamma (x - mean) / √(variance + epsilon) + beta. Inputs: x, gamma, beta, mean, variance. */
export const batchNormInference: Op<BatchNormAttributes> = defineOp<BatchNormAttributes>({
  name: 'batchNormInference',
  attrs: defaults,
  infer: (inputs) => [{ dtype: 'f32', shape: expectInput(inputs, 0).shape }],
  ref: ([x, gamma, beta, mean, variance], { epsilon }) => [
    normalize(x as RefTensor, (mean as RefTensor).data, (variance as RefTensor).data, gamma as RefTensor, beta as RefTensor, epsilon),
  ],
  lower(ctx) {
    const size = matrix(ctx.inputs[0] as TensorType);
    const inputs = { x: ctx.in(0), gamma: ctx.in(1), beta: ctx.in(2), mean: ctx.in(3), variance: ctx.in(4) };
    ctx.step('batch_norm_f32', { ...inputs, y: ctx.out(), ...size, epsilon: ctx.attrs.epsilon });
  },
  grad({ inputs, attrs: { epsilon }, wants }, [given]) {
    const [x, gamma, , mean, variance] = inputs as [Value, Value, Value, Value, Value];
    const dy = given as Value;
    const rstd = reciprocal(sqrt(add([variance, x.graph.scalar(epsilon)])));
    const lead = x.shape.slice(0, -1).map((_, axis) => axis);
    return [
      wants[0] ? mul([dy, mul([gamma, rstd])]) : null,
      wants[1] ? mul([reduceSum(mul([dy, sub([x, mean])]), { axes: lead }), rstd]) : null,
      wants[2] ? reduceSum(dy, { axes: lead }) : null,
      null,
      null,
    ];
  },
  inplace: [0],
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});

export interface MovingAverageAttributes {
  /** Weight of the old state. */
  readonly momentum: number;
  /** Multiplies the new value: n / (n - 1) makes a biased variance unbiased. */
  readonly scale: number;
}

/** Updates a state: state = momentum state + (1 - momentum) scale value. Inputs: state, value. */
export const movingAverage: Op<MovingAverageAttributes> = defineOp<MovingAverageAttributes>({
  name: 'movingAverage',
  attrs: { momentum: 0.99, scale: 1 },
  infer: () => [],
  ref: () => [],
  lower(ctx) {
    const { momentum, scale } = ctx.attrs;
    ctx.step('moving_average_f32', {
      state: ctx.in(0),
      value: ctx.in(1),
      length: sizeOf((ctx.inputs[0] as TensorType).shape),
      momentum,
      scale,
    });
  },
  grad: { none: 'it updates state' },
  mutates: [0],
  tolerance: 'exact',
});
