import { ThimbleError } from '../core/errors.ts';
import { PANEL, packPanels, panelShape, unpackPanels } from '../core/panels.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { reduceSum } from './reduceSum.ts';
import { sigmoid } from './reference.ts';
import type { LowerContext, StepFields } from './step.ts';

export interface RecurrentAttributes {
  readonly units: number;
  /** Of simple cells. */
  readonly activation: 'tanh' | 'relu';
  /** From the last step to the first. */
  readonly reverse: boolean;
}

type Cell = 'rnn' | 'lstm' | 'gru';
const gatesOf = { rnn: 1, lstm: 4, gru: 3 } as const satisfies Record<Cell, number>;
/** States carried from step to step. */
const statesOf = { rnn: 1, lstm: 2, gru: 1 } as const satisfies Record<Cell, number>;
export const recurrentDefaults: RecurrentAttributes = { units: 1, activation: 'tanh', reverse: false };

interface Size {
  readonly batch: number;
  readonly steps: number;
  readonly units: number;
  readonly width: number;
}

function sizeFor(cell: Cell, { shape }: TensorType, { units }: RecurrentAttributes): Size {
  const width = gatesOf[cell] * units;
  const [batch, steps, given] = shape as [number, number, number];
  if (shape.length !== 3 || given !== width)
    throw new ThimbleError('SHAPE', 'xw has the wrong shape', { expected: `[batch, steps, ${width}]`, got: formatShape(shape) });
  return { batch, steps, units, width };
}

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });

/** The state before the first step, each [batch, units]: h, and c of lstm. */
type First = readonly (RefTensor | undefined)[];

/** Where the items' rows lie in [batch, steps, …] at step t, and the element of a state before it. */
export function walk({ batch, steps, units }: Omit<Size, 'width'>, { reverse }: RecurrentAttributes) {
  const rowAt = (b: number, t: number) => b * steps + (reverse ? steps - 1 - t : t);
  const before = (states: Float64Array, first: RefTensor | undefined, b: number, t: number, u: number): number =>
    (t ? states[rowAt(b, t - 1) * units + u] : first?.data[b * units + u]) ?? 0;
  const rows = Array.from({ length: batch * steps }, (_, i) => ({ b: Math.floor(i / steps), t: i % steps }));
  return { rowAt, before, rows };
}

/** One cell in float64: everything the forward kernels write, and from that the gradients. */
export function forward(cell: Cell, xw: RefTensor, w: RefTensor, bias: RefTensor | undefined, [h0, c0]: First, attrs: RecurrentAttributes) {
  const size = sizeFor(cell, xw, attrs);
  const { batch, steps, units, width } = size;
  const { rowAt, before, rows } = walk(size, attrs);
  const weights = unpackPanels(w.data, [units, width]);
  const h = new Float64Array(batch * steps * units);
  const c = new Float64Array(h.length);
  const gates = new Float64Array(batch * steps * width);
  for (const { b, t } of rows) {
    const row = rowAt(b, t);
    const recurrent = Array.from({ length: width }, (_, j) => {
      let sum = bias?.data[j] ?? 0;
      for (let k = 0; k < units; k++) sum += before(h, h0, b, t, k) * (weights[k * width + j] as number);
      return sum;
    });
    const x = (gate: number, u: number) => xw.data[row * width + gate * units + u] as number;
    const rec = (gate: number, u: number) => recurrent[gate * units + u] as number;
    const set = (gate: number, u: number, value: number) => {
      gates[row * width + gate * units + u] = value;
      return value;
    };
    for (let u = 0; u < units; u++) {
      const at = row * units + u;
      if (cell === 'rnn') {
        const sum = x(0, u) + rec(0, u);
        h[at] = attrs.activation === 'relu' ? Math.max(sum, 0) : Math.tanh(sum);
      } else if (cell === 'lstm') {
        const i = set(0, u, sigmoid(x(0, u) + rec(0, u)));
        const f = set(1, u, sigmoid(x(1, u) + rec(1, u)));
        const g = set(2, u, Math.tanh(x(2, u) + rec(2, u)));
        const o = set(3, u, sigmoid(x(3, u) + rec(3, u)));
        c[at] = f * before(c, c0, b, t, u) + i * g;
        h[at] = o * Math.tanh(c[at] as number);
      } else {
        const z = set(0, u, sigmoid(x(0, u) + rec(0, u)));
        const reset = set(1, u, sigmoid(x(1, u) + rec(1, u)));
        c[at] = rec(2, u);
        const n = set(2, u, Math.tanh(x(2, u) + reset * rec(2, u)));
        h[at] = z * before(h, h0, b, t, u) + (1 - z) * n;
      }
    }
  }
  return { h, c, gates };
}

