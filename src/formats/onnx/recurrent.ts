import { ThimbleError } from '../../core/errors.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import {
  add,
  clip,
  concat,
  elu,
  greater,
  gru,
  gruBefore,
  hardSigmoid,
  leakyRelu,
  linear,
  lstm,
  mul,
  relu,
  reshape,
  rnn,
  sigmoid,
  slice,
  softplus,
  softsign,
  sub,
  tanh,
  transpose,
  where,
} from '../../ops/index.ts';
import { panels, permuted } from '../weights.ts';
import type { NodeContext, Rows } from './context.ts';
import { checkTable } from './counted.ts';
import { reshapedTo } from './shapes.ts';

type Activate = (x: Value) => Value;

/** The activation functions that recurrent operators name, with their coefficients. */
function activationOf(name: string, alpha: number | undefined, beta: number | undefined): Activate {
  const scaled = (factor: number) => (x: Value) => (factor === 1 ? x : mul([x, x.graph.scalar(factor)]));
  switch (name.toLowerCase()) {
    case 'relu':
      return relu;
    case 'tanh':
      return tanh;
    case 'sigmoid':
      return sigmoid;
    case 'softsign':
      return softsign;
    case 'softplus':
      return softplus;
    case 'affine':
      return (x) => add([scaled(alpha ?? 1)(x), x.graph.scalar(beta ?? 0)]);
    case 'leakyrelu':
      return (x) => leakyRelu(x, { alpha: alpha ?? 0.01 });
    case 'thresholdedrelu':
      return (x) => mul([x, greater([x, x.graph.scalar(alpha ?? 1)])]);
    case 'scaledtanh':
      return (x) => scaled(alpha ?? 1)(tanh(scaled(beta ?? 1)(x)));
    case 'hardsigmoid':
      return (x) => hardSigmoid(x, { alpha: alpha ?? 0.2, beta: beta ?? 0.5 });
    case 'elu':
      return (x) => elu(x, { alpha: alpha ?? 1 });
    default:
      throw new ThimbleError('UNSUPPORTED_ATTR', `activation "${name}"`);
  }
}

interface Cell {
  readonly kind: 'RNN' | 'GRU' | 'LSTM';
  readonly gates: number;
  /** Default activations of one direction. */
  readonly activations: readonly string[];
}

export const cells: Readonly<Record<'RNN' | 'GRU' | 'LSTM', Cell>> = {
  RNN: { kind: 'RNN', gates: 1, activations: ['Tanh'] },
  GRU: { kind: 'GRU', gates: 3, activations: ['Sigmoid', 'Tanh'] },
  LSTM: { kind: 'LSTM', gates: 4, activations: ['Sigmoid', 'Tanh', 'Tanh'] },
};

/** One direction of a recurrent node. Sequences are [batch, steps, ...] here. */
interface Direction {
  readonly cell: Cell;
  readonly reverse: boolean;
  readonly units: number;
  readonly x: Value;
  readonly w: Value;
  readonly r: Value;
  readonly inputBias: Value | undefined;
  readonly recurrentBias: Value | undefined;
  readonly lengths: Value | undefined;
  readonly h: Value | undefined;
  readonly c: Value | undefined;
  readonly peepholes: Value | undefined;
  readonly activations: readonly Activate[];
  readonly isDefault: boolean;
  readonly clip: number;
  readonly linearBeforeReset: boolean;
  readonly coupled: boolean;
  readonly products: Products | undefined;
}

/** Products that stand for those with w and r, their biases included: [..., inputs or units] → [..., gates · units]. */
export interface Products {
  readonly w: (x: Value) => Value;
  readonly r: (h: Value) => Value;
}

interface States {
  readonly y: Value;
  readonly h: Value;
  readonly c: Value | undefined;
}

const part = (value: Value, axis: number, start: number, size: number): Value =>
  slice(value, {
    starts: value.shape.map((_, i) => (i === axis ? start : 0)),
    sizes: value.shape.map((extent, i) => (i === axis ? size : extent)),
  });

/** Direction `d` of a [directions, ...] value. */
const ofDirection = (value: Value, d: number): Value =>
  reshapedTo(value.shape[0] === 1 ? value : part(value, 0, d, 1), value.shape.slice(1));

