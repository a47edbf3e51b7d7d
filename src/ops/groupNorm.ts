import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface GroupNormAttributes {
  readonly groups: number;
  readonly epsilon: number;
  /** Subtract the mean; without it the group is divided by its root mean square (Zhang and Sennrich 2019). */
  readonly centered: boolean;
  /** Normalise each row of the last axis on its own (layer normalisation), not all positions of a batch item together. */
  readonly perPosition: boolean;
}

const defaults: GroupNormAttributes = { groups: 1, epsilon: 1e-5, centered: true, perPosition: false };

function sizes({ shape }: TensorType, { groups, perPosition }: GroupNormAttributes) {
  const channels = shape.at(-1) as number;
  if (!Number.isInteger(groups) || groups < 1 || channels % groups)
    throw new ThimbleError('SHAPE', `groups ${groups} does not divide ${channels} channels`);
  const positions = perPosition ? 1 : sizeOf(shape.slice(1, -1));
  return { batch: sizeOf(shape.slice(0, -1)) / Math.max(1, positions), positions, groups, channels: channels / groups };
}

/** The index of the (batch, group) that element i belongs to. */
const groupOf = (i: number, { positions, groups, channels }: ReturnType<typeof sizes>): number =>
  Math.floor(i / (positions * groups * channels)) * groups + (Math.floor(i / channels) % groups);

/** Calls back with sums of `f` over each group. */
function groupMeans(length: number, size: ReturnType<typeof sizes>, f: (i: number) => number): Float64Array {
  const sums = new Float64Array(size.batch * size.groups);
  for (let i = 0; i < length; i++) sums[groupOf(i, size)] = (sums[groupOf(i, size)] as number) + f(i);
  return sums.map((sum) => sum / (size.positions * size.channels));
}

/**
 * Group normalisation over x [N, ..., C] (Wu and He 2018), and with `perPosition` layer (Ba et al. 2016) and RMS normalisation.
 * Inputs: x, optionally gamma [C], beta [C]. Outputs: y, mean and 1 / standard deviation of each (batch item, group).
 */
export const groupNorm: Op<GroupNormAttributes> = defineOp<GroupNormAttributes>({
  name: 'groupNorm',
  attrs: defaults,
  infer(inputs, attrs) {
    const x = expectInput(inputs, 0);
    const { batch, groups } = sizes(x, attrs);
    return [
      { dtype: 'f32', shape: x.shape },
      { dtype: 'f32', shape: [batch, groups] },
      { dtype: 'f32', shape: [batch, groups] },
    ];
  },
  ref([x, gamma, beta], attrs) {
    const { data, shape } = x as RefTensor;
    const size = sizes(x as RefTensor, attrs);
    const columns = shape.at(-1) as number;
    const mean = groupMeans(data.length, size, (i) => (attrs.centered ? (data[i] as number) : 0));
    const variance = groupMeans(data.length, size, (i) => ((data[i] as number) - (mean[groupOf(i, size)] as number)) ** 2);
    const rstd = variance.map((v) => 1 / Math.sqrt(v + attrs.epsilon));
    const y = data.map((value, i) => {
      const xhat = (value - (mean[groupOf(i, size)] as number)) * (rstd[groupOf(i, size)] as number);
      return xhat * (gamma?.data[i % columns] ?? 1) + (beta?.data[i % columns] ?? 0);
    });
    return [y, mean, rstd];
  },
  lower(ctx) {
    const { epsilon, centered } = ctx.attrs;
    const size = sizes(ctx.inputs[0] as TensorType, ctx.attrs);
    const tensors = { x: ctx.in(0), gamma: ctx.optional(1), beta: ctx.optional(2), y: ctx.out(0), mean: ctx.out(1), rstd: ctx.out(2) };
    ctx.step('group_norm_f32', { ...tensors, ...size, epsilon, centered: centered ? 1 : 0 });
  },
  grad({ inputs, outputs: [, mean, rstd], attrs }, [dy]) {
    const [x, ...affine] = inputs as [Value, ...Value[]];
    return [...groupNormGrad.all([x, dy as Value, mean as Value, rstd as Value, ...affine.slice(0, 1)], attrs)];
  },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** Inputs: x, dy, mean, rstd, optionally gamma. Outputs: dx, dgamma, dbeta. */
export const groupNormGrad: Op<GroupNormAttributes> = defineOp<GroupNormAttributes>({
  name: 'groupNormGrad',
  attrs: defaults,
  infer(inputs) {
    const { shape } = expectInput(inputs, 0);
    const channels = [shape.at(-1) as number];
    return [
      { dtype: 'f32', shape },
      { dtype: 'f32', shape: channels },
      { dtype: 'f32', shape: channels },
    ];
  },
  ref([x, dy, mean, rstd, gamma], attrs) {
    const { data, shape } = x as RefTensor;
    const size = sizes(x as RefTensor, attrs);
    const columns = shape.at(-1) as number;
    const d = (dy as RefTensor).data;
    const at = (i: number) => groupOf(i, size);
    const xhat = data.map(
      (value, i) => (value - ((mean as RefTensor).data[at(i)] as number)) * ((rstd as RefTensor).data[at(i)] as number),
    );
    const g = d.map((value, i) => value * (gamma?.data[i % columns] ?? 1));
    const shift = groupMeans(data.length, size, (i) => (attrs.centered ? (g[i] as number) : 0));
    const dot = groupMeans(data.length, size, (i) => (g[i] as number) * (xhat[i] as number));
    const dgamma = new Float64Array(columns);
    const dbeta = new Float64Array(columns);
    d.forEach((value, i) => {
      dgamma[i % columns] = (dgamma[i % columns] as number) + value * (xhat[i] as number);
      dbeta[i % columns] = (dbeta[i % columns] as number) + value;
    });
    const dx = g.map(
      (value, i) =>
        ((rstd as RefTensor).data[at(i)] as number) * (value - (shift[at(i)] as number) - (xhat[i] as number) * (dot[at(i)] as number)),
    );
    return [dx, dgamma, dbeta];
  },
  lower(ctx) {
    const size = sizes(ctx.inputs[0] as TensorType, ctx.attrs);
    const inputs = { x: ctx.in(0), dy: ctx.in(1), mean: ctx.in(2), rstd: ctx.in(3), gamma: ctx.optional(4) };
    ctx.step('group_norm_f32_grad', {
      ...inputs,
      dx: ctx.out(0),
      dgamma: ctx.out(1),
      dbeta: ctx.out(2),
      ...size,
      centered: ctx.attrs.centered ? 1 : 0,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  inplace: [1],
  tolerance: { rtol: 1e-3, atol: 1e-4 },
});

/** Layer normalisation over the last axis. Inputs: x, optionally gamma and beta. */
export const layerNorm = (inputs: Value | readonly Value[], { epsilon = 1e-5 }: { readonly epsilon?: number } = {}): Value =>
  groupNorm(inputs, { epsilon, perPosition: true });

/** Root-mean-square normalisation over the last axis. Inputs: x, optionally gamma. */
export const rmsNorm = (inputs: Value | readonly Value[], { epsilon = 1e-5 }: { readonly epsilon?: number } = {}): Value =>
  groupNorm(inputs, { epsilon, perPosition: true, centered: false });