/** Backpropagation through time in float64. */
function backward(
  cell: Cell,
  attrs: RecurrentAttributes,
  size: Size,
  tensors: { w: RefTensor; h: RefTensor; c?: RefTensor | undefined; gates?: RefTensor | undefined; dy: RefTensor },
  [h0, c0]: First,
) {
  const { batch, steps, units, width } = size;
  const { rowAt, before } = walk(size, attrs);
  const weights = unpackPanels(tensors.w.data, [units, width]);
  const h = tensors.h.data;
  const dxw = new Float64Array(batch * steps * width);
  const drecurrent = new Float64Array(dxw.length);
  const dw = new Float64Array(units * width);
  const dh0 = new Float64Array(batch * units);
  const dc0 = new Float64Array(batch * units);
  for (let b = 0; b < batch; b++) {
    let dh = new Float64Array(units);
    const dc = new Float64Array(units);
    for (let t = steps - 1; t >= 0; t--) {
      const row = rowAt(b, t);
      const next = new Float64Array(units);
      for (let u = 0; u < units; u++) {
        const at = row * units + u;
        const d = (tensors.dy.data[at] as number) + (dh[u] as number);
        const gate = (k: number) => tensors.gates?.data[row * width + k * units + u] as number;
        const put = (k: number, value: number, recurrent = value) => {
          dxw[row * width + k * units + u] = value;
          drecurrent[row * width + k * units + u] = recurrent;
        };
        const y = h[at] as number;
        if (cell === 'rnn') put(0, d * (attrs.activation === 'relu' ? (y > 0 ? 1 : 0) : 1 - y * y));
        else if (cell === 'lstm') {
          const [i, f, g, o] = [gate(0), gate(1), gate(2), gate(3)];
          const tanh = Math.tanh(tensors.c?.data[at] as number);
          const cellGrad = (dc[u] as number) + d * o * (1 - tanh * tanh);
          put(0, cellGrad * g * i * (1 - i));
          put(1, cellGrad * before(tensors.c?.data as Float64Array, c0, b, t, u) * f * (1 - f));
          put(2, cellGrad * i * (1 - g * g));
          put(3, d * tanh * o * (1 - o));
          dc[u] = cellGrad * f;
        } else {
          const [z, reset, n] = [gate(0), gate(1), gate(2)];
          const inner = d * (1 - z) * (1 - n * n);
          put(0, d * (before(h, h0, b, t, u) - n) * z * (1 - z));
          put(1, inner * (tensors.c?.data[at] as number) * reset * (1 - reset));
          put(2, inner, inner * reset);
          next[u] = d * z;
        }
      }
      for (let k = 0; k < units; k++) {
        for (let j = 0; j < width; j++) {
          const g = drecurrent[row * width + j] as number;
          next[k] = (next[k] as number) + g * (weights[k * width + j] as number);
          dw[k * width + j] = (dw[k * width + j] as number) + g * before(h, h0, b, t, k);
        }
      }
      dh = next;
    }
    dh0.set(dh, b * units);
    dc0.set(dc, b * units);
  }
  return { dxw, drecurrent, dw: packPanels(dw, [units, width]), states: [dh0, dc0].slice(0, statesOf[cell]) };
}

const absent = {
  candidate: 0,
  dcandidate: 0,
  xw: 0,
  h: 0,
  w: 0,
  bias: 0,
  h0: 0,
  c0: 0,
  c: 0,
  gates: 0,
  dy: 0,
  dxw: 0,
  drecurrent: 0,
  dw: 0,
  dh0: 0,
  dc0: 0,
  scratch: 0,
} as const;

/** The fields of every recurrent record that holds `Recurrent`; pointers are absent. */
export function recurrentFields({ batch, steps, units }: Omit<Size, 'width'>, { activation, reverse }: RecurrentAttributes) {
  return { ...absent, batch, steps, units, activation: activation === 'relu' ? 1 : 0, reverse: reverse ? 1 : 0 };
}

/** Panels of the transposed recurrent weights, and two rows of state for each item. */
const backwardScratch = ({ batch, units, width }: Size): number => (Math.ceil(units / PANEL) * PANEL * width + 2 * batch * units) * 4;