/** A constant is taken apart at import. */
function constantPart(value: Value, d: number): Value {
  const { origin, shape, graph } = value;
  const size = sizeOf(shape.slice(1));
  if (origin.kind !== 'const') return ofDirection(value, d);
  return graph.constant({ dtype: value.dtype, shape: shape.slice(1), data: origin.data.subarray(d * size, (d + 1) * size) });
}

/** `products`: those of direction d, where the node has its own. */
export function recurrentRow(cell: Cell, products?: (d: number) => Products) {
  return (n: NodeContext): (Value | undefined)[] => {
    const batchFirst = n.int('layout', 0) === 1;
    const given = n.f32(0);
    const x = batchFirst ? given : transpose(given, { perm: [1, 0, 2] });
    const direction = n.text('direction', 'forward');
    const count = direction === 'bidirectional' ? 2 : 1;
    const units = n.shape(2).at(-1) as number;
    const results = Array.from({ length: count }, (_, d) =>
      run({ ...directionOf(n, cell, x, units, d, direction === 'reverse' || d === 1, batchFirst), products: products?.(d) }),
    );
    const [batch, steps] = x.shape as [number, number];
    const stack = (list: Value[], axis: number, shape: readonly number[]) => {
      const all = list.map((value) => reshape(value, { shape }));
      return all.length === 1 ? (all[0] as Value) : concat(all, { axis });
    };
    const ys = results.map(({ y }) => (batchFirst ? y : transpose(y, { perm: [1, 0, 2] })));
    const y = batchFirst ? stack(ys, 2, [batch, steps, 1, units]) : stack(ys, 1, [steps, 1, batch, units]);
    const final = (list: (Value | undefined)[]) =>
      list.includes(undefined)
        ? undefined
        : batchFirst
          ? stack(list as Value[], 1, [batch, 1, units])
          : stack(list as Value[], 0, [1, batch, units]);
    return [y, final(results.map(({ h }) => h)), final(results.map(({ c }) => c))];
  };
}

function directionOf(
  n: NodeContext,
  cell: Cell,
  x: Value,
  units: number,
  d: number,
  reverse: boolean,
  batchFirst: boolean,
): Omit<Direction, 'products'> {
  const width = cell.gates * units;
  const bias = n.has(3) ? constantPart(n.f32(3), d) : undefined;
  const state = (index: number) => {
    if (!n.has(index)) return undefined;
    const value = n.f32(index);
    if (value.origin.kind === 'const' && value.origin.data.every((element) => element === 0)) return undefined;
    return batchFirst ? reshapedTo(part(value, 1, d, 1), [x.shape[0] as number, units]) : ofDirection(value, d);
  };
  const names = n.texts('activations');
  const own = (names.length ? names : [...cell.activations, ...cell.activations]).slice(
    d * cell.activations.length,
    (d + 1) * cell.activations.length,
  );
  const [alphas, betas] = [n.floats('activation_alpha'), n.floats('activation_beta')];
  const [steps] = [x.shape[1] as number];
  const lengths = n.has(4) ? n.x(4) : undefined;
  const full = lengths?.origin.kind === 'const' && lengths.origin.data.every((length) => length >= steps);
  return {
    cell,
    reverse,
    units,
    x,
    w: constantPart(n.f32(1), d),
    r: constantPart(n.f32(2), d),
    inputBias: bias && part1(bias, 0, width),
    recurrentBias: bias && part1(bias, width, width),
    lengths: full ? undefined : lengths,
    h: state(5),
    c: state(6),
    peepholes: n.has(7) ? constantPart(n.f32(7), d) : undefined,
    activations: own.map((name, i) => activationOf(name, alphas[d * cell.activations.length + i], betas[d * cell.activations.length + i])),
    isDefault: own.every((name, i) => name === cell.activations[i] || (cell.kind === 'RNN' && name === 'Relu')),
    clip: n.float('clip', 0),
    linearBeforeReset: n.int('linear_before_reset', 0) !== 0,
    coupled: n.int('input_forget', 0) !== 0,
  };
}

