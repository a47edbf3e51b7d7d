import type { Node, Value } from '../../../ir/graph.ts';
import type { GroupNormAttributes } from '../../../ops/groupNorm.ts';
import { wholeForm } from './arrays.ts';
import { attrsOf, type Emission, type Emit, type Emits, identity, NCHW } from './emission.ts';

const filled = (e: Emission, name: string, length: number, value: number): string =>
  e.tensor(name, [length], new Float32Array(length).fill(value));

/** Layer normalisation: LayerNormalization over the last axis. */
function layerNorm(e: Emission, node: Node, epsilon: number): string {
  const [x, gamma, beta] = node.inputs as [Value, Value?, Value?];
  const columns = x.shape.at(-1) as number;
  const scale = gamma ? e.plain(gamma) : filled(e, 'ones', columns, 1);
  return e.op('LayerNormalization', [e.plain(x), scale, ...(beta ? [e.plain(beta)] : [])], { axis: -1, epsilon: { float: epsilon } });
}

/** Written out: ONNX has RMSNormalization from operator set 23 on. */
function rmsNorm(e: Emission, node: Node, epsilon: number): string {
  const [given, gamma] = node.inputs as [Value, Value?];
  const x = e.plain(given);
  const mean = e.op('ReduceMean', [e.op('Mul', [x, x]), e.ints([-1])], { keepdims: 1 });
  const y = e.op('Div', [x, e.op('Sqrt', [e.op('Add', [mean, e.scalar(epsilon)])])]);
  return gamma ? e.op('Mul', [y, e.plain(gamma)]) : y;
}

/** InstanceNormalization of the groups as channels: GroupNormalization before operator set 21 has one scale a group. */
function groupNorm(e: Emission, node: Node): void {
  const { groups, epsilon, centered, perPosition } = attrsOf<GroupNormAttributes>(node);
  const [x, gamma, beta] = node.inputs as [Value, Value?, Value?];
  const [y] = node.outputs as [Value];
  if (perPosition && groups === 1) {
    e.put(y, (centered ? layerNorm : rmsNorm)(e, node, epsilon));
    return;
  }
  if (!centered || perPosition) throw new Error('no layer normalises groups in this way');
  const rank = x.shape.length;
  const perm = rank === 4 ? NCHW : [0, rank - 1, ...identity(rank).slice(1, -1)];
  const shape = perm.map((axis) => x.shape[axis] as number);
  const columns = shape[1] as number;
  const apart = e.op('Reshape', [e.as(x, perm), e.ints([0, groups, -1])]);
  const inputs = [apart, filled(e, 'ones', groups, 1), filled(e, 'zeros', groups, 0)];
  let whole = e.reshape(e.op('InstanceNormalization', inputs, { epsilon: { float: epsilon } }), shape);
  const perChannel = (value: Value) => e.reshapedConstant(value, [0], [columns, ...shape.slice(2).map(() => 1)]);
  if (gamma) whole = e.op('Mul', [whole, perChannel(gamma)]);
  if (beta) whole = e.op('Add', [whole, perChannel(beta)]);
  e.put(y, whole, perm);
}

/** Over the last axis, wherever the form has it. */
const softmax =
  (op: string): Emit =>
  (e, node) => {
    const [x] = node.inputs as [Value];
    const { name, perm } = wholeForm(e, x);
    e.put(node.outputs[0] as Value, e.op(op, [name], { axis: perm.indexOf(x.shape.length - 1) }), perm);
  };

/** Normalisations. */
export const norms: Emits = { groupNorm, softmax: softmax('Softmax'), logSoftmax: softmax('LogSoftmax') };