function checkWeights(w: TensorType, { units, width }: Size): void {
  const expected = panelShape([units, width]);
  if (!sameShape(w.shape, expected))
    throw new ThimbleError('SHAPE', 'the recurrent weights do not fit', {
      expected: `panels ${formatShape(expected)}`,
      got: formatShape(w.shape),
    });
}

/** All states before the first step, or none. */
function checkStates(cell: Cell, inputs: readonly TensorType[], from: number, { batch, units }: Size): void {
  const given = inputs.slice(from);
  if (given.length !== 0 && given.length !== statesOf[cell]) {
    throw new ThimbleError('SHAPE', `${inputs.length} inputs`, { expected: `${from}, or with the first state ${from + statesOf[cell]}` });
  }
  for (const { shape } of given) {
    if (!sameShape(shape, [batch, units])) {
      throw new ThimbleError('SHAPE', 'the first state does not fit', { expected: formatShape([batch, units]), got: formatShape(shape) });
    }
  }
}

/** The record's pointers to the states that inputs give from `from` on. */
function firstState(cell: Cell, ctx: LowerContext<RecurrentAttributes>, from: number) {
  return { h0: ctx.optional(from), ...(cell === 'lstm' && { c0: ctx.optional(from + 1) }) };
}

function define(cell: Cell) {
  const kept = cell === 'rnn' ? 0 : 2;
  const isGru = cell === 'gru';
  const [states, gradStates] = [isGru ? 3 : 2, 3 + kept];
  const outputs = ({ batch, steps, units, width }: Size) =>
    [f32(batch, steps, units), f32(batch, steps, units), f32(batch, steps, width)].slice(0, 1 + kept);
  const gradient: Op<RecurrentAttributes> = defineOp<RecurrentAttributes>({
    name: `${cell}Grad`,
    attrs: recurrentDefaults,
    infer(inputs, attrs) {
      const size = gradSize(cell, inputs, attrs);
      const { batch, steps, width, units } = size;
      checkStates(cell, inputs, gradStates, size);
      const dw: TensorType = { dtype: 'f32', shape: panelShape([units, width]) };
      return [f32(batch, steps, width), dw, ...(isGru ? [f32(batch, steps, width)] : []), ...inputs.slice(gradStates)];
    },
    ref(inputs, attrs) {
      const [w, h, dy, ...rest] = inputs as [RefTensor, RefTensor, RefTensor, ...RefTensor[]];
      const [c, gates] = rest.slice(0, kept);
      const first = inputs.slice(gradStates);
      const { dxw, dw, drecurrent, states: given } = backward(cell, attrs, gradSize(cell, inputs, attrs), { w, h, dy, c, gates }, first);
      return [dxw, dw, ...(isGru ? [drecurrent] : []), ...given.slice(0, first.length)];
    },
    lower(ctx: LowerContext<RecurrentAttributes>) {
      const size = gradSize(cell, ctx.inputs, ctx.attrs);
      const inputs = { w: ctx.in(0), h: ctx.in(1), dy: ctx.in(2), ...(kept && { c: ctx.in(3), gates: ctx.in(4) }) };
      const results = { dxw: ctx.out(0), dw: ctx.out(1), ...(isGru && { drecurrent: ctx.out(2) }) };
      const first = isGru ? 3 : 2;
      const record: StepFields<'lstm_f32_grad'> = {
        ...recurrentFields(size, ctx.attrs),
        ...inputs,
        ...firstState(cell, ctx, gradStates),
        ...results,
        ...(ctx.inputs.length > gradStates && { dh0: ctx.out(first), ...(cell === 'lstm' && { dc0: ctx.out(first + 1) }) }),
        scratch: ctx.scratch(backwardScratch(size)),
      };
      ctx.step(`${cell}_f32_grad`, record);
    },
    grad: { none: 'second derivatives are not supported' },
    macs: (inputs, attrs) => 2 * cellMacs(gradSize(cell, inputs, attrs)),
    tolerance: { rtol: 1e-3, atol: 1e-4 },
  });
  const op: Op<RecurrentAttributes> = defineOp<RecurrentAttributes>({
    name: cell,
    attrs: recurrentDefaults,
    infer(inputs, attrs) {
      const size = sizeFor(cell, expectInput(inputs, 0), attrs);
      checkWeights(expectInput(inputs, 1), size);
      if (!isGru || inputs.length > 3) checkStates(cell, inputs, states, size);
      return outputs(size);
    },
    ref(inputs, attrs) {
      const [xw, w] = inputs as [RefTensor, RefTensor];
      const { h, c, gates } = forward(cell, xw, w, isGru ? inputs[2] : undefined, inputs.slice(states), attrs);
      return [h, c, gates].slice(0, 1 + kept);
    },
    lower(ctx) {
      const size = sizeFor(cell, ctx.inputs[0] as TensorType, ctx.attrs);
      const state = kept ? { c: ctx.out(1), gates: ctx.out(2) } : {};
      const scratch = isGru ? ctx.scratch(size.batch * size.width * 4) : (0 as const);
      const record: StepFields<'lstm_f32'> = {
        ...recurrentFields(size, ctx.attrs),
        xw: ctx.in(0),
        w: ctx.in(1),
        ...(isGru && { bias: ctx.optional(2) }),
        ...firstState(cell, ctx, states),
        h: ctx.out(0),
        ...state,
        scratch,
      };
      ctx.step(`${cell}_f32`, record);
    },
    grad({ inputs, outputs: [h, c, gates], attrs, wants }, [dy, dc]) {
      if (dc) throw new ThimbleError('UNSUPPORTED_OP', `the gradient of ${cell}'s cells`, { hint: 'train on its hidden states' });
      const state = [c, gates].filter((value): value is Value => value !== undefined);
      const first = inputs.slice(states);
      const all = gradient.all([inputs[1] as Value, h as Value, dy as Value, ...state, ...first], attrs);
      const [dxw, dw] = all as [Value, Value];
      const dbias = isGru && inputs.length > 2 ? [wants[2] ? reduceSum(all[2] as Value, { axes: [0, 1] }) : null] : [];
      return [dxw, dw, ...dbias, ...all.slice(isGru ? 3 : 2)];
    },
    macs: (inputs, attrs) => cellMacs(sizeFor(cell, inputs[0] as TensorType, attrs)),
    tolerance: { rtol: 1e-4, atol: 1e-5 },
  });
  return { op, gradient };
}