/** A piece of a vector; of a constant at import. */
function part1(value: Value, start: number, size: number): Value {
  const { origin, graph } = value;
  if (origin.kind !== 'const') return part(value, 0, start, size);
  return graph.constant({ dtype: value.dtype, shape: [size], data: origin.data.subarray(start, start + size) });
}

/** Picks the kernel where it knows the case, else unrolls the steps. */
function run(d: Direction): States {
  const simple = !d.lengths && !d.peepholes && d.isDefault && !d.clip && !d.coupled && !d.products && d.x.shape[1] !== 1;
  return simple ? byKernel(d) : unrolled(d);
}

const xTimesW = (d: Direction, w: Value, bias: Value | undefined): Value =>
  linear([d.x, panels(permuted(w, [1, 0])), ...(bias ? [bias] : [])], { units: w.shape[0] as number });

/** Rows of gates in another order: [gates · units, ...]. */
function reordered(value: Value, order: readonly number[], units: number): Value {
  return order.every((gate, i) => gate === i)
    ? value
    : concat(
        order.map((gate) => part(value, 0, gate * units, units)),
        { axis: 0 },
      );
}

function byKernel(d: Direction): States {
  const { units, cell } = d;
  // ONNX has i, o, f, c; the kernel i, f, g, o.
  const order = cell.kind === 'LSTM' ? [0, 2, 3, 1] : Array.from({ length: cell.gates }, (_, i) => i);
  const turn = (value: Value | undefined) => value && folded(reordered(value, order, units));
  // Only where the reset gate scales the recurrent bias does it matter which of the two is which.
  const isGru = cell.kind === 'GRU' && d.linearBeforeReset;
  const apart = isGru || !d.inputBias || !d.recurrentBias;
  const inputBias = apart ? (d.inputBias ?? (isGru ? undefined : d.recurrentBias)) : add([d.inputBias, d.recurrentBias]);
  const { graph } = d.x;
  const zeros = (...shape: number[]) => graph.constant({ dtype: 'f32', shape, data: new Float32Array(sizeOf(shape)) });
  const [batch, steps] = d.x.shape as [number, number];
  checkTable(batch * units);
  const states = d.h || d.c ? [d.h, ...(cell.kind === 'LSTM' ? [d.c] : [])].map((state) => state ?? zeros(batch, units)) : [];
  // States of GRU come behind its recurrent bias.
  const recurrentBias = isGru ? (turn(d.recurrentBias) ?? (states.length ? zeros(3 * units) : undefined)) : undefined;
  const xw = xTimesW(d, turn(d.w) as Value, turn(inputBias));
  const columns = (rows: Value) => panels(permuted(folded(rows), [1, 0]));
  const isBefore = cell.kind === 'GRU' && !isGru;
  const recurrentWeights = isBefore
    ? [columns(part(d.r, 0, 0, 2 * units)), columns(part(d.r, 0, 2 * units, units))]
    : [columns(turn(d.r) as Value)];
  const inputs = [xw, ...recurrentWeights, ...(recurrentBias ? [recurrentBias] : []), ...states];
  const activation = d.activations[0] === relu ? 'relu' : 'tanh';
  const op = isBefore ? gruBefore : { RNN: rnn, GRU: gru, LSTM: lstm }[cell.kind];
  const [y, c] = op.all(inputs, { units, activation, reverse: d.reverse }) as [Value, Value | undefined];
  const last = (value: Value) => reshapedTo(part(value, 1, d.reverse ? 0 : steps - 1, 1), [batch, units]);
  return { y, h: last(y), c: cell.kind === 'LSTM' ? last(c as Value) : undefined };
}

