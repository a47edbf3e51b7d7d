import { type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { layerNorm, rmsNorm } from '../../ops/groupNorm.ts';
import {
  add,
  cast,
  div,
  elu,
  gelu,
  geluTanh,
  greater,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  logSoftmax,
  max,
  mish,
  mul,
  reduceMean,
  relu,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  softsign,
  sqrt,
  square,
  sub,
  tanh,
  transpose,
  where,
} from '../../ops/index.ts';
import { prelu } from '../../ops/prelu.ts';
import type { NodeContext, Result, Row, Rows } from './context.ts';
import { table } from './counted.ts';
import { reshapedTo } from './shapes.ts';

const activation =
  (op: (x: Value) => Value): Row =>
  (n) =>
    op(n.f32(0));

/** An activation with attributes. */
const configured =
  (op: (x: Value, n: NodeContext) => Value): Row =>
  (n) =>
    op(n.f32(0), n);

/** Softmax-like functions work on the last axis; before opset 13 on all axes from `axis` on together. */
const overAxis =
  (op: (x: Value) => Value): Row =>
  (n) => {
    const x = n.f32(0);
    const { shape } = x;
    if (n.version < 13) {
      const axis = n.axis('axis', 1);
      return reshapedTo(op(reshapedTo(x, [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))])), shape);
    }
    return alongAxis(op, x, n.axis('axis', -1));
  };

/** `op` of the last axis, applied to another. */
export function alongAxis(op: (x: Value) => Value, x: Value, axis: number): Value {
  const last = x.shape.length - 1;
  if (axis === last) return op(x);
  const perm = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  return transpose(op(transpose(x, { perm })), { perm });
}

