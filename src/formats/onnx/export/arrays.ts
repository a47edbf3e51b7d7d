import { ThimbleError } from '../../../core/errors.ts';
import { normalizeAxis, type Shape } from '../../../core/shape.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import type { ArgExtremumAttributes } from '../../../ops/argExtremum.ts';
import type { CumulativeAttributes } from '../../../ops/cumulative.ts';
import type { PadAttributes } from '../../../ops/pad.ts';
import { type ReduceAttributes, reducedAxes } from '../../../ops/reduce.ts';
import type { SliceAttributes } from '../../../ops/slice.ts';
import type { TopKAttributes } from '../../../ops/topK.ts';
import { attrsOf, type Emission, type Emit, type Emits, type Form, identity, isIdentity, NCHW } from './emission.ts';
import { weightOf } from './weights.ts';

/** The operand's form, in which axes are counted; one that a flatten put into another order is put right. */
export function wholeForm(e: Emission, value: Value): Form {
  const form = e.form(value);
  return form.flattened ? { name: e.plain(value), perm: identity(value.shape.length) } : form;
}

/** The reduced axes in the form's order; what is left keeps that order. */
const reduce =
  (op: string): Emit =>
  (e, node) => {
    const [x] = node.inputs as [Value];
    const [y] = node.outputs as [Value];
    const { axes, keepDims } = attrsOf<ReduceAttributes>(node);
    const over = reducedAxes(x.shape, axes);
    const { name, perm } = wholeForm(e, x);
    const own = over.map((axis) => perm.indexOf(axis)).sort((a, b) => a - b);
    if (op === 'ReduceMean' && perm.join() === NCHW.join() && over.join() === '1,2') {
      const pooled = e.op('GlobalAveragePool', [name]);
      e.put(y, keepDims ? pooled : e.op('Flatten', [pooled], { axis: 1 }), keepDims ? perm : undefined);
      return;
    }
    const result = e.op(op, own.length ? [name, e.ints(own)] : [name], {
      keepdims: keepDims ? 1 : 0,
      noop_with_empty_axes: own.length ? 0 : 1,
    });
    if (keepDims) e.put(y, result, perm);
    else {
      const kept = perm.filter((axis) => !over.includes(axis));
      const ranks = [...kept].sort((a, b) => a - b);
      e.put(
        y,
        result,
        kept.map((axis) => ranks.indexOf(axis)),
      );
    }
  };

/** An index along an axis: ONNX gives int64. */
const argExtremum =
  (op: string): Emit =>
  (e, node) => {
    const [x] = node.inputs as [Value];
    const { axis, keepDims } = attrsOf<ArgExtremumAttributes>(node);
    const found = e.op(op, [e.plain(x)], { axis, keepdims: keepDims ? 1 : 0 });
    e.put(node.outputs[0] as Value, e.op('Cast', [found], { to: 6 }));
  };

function concat(e: Emission, node: Node): void {
  const rank = (node.outputs[0] as Value).shape.length;
  const forms = node.inputs.map((input) => wholeForm(e, input));
  const perm = forms.find((form) => !isIdentity(form.perm))?.perm ?? identity(rank);
  const axis = normalizeAxis(attrsOf<{ axis: number }>(node).axis, rank);
  e.put(
    node.outputs[0] as Value,
    e.op(
      'Concat',
      node.inputs.map((input) => e.as(input, perm)),
      { axis: perm.indexOf(axis) },
    ),
    perm,
  );
}

function slice(e: Emission, node: Node): void {
  const [x] = node.inputs as [Value];
  const { starts, sizes, steps } = attrsOf<SliceAttributes>(node);
  const { name, perm } = wholeForm(e, x);
  const whole = perm.map((axis, at) => ({
    at,
    start: starts[axis] as number,
    size: sizes[axis] as number,
    step: steps[axis] ?? 1,
    extent: x.shape[axis] as number,
  }));
  const cut = whole.filter(({ start, size, step, extent }) => !(start === 0 && size === extent && step === 1));
  // Backwards to the first element: an end before it is written as the smallest number.
  const ends = cut.map(({ start, size, step }) => (start + size * step < 0 ? -(2 ** 31) : start + size * step));
  const lists = [cut.map(({ start }) => start), ends, cut.map(({ at }) => at), cut.map(({ step }) => step)];
  const y = cut.length ? e.op('Slice', [name, ...lists.map((list) => e.ints(list))]) : e.op('Identity', [name]);
  e.put(node.outputs[0] as Value, y, perm);
}