function unrolled(d: Direction): States {
  const { cell, units, x } = d;
  const [batch, steps] = x.shape as [number, number];
  checkTable(batch * units);
  const zeros = () => x.graph.constant({ dtype: 'f32', shape: [batch, units], data: new Float32Array(batch * units) });
  const xw = d.products ? d.products.w(x) : xTimesW(d, d.w, d.inputBias);
  let h = d.h ?? zeros();
  let c = d.c ?? (cell.kind === 'LSTM' ? zeros() : undefined);
  checkTable(steps);
  const ys = new Array<Value>(steps);
  const step = stepOf(d);
  for (let i = 0; i < steps; i++) {
    const t = d.reverse ? steps - 1 - i : i;
    const now = reshapedTo(part(xw, 1, t, 1), [batch, cell.gates * units]);
    const next = step(now, h, c);
    const live =
      d.lengths && greater([reshapedTo(d.lengths, [batch, 1]), x.graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(t) })]);
    h = live ? where([live, next.h, h]) : next.h;
    c = live && next.c && c ? where([live, next.c, c]) : next.c;
    const y = live ? where([live, next.h, x.graph.scalar(0)]) : next.h;
    ys[t] = reshape(y, { shape: [batch, 1, units] });
  }
  return { y: ys.length === 1 ? (ys[0] as Value) : concat(ys, { axis: 1 }), h, c };
}

type Step = (xw: Value, h: Value, c: Value | undefined) => { h: Value; c: Value | undefined };

/** The equations of ONNX RNN, GRU and LSTM for one step; xw is x · Wᵀ + Wb. */
function stepOf(d: Direction): Step {
  const { units, cell } = d;
  const limit: Activate = (x) => (d.clip ? clip(x, { min: -d.clip, max: d.clip }) : x);
  const [f, g, last] = d.activations as [Activate, Activate, Activate];
  const gate = (value: Value, i: number) => part(value, 1, i * units, units);
  const recurrent = (rows: Value, bias: Value | undefined) => {
    const w = panels(permuted(rows, [1, 0]));
    return (h: Value) => linear([h, w, ...(bias ? [bias] : [])], { units: rows.shape[0] as number });
  };
  if (cell.kind === 'GRU' && !d.linearBeforeReset) {
    const both = recurrent(folded(part(d.r, 0, 0, 2 * units)), d.recurrentBias && part1(d.recurrentBias, 0, 2 * units));
    const own = recurrent(folded(part(d.r, 0, 2 * units, units)), d.recurrentBias && part1(d.recurrentBias, 2 * units, units));
    return (xw, h) => {
      const zr = f(limit(add([part(xw, 1, 0, 2 * units), both(h)])));
      const z = gate(zr, 0);
      const candidate = g(limit(add([gate(xw, 2), own(mul([gate(zr, 1), h]))])));
      return { h: add([mul([sub([z.graph.scalar(1), z]), candidate]), mul([z, h])]), c: undefined };
    };
  }
  const all = d.products ? d.products.r : recurrent(d.r, d.recurrentBias);
  if (cell.kind === 'RNN') return (xw, h) => ({ h: f(limit(add([xw, all(h)]))), c: undefined });
  if (cell.kind === 'GRU') {
    return (xw, h) => {
      const hr = all(h);
      const zr = f(limit(add([part(xw, 1, 0, 2 * units), part(hr, 1, 0, 2 * units)])));
      const z = gate(zr, 0);
      const candidate = g(limit(add([gate(xw, 2), mul([gate(zr, 1), gate(hr, 2)])])));
      return { h: add([mul([sub([z.graph.scalar(1), z]), candidate]), mul([z, h])]), c: undefined };
    };
  }
  const peep = (c: Value, i: number) => (d.peepholes ? mul([c, part1(d.peepholes, i * units, units)]) : undefined);
  const plus = (a: Value, b: Value | undefined) => (b ? add([a, b]) : a);
  return (xw, h, c) => {
    const sum = add([xw, all(h)]);
    const old = c as Value;
    const i = f(limit(plus(gate(sum, 0), peep(old, 0))));
    const forget = d.coupled ? sub([i.graph.scalar(1), i]) : f(limit(plus(gate(sum, 2), peep(old, 2))));
    const next = add([mul([forget, old]), mul([i, g(limit(gate(sum, 3)))])]);
    const o = f(limit(plus(gate(sum, 1), peep(next, 1))));
    return { h: mul([o, last(next)]), c: next };
  };
}

/** A value as a constant where it follows from constants. */
const folded = (value: Value): Value => (isConstant(value) ? value.graph.constant(evaluated(value)) : value);

/** Recurrent layers in one or both directions. */
export const recurrent: Rows = Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, recurrentRow(cell)]));
