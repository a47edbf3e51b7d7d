import type { Value } from '../../ir/graph.ts';
import { add, cast, div, greater, mul, pow, sqrt, sub } from '../../ops/index.ts';
import type { NodeContext, Rows } from './context.ts';

type Update = (n: NodeContext, tensors: readonly Value[], rate: Value, step: Value) => Value[];

/**
 * An optimizer of ai.onnx.preview.training: inputs are the learning rate, the update count, then for n tensors n parameters, n gradients and
 * n of each kind of state; outputs are the new parameters and states in the same grouping.
 */
const optimizer =
  (kinds: number, update: Update) =>
  (n: NodeContext): Value[] => {
    const count = (n.arity - 2) / kinds;
    const step = cast(n.x(1), { to: 'f32' });
    const results = Array.from({ length: count }, (_, i) => {
      const tensors = Array.from({ length: kinds }, (_, kind) => n.f32(2 + kind * count + i));
      return update(n, tensors, n.f32(0), step);
    });
    return Array.from({ length: kinds - 1 }, (_, kind) => results.map((list) => list[kind] as Value)).flat();
  };

/** The gradient with the L2 penalty of `norm_coefficient`. */
const regularized = (n: NodeContext, x: Value, g: Value): Value => add([mul([n.graph.scalar(n.float('norm_coefficient', 0)), x]), g]);

const adagrad: Update = (n, [x, g, h], rate, step) => {
  const r = div([rate, add([n.graph.scalar(1), mul([step, n.graph.scalar(n.float('decay_factor', 0))])])]);
  const gradient = regularized(n, x as Value, g as Value);
  const squares = add([h as Value, mul([gradient, gradient])]);
  const scale = add([sqrt(squares), n.graph.scalar(n.float('epsilon', 0))]);
  return [sub([x as Value, div([mul([r, gradient]), scale])]), squares];
};

/** Kingma and Ba 2015; no bias correction in update 0. */
const adam: Update = (n, [x, g, v, h], rate, step) => {
  const { graph } = n;
  const [alpha, beta] = [n.float('alpha', 0.9), n.float('beta', 0.999)];
  const gradient = regularized(n, x as Value, g as Value);
  const moment = add([mul([graph.scalar(alpha), v as Value]), mul([graph.scalar(1 - alpha), gradient])]);
  const squares = add([mul([graph.scalar(beta), h as Value]), mul([graph.scalar(1 - beta), mul([gradient, gradient])])]);
  const one = graph.scalar(1);
  const rest = (base: number) => sub([one, pow([graph.scalar(base), step])]);
  // At step 0 both corrections are 0: adding 1 there makes the factor 1.
  const first = sub([one, greater([step, graph.scalar(0)])]);
  const factor = div([sqrt(add([rest(beta), first])), add([rest(alpha), first])]);
  const moved = sub([x as Value, mul([mul([rate, factor]), div([moment, add([sqrt(squares), graph.scalar(n.float('epsilon', 0))])])])]);
  return [mul([graph.scalar(1 - n.float('norm_coefficient_post', 0)), moved]), moment, squares];
};

const momentum: Update = (n, [x, g, v], rate, step) => {
  const { graph } = n;
  const alpha = graph.scalar(n.float('alpha'));
  const gradient = regularized(n, x as Value, g as Value);
  const started = greater([step, graph.scalar(0)]);
  const beta = add([mul([started, graph.scalar(n.float('beta'))]), sub([graph.scalar(1), started])]);
  const velocity = add([mul([alpha, v as Value]), mul([beta, gradient])]);
  const direction = n.text('mode', 'standard') === 'nesterov' ? add([gradient, mul([alpha, velocity])]) : velocity;
  return [sub([x as Value, mul([rate, direction])]), velocity];
};

/** Optimizers as ONNX writes them. */
export const training: Rows = {
  Adagrad: optimizer(3, adagrad),
  Adam: optimizer(4, adam),
  Momentum: optimizer(3, momentum),
};