function pad(e: Emission, node: Node): void {
  const [x] = node.inputs as [Value];
  const { pads, mode, value } = attrsOf<PadAttributes>(node);
  const { name, perm } = wholeForm(e, x);
  const list = [0, 1].flatMap((side) => perm.map((axis) => pads[axis]?.[side] ?? 0));
  const constant =
    mode === 'constant' && value !== 0 ? [x.dtype === 'f32' ? e.scalar(value) : e.tensor('number', [], Int32Array.of(value))] : [];
  e.put(node.outputs[0] as Value, e.op('Pad', [name, e.ints(list), ...constant], { mode }), perm);
}

/** Axes in another order are another form of the same tensor: written only where something needs it. */
function transpose(e: Emission, node: Node): void {
  const [x] = node.inputs as [Value];
  const given = attrsOf<{ perm: readonly number[] }>(node).perm;
  const perm = given.length ? given : identity(x.shape.length).reverse();
  const form = wholeForm(e, x);
  e.put(
    node.outputs[0] as Value,
    form.name,
    form.perm.map((axis) => perm.indexOf(axis)),
  );
}

/** A flatten of rows in another order is put off: a product that reads it turns its weights instead. */
function reshape(e: Emission, node: Node): void {
  const [x] = node.inputs as [Value];
  const [y] = node.outputs as [Value];
  const { name, perm } = wholeForm(e, x);
  const isFlatten = y.shape.length === 2 && y.shape[0] === x.shape[0] && perm[0] === 0;
  if (isFlatten && !isIdentity(perm)) {
    e.put(y, e.op('Flatten', [name], { axis: 1 }), identity(2), { shape: x.shape, perm });
    return;
  }
  const plain = e.plain(x);
  e.put(y, isFlatten && x.shape.length > 1 ? e.op('Flatten', [plain], { axis: 1 }) : e.reshape(plain, y.shape));
}

function broadcast(e: Emission, node: Node): void {
  const { shape } = attrsOf<{ shape: Shape }>(node);
  e.put(node.outputs[0] as Value, e.op('Expand', [e.plain(node.inputs[0] as Value), e.ints(e.fixedShape(shape))]));
}

function topK(e: Emission, node: Node): void {
  const { k, axis, largest } = attrsOf<TopKAttributes>(node);
  const [values, indexes] = node.outputs as [Value, Value];
  const found = e.many('TopK', [e.plain(node.inputs[0] as Value), e.ints([k])], { axis, largest: largest ? 1 : 0, sorted: 1 }, 2);
  e.put(values, found[0] as string);
  e.put(indexes, e.op('Cast', [found[1] as string], { to: 6 }));
}

function cumulative(e: Emission, node: Node): void {
  const { mode, axis, exclusive, reverse } = attrsOf<CumulativeAttributes>(node);
  if (mode !== 'sum') throw new ThimbleError('UNSUPPORTED_ATTR', 'ONNX has no running product before operator set 26');
  const at = e.tensor('axis', [], Int32Array.of(axis));
  const attributes = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 };
  e.put(node.outputs[0] as Value, e.op('CumSum', [e.plain(node.inputs[0] as Value), at], attributes));
}

/** Operators that move or reduce elements. */
export const arrays: Emits = {
  argMax: argExtremum('ArgMax'),
  argMin: argExtremum('ArgMin'),
  reduceMax: reduce('ReduceMax'),
  reduceMean: reduce('ReduceMean'),
  reduceMin: reduce('ReduceMin'),
  reduceProd: reduce('ReduceProd'),
  reduceSquares: reduce('ReduceSumSquare'),
  reduceSum: reduce('ReduceSum'),
  broadcast,
  concat,
  cumulative,
  gather: (e, node) => {
    const [x, indexes] = node.inputs as [Value, Value];
    const table = e.weights.has(x) ? weightOf(e, x, { logical: x.shape, perm: identity(x.shape.length) }) : e.plain(x);
    e.put(node.outputs[0] as Value, e.op('Gather', [table, e.plain(indexes)], { axis: attrsOf<{ axis: number }>(node).axis }));
  },
  pad,
  reshape,
  slice,
  topK,
  transpose,
};