const cellMacs = ({ batch, steps, units, width }: Size): number => batch * Math.max(0, steps - 1) * units * width;

/** Sizes from the backward operator's inputs: w, h, dy. */
function gradSize(cell: Cell, inputs: readonly TensorType[], { units }: RecurrentAttributes): Size {
  const [batch, steps] = expectInput(inputs, 1, 'f32', 3).shape as [number, number, number];
  return { batch, steps, units, width: gatesOf[cell] * units };
}

const simple = define('rnn');
const long = define('lstm');
const gated = define('gru');

/**
 * h_t = f(xw_t + h_{t-1} · w). Inputs: xw [batch, steps, units] (input products and bias), w in panels of units × units, optionally the state before
 * the first step [batch, units], which is 0 where left out.
 */
export const rnn: Op<RecurrentAttributes> = simple.op;
/** Inputs: w, h, dy, the first state where it was given. Outputs: dxw, dw, the gradient of the first state. */
export const rnnGrad: Op<RecurrentAttributes> = simple.gradient;
/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997), gates in the order i f g o. Inputs: xw [batch, steps, 4 units], w in panels of
 * units × 4 units, optionally h and the cells before the first step, [batch, units] each. Outputs: h, cells, gates.
 */
export const lstm: Op<RecurrentAttributes> = long.op;
/** Inputs: w, h, dy, cells, gates, the first states where they were given. Outputs: dxw, dw, the gradients of the first states. */
export const lstmGrad: Op<RecurrentAttributes> = long.gradient;
/**
 * Gated recurrent unit (Cho et al. 2014) with the reset gate after the product, as cuDNN, PyTorch and Keras have it; gates in the order z r n.
 * Inputs: xw [batch, steps, 3 units], w in panels of units × 3 units, optionally the recurrent bias [3 units] and behind it the state before the
 * first step [batch, units]. Outputs: h, the recurrent part of n, gates.
 */
export const gru: Op<RecurrentAttributes> = gated.op;
/**
 * Inputs: w, h, dy, the recurrent part of n, gates, the first state where it was given. Outputs: dxw, dw, the gradient of h · w + bias, that of the
 * first state.
 */
export const gruGrad: Op<RecurrentAttributes> = gated.gradient;
