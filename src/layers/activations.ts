import { ThimbleError } from '../core/errors.ts';
import type { Value } from '../ir/graph.ts';
import { elu } from '../ops/elu.ts';
import { exp } from '../ops/exp.ts';
import { gelu } from '../ops/gelu.ts';
import { geluTanh } from '../ops/geluTanh.ts';
import { hardSigmoid } from '../ops/hardSigmoid.ts';
import { hardSwish } from '../ops/hardSwish.ts';
import { leakyRelu } from '../ops/leakyRelu.ts';
import { mish } from '../ops/mish.ts';
import { relu } from '../ops/relu.ts';
import { relu6 } from '../ops/relu6.ts';
import { selu } from '../ops/selu.ts';
import { sigmoid } from '../ops/sigmoid.ts';
import { silu } from '../ops/silu.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { softplus } from '../ops/softplus.ts';
import { softsign } from '../ops/softsign.ts';
import { tanh } from '../ops/tanh.ts';

/** Activations by their Keras name. */
export const activations = {
  linear: (x: Value) => x,
  relu: (x: Value) => relu(x),
  relu6,
  leakyRelu: (x: Value) => leakyRelu(x, { alpha: 0.2 }),
  elu: (x: Value) => elu(x),
  selu: (x: Value) => selu(x),
  sigmoid: (x: Value) => sigmoid(x),
  tanh: (x: Value) => tanh(x),
  softplus: (x: Value) => softplus(x),
  softsign: (x: Value) => softsign(x),
  gelu: (x: Value) => gelu(x),
  geluTanh: (x: Value) => geluTanh(x),
  silu: (x: Value) => silu(x),
  hardSigmoid: (x: Value) => hardSigmoid(x),
  hardSwish: (x: Value) => hardSwish(x),
  mish: (x: Value) => mish(x),
  softmax: (x: Value) => softmax(x),
  logSoftmax: (x: Value) => logSoftmax(x),
  exponential: (x: Value) => exp(x),
} as const satisfies Record<string, (x: Value) => Value>;

export type ActivationName = keyof typeof activations;

/** @throws INPUT for an unknown name. */
export function activate(name: ActivationName, x: Value): Value {
  const f = activations[name];
  if (!f) throw new ThimbleError('INPUT', `no activation "${name}"`, { expected: Object.keys(activations).join(', ') });
  return f(x);
}