/** [C] over [N, C, ...]. */
const perChannel = (value: Value, rank: number): Value =>
  reshapedTo(value, [value.shape[0] as number, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

function batchNormalization(n: NodeContext): Result {
  const x = n.f32(0);
  const rank = x.shape.length;
  const epsilon = n.graph.scalar(n.float('epsilon', 1e-5));
  const [gamma, beta, mean, variance] = [n.f32(1), n.f32(2), n.f32(3), n.f32(4)];
  if (n.version >= 14 && n.int('training_mode', 0)) return batchNormTraining(n, x);
  // The order of roundings in ONNX Runtime: what quantizes the result sees them.
  const scale = mul([gamma, div([n.graph.scalar(1), sqrt(add([variance, epsilon]))])]);
  return add([mul([x, perChannel(scale, rank)]), perChannel(sub([beta, mul([mean, scale])]), rank)]);
}

/** With the statistics of the batch; running statistics are updated (opset 14 and later). */
function batchNormTraining(n: NodeContext, x: Value): Value[] {
  const rank = x.shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const mean = reduceMean(x, { axes, keepDims: false });
  const centred = sub([x, perChannel(mean, rank)]);
  const variance = reduceMean(square(centred), { axes, keepDims: false });
  const scale = div([n.f32(1), sqrt(add([variance, n.graph.scalar(n.float('epsilon', 1e-5))]))]);
  const momentum = n.float('momentum', 0.9);
  const moved = (old: Value, current: Value) => add([mul([old, n.graph.scalar(momentum)]), mul([current, n.graph.scalar(1 - momentum)])]);
  return [add([mul([centred, perChannel(scale, rank)]), perChannel(n.f32(2), rank)]), moved(n.f32(3), mean), moved(n.f32(4), variance)];
}

/** (x - mean) / √(variance + ε) over `axes`. */
function standardized(x: Value, axes: readonly number[], epsilon: number): { y: Value; mean: Value; rstd: Value } {
  const mean = reduceMean(x, { axes, keepDims: true });
  const centred = sub([x, mean]);
  const variance = reduceMean(square(centred), { axes, keepDims: true });
  const one = x.graph.scalar(1);
  const rstd = div([one, sqrt(add([variance, x.graph.scalar(epsilon)]))]);
  return { y: mul([centred, rstd]), mean, rstd };
}

function instanceNormalization(n: NodeContext): Value {
  const x = n.f32(0);
  const rank = x.shape.length;
  const { y } = standardized(x, x.shape.map((_, i) => i).slice(2), n.float('epsilon', 1e-5));
  return add([mul([y, perChannel(n.f32(1), rank)]), perChannel(n.f32(2), rank)]);
}

function groupNormalization(n: NodeContext): Value {
  const x = n.f32(0);
  const groups = n.int('num_groups');
  const [batch, channels] = x.shape as [number, number];
  const { y } = standardized(reshapedTo(x, [batch, groups, sizeOf(x.shape.slice(1)) / groups]), [2], n.float('epsilon', 1e-5));
  // Before opset 21 scale and bias have one element a group.
  const scaled = (value: Value): Value => {
    if (value.shape[0] === channels) return perChannel(value, x.shape.length);
    const each = channels / groups;
    const spread = mul([
      reshapedTo(value, [groups, 1]),
      n.constant(
        table(each, () => 1),
        [1, each],
      ),
    ]);
    return perChannel(reshapedTo(spread, [channels]), x.shape.length);
  };
  return add([mul([reshapedTo(y, x.shape), scaled(n.f32(1))]), scaled(n.f32(2))]);
}

const present = (n: NodeContext, ...indexes: number[]): Value[] => indexes.filter((i) => n.has(i)).map((i) => n.f32(i));

function layerNormalization(n: NodeContext): Result {
  const x = n.f32(0);
  const axis = n.axis('axis', -1);
  const epsilon = n.float('epsilon', 1e-5);
  const inner: Shape = x.shape.slice(axis);
  const size = sizeOf(inner);
  const flat = present(n, 1, 2).map((value) => (sizeOf(value.shape) === size ? reshapedTo(value, [size]) : undefined));
  if (!n.wants(1) && !n.wants(2) && !flat.includes(undefined)) {
    const rows = reshapedTo(x, [sizeOf(x.shape.slice(0, axis)), size]);
    return reshapedTo(layerNorm([rows, ...(flat as Value[])], { epsilon }), x.shape);
  }
  const { y, mean, rstd } = standardized(x, x.shape.map((_, i) => i).slice(axis), epsilon);
  const scaled = mul([y, n.f32(1)]);
  return [n.has(2) ? add([scaled, n.f32(2)]) : scaled, mean, rstd];
}

function rmsNormalization(n: NodeContext): Value {
  const x = n.f32(0);
  const axis = n.axis('axis', -1);
  const epsilon = n.float('epsilon', 1e-5);
  const size = sizeOf(x.shape.slice(axis));
  const rows = reshapedTo(x, [sizeOf(x.shape.slice(0, axis)), size]);
  const scale = n.f32(1);
  if (sizeOf(scale.shape) === size) return reshapedTo(rmsNorm([rows, reshapedTo(scale, [size])], { epsilon }), x.shape);
  return mul([reshapedTo(rmsNorm([rows], { epsilon }), x.shape), scale]);
}

/** max(0, x) + min(0, alpha (e^(x / alpha) - 1)) (Barron 2017). */
function celu(x: Value, n: NodeContext): Value {
  const alpha = n.float('alpha', 1);
  return mul([elu(mul([x, n.graph.scalar(1 / alpha)])), n.graph.scalar(alpha)]);
}

const thresholded = (x: Value, n: NodeContext): Value =>
  where([cast(greater([x, n.graph.scalar(n.float('alpha', 1))]), { to: 'i32' }), x, n.graph.scalar(0)]);

/** x beyond ±lambd moved towards 0 by bias; 0 between. */
function shrink(x: Value, n: NodeContext): Value {
  const lambd = n.float('lambd', 0.5);
  const bias = n.graph.scalar(n.float('bias', 0));
  const above = cast(greater([x, n.graph.scalar(lambd)]), { to: 'i32' });
  const below = cast(greater([n.graph.scalar(-lambd), x]), { to: 'i32' });
  return where([above, sub([x, bias]), where([below, add([x, bias]), n.graph.scalar(0)])]);
}

function swish(x: Value, n: NodeContext): Value {
  const alpha = n.float('alpha', 1);
  return alpha === 1 ? silu(x) : mul([x, sigmoid(mul([x, n.graph.scalar(alpha)]))]);
}

/** Dropout does nothing when a model runs; the mask is all true. */
function dropout(n: NodeContext): Result {
  if (n.has(2) && n.number(2) && n.number(1, 0.5) > 0) n.refuse('dropout in training mode', { expected: 'training_mode = false' });
  return n.wants(1) ? [n.operand(0), { value: n.filled('i32', n.shape(0), 1), elem: 'bool' }] : n.operand(0);
}

export const layers: Rows = {
  Relu: (n) => (n.x(0).dtype === 'f32' ? relu(n.x(0)) : max([n.x(0), n.integers([0], [])])),
  LeakyRelu: configured((x, n) => leakyRelu(x, { alpha: n.float('alpha', 0.01) })),
  PRelu: (n) => prelu(n.f32(0), n.f32(1)),
  Elu: configured((x, n) => elu(x, { alpha: n.float('alpha', 1) })),
  Selu: configured((x, n) => selu(x, { alpha: n.float('alpha', 1.6732632), gamma: n.float('gamma', 1.0507) })),
  Celu: configured(celu),
  Sigmoid: activation(sigmoid),
  Tanh: activation(tanh),
  Softplus: activation(softplus),
  Softsign: activation(softsign),
  HardSigmoid: configured((x, n) => hardSigmoid(x, { alpha: n.float('alpha', 0.2), beta: n.float('beta', 0.5) })),
  HardSwish: activation((x) => hardSwish(x, { alpha: 1 / 6, beta: 0.5 })),
  Mish: activation(mish),
  Swish: configured(swish),
  SwiGLU: configured((gate, n) => mul([swish(gate, n), n.f32(1)])),
  Gelu: configured((x, n) => (n.text('approximate', 'none') === 'tanh' ? geluTanh(x) : gelu(x))),
  ThresholdedRelu: configured(thresholded),
  Shrink: configured(shrink),
  Softmax: overAxis(softmax),
  LogSoftmax: overAxis(logSoftmax),
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  SimplifiedLayerNormalization: rmsNormalization,
  Dropout: dropout,
};
