import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, div, equal, gather, logSoftmax, mul, neg, reduceMean, reduceSum, sub } from '../../ops/index.ts';
import { permuted } from '../weights.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { table } from './counted.ts';
import { alongAxis } from './layers.ts';
import { reshapedTo } from './shapes.ts';

/** -weight[target] · logp[target] of scores [N, C, ...], summed or averaged by the weights as ONNX says. */
function negativeLogLikelihood(n: NodeContext, logp: Value): Value {
  const { shape } = logp;
  const [channels] = [shape[1] as number];
  const target = reshapedTo(n.x(1), [sizeOf(n.shape(1))]);
  const rows = target.shape[0] as number;
  const last = reshapedTo(permuted(logp, [0, ...shape.map((_, i) => i).slice(2), 1]), [rows * channels]);
  const offsets = n.integers(table(rows, (i) => i * channels));
  const ignored = n.attribute('ignore_index') ? cast(equal([target, n.integers([n.int('ignore_index')], [])]), { to: 'f32' }) : undefined;
  const counted = ignored && sub([n.graph.scalar(1), ignored]);
  // What is ignored may be no class at all: gather limits the index, the weight is 0.
  const safe = ignored ? mul([target, sub([n.integers([1], []), cast(ignored, { to: 'i32' })])]) : target;
  let picked = neg(gather([last, add([safe, offsets])], { axis: 0 }));
  const chosen = n.has(2) ? gather([n.f32(2), safe], { axis: 0 }) : undefined;
  const weight = chosen && counted ? mul([chosen, counted]) : (chosen ?? counted);
  if (weight) picked = mul([picked, weight]);
  const all = { axes: null, keepDims: false };
  switch (n.text('reduction', 'mean')) {
    case 'none':
      return reshapedTo(picked, n.shape(1));
    case 'sum':
      return reduceSum(picked, all);
    default:
      return weight ? div([reduceSum(picked, all), reduceSum(weight, all)]) : reduceMean(picked, all);
  }
}

function softmaxCrossEntropy(n: NodeContext): Result {
  const logp = alongAxis(logSoftmax, n.f32(0), 1);
  return [negativeLogLikelihood(n, logp), logp];
}

export const losses: Rows = {
  NegativeLogLikelihoodLoss: (n) => negativeLogLikelihood(n, n.f32(0)),
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
};
