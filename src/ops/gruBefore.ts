import { ThimbleError } from '../core/errors.ts';
import { PANEL, packPanels, panelShape, unpackPanels } from '../core/panels.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { type RecurrentAttributes, recurrentDefaults, recurrentFields, walk } from './recurrent.ts';
import { sigmoid } from './reference.ts';

interface Size {
  readonly batch: number;
  readonly steps: number;
  readonly units: number;
}

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });

function expectShape(inputs: readonly TensorType[], index: number, what: string, expected: readonly number[]): void {
  const got = expectInput(inputs, index).shape;
  if (!sameShape(got, expected))
    throw new ThimbleError('SHAPE', `${what} does not fit`, { expected: formatShape(expected), got: formatShape(got) });
}

function sizeOf(inputs: readonly TensorType[], { units }: RecurrentAttributes): Size {
  const [batch, steps] = expectInput(inputs, 0, 'f32', 3).shape as [number, number, number];
  return { batch, steps, units };
}

/** Everything the kernel writes, in float64: h, the state behind the reset gate, gates. */
export function forwardBefore([xw, w, candidate, h0]: readonly RefTensor[], attrs: RecurrentAttributes) {
  const { units } = attrs;
  const [batch, steps] = (xw as RefTensor).shape as [number, number, number];
  const { rowAt, before, rows } = walk({ batch, steps, units }, attrs);
  const gateWeights = unpackPanels((w as RefTensor).data, [units, 2 * units]);
  const ownWeights = unpackPanels((candidate as RefTensor).data, [units, units]);
  const [h, kept] = [new Float64Array(batch * steps * units), new Float64Array(batch * steps * units)];
  const gates = new Float64Array(batch * steps * units * 3);
  for (const { b, t } of rows) {
    const row = rowAt(b, t);
    const x = (column: number) => (xw as RefTensor).data[row * 3 * units + column] as number;
    for (let j = 0; j < 2 * units; j++) {
      let sum = x(j);
      for (let k = 0; k < units; k++) sum += before(h, h0, b, t, k) * (gateWeights[k * 2 * units + j] as number);
      gates[row * 3 * units + j] = sigmoid(sum);
    }
    const gate = (g: number, u: number) => gates[(row * 3 + g) * units + u] as number;
    for (let u = 0; u < units; u++) kept[row * units + u] = gate(1, u) * before(h, h0, b, t, u);
    for (let u = 0; u < units; u++) {
      let sum = x(2 * units + u);
      for (let k = 0; k < units; k++) sum += (kept[row * units + k] as number) * (ownWeights[k * units + u] as number);
      const n = Math.tanh(sum);
      gates[(row * 3 + 2) * units + u] = n;
      h[row * units + u] = gate(0, u) * before(h, h0, b, t, u) + (1 - gate(0, u)) * n;
    }
  }
  return { h, kept, gates };
}

/** Backpropagation through time in float64. */
function backward([w, candidate, h, dy, kept, gates, h0]: readonly RefTensor[], attrs: RecurrentAttributes) {
  const { units } = attrs;
  const [batch, steps] = (h as RefTensor).shape as [number, number, number];
  const { rowAt, before } = walk({ batch, steps, units }, attrs);
  const gateWeights = unpackPanels((w as RefTensor).data, [units, 2 * units]);
  const ownWeights = unpackPanels((candidate as RefTensor).data, [units, units]);
  const dxw = new Float64Array(batch * steps * 3 * units);
  const [dw, dCandidate, dh0] = [new Float64Array(2 * units * units), new Float64Array(units * units), new Float64Array(batch * units)];
  const add = (to: Float64Array, i: number, value: number) => {
    to[i] = (to[i] as number) + value;
  };
  for (let b = 0; b < batch; b++) {
    let dh = new Float64Array(units);
    for (let t = steps - 1; t >= 0; t--) {
      const row = rowAt(b, t);
      const gate = (g: number, u: number) => (gates as RefTensor).data[(row * 3 + g) * units + u] as number;
      const old = (u: number) => before((h as RefTensor).data, h0, b, t, u);
      const d = (g: number, u: number) => dxw[(row * 3 + g) * units + u] as number;
      const next = new Float64Array(units);
      for (let u = 0; u < units; u++) {
        const dy1 = ((dy as RefTensor).data[row * units + u] as number) + (dh[u] as number);
        const [z, n] = [gate(0, u), gate(2, u)];
        dxw[row * 3 * units + u] = dy1 * (old(u) - n) * z * (1 - z);
        dxw[(row * 3 + 2) * units + u] = dy1 * (1 - z) * (1 - n * n);
        next[u] = dy1 * z;
      }
      for (let k = 0; k < units; k++) {
        let behind = 0;
        for (let u = 0; u < units; u++) {
          behind += d(2, u) * (ownWeights[k * units + u] as number);
          add(dCandidate, k * units + u, ((kept as RefTensor).data[row * units + k] as number) * d(2, u));
        }
        const reset = gate(1, k);
        dxw[(row * 3 + 1) * units + k] = behind * old(k) * reset * (1 - reset);
        add(next, k, behind * reset);
      }
      for (let k = 0; k < units; k++) {
        for (let j = 0; j < 2 * units; j++) {
          add(next, k, (dxw[row * 3 * units + j] as number) * (gateWeights[k * 2 * units + j] as number));
          add(dw, k * 2 * units + j, old(k) * (dxw[row * 3 * units + j] as number));
        }
      }
      dh = next;
    }
    dh0.set(dh, b * units);
  }
  return [dxw, packPanels(dw, [units, 2 * units]), packPanels(dCandidate, [units, units]), dh0];
}

/**
 * Gated recurrent unit with the reset gate before the product (Cho et al. 2014; ONNX linear_before_reset = 0, Keras reset_after = False); gates in the order
 * z r n. Inputs: xw [batch, steps, 3 units] with all biases, w of z and r in panels of units × 2 units, w of n in panels of units × units, optionally the state
 * before the first step [batch, units]. Outputs: h, r · h of the step before, gates.
 */
export const gruBefore: Op<RecurrentAttributes> = defineOp<RecurrentAttributes>({
  name: 'gruBefore',
  attrs: recurrentDefaults,
  infer(inputs, attrs) {
    const { batch, steps, units } = sizeOf(inputs, attrs);
    expectShape(inputs, 0, 'xw', [batch, steps, 3 * units]);
    expectShape(inputs, 1, 'the weights of z and r', panelShape([units, 2 * units]));
    expectShape(inputs, 2, 'the weight of n', panelShape([units, units]));
    if (inputs.length > 3) expectShape(inputs, 3, 'the first state', [batch, units]);
    return [f32(batch, steps, units), f32(batch, steps, units), f32(batch, steps, 3 * units)];
  },
  ref(inputs, attrs) {
    const { h, kept, gates } = forwardBefore(inputs, attrs);
    return [h, kept, gates];
  },
  lower(ctx) {
    ctx.step('gru_before_f32', {
      ...recurrentFields(sizeOf(ctx.inputs, ctx.attrs), ctx.attrs),
      xw: ctx.in(0),
      w: ctx.in(1),
      candidate: ctx.in(2),
      h0: ctx.optional(3),
      h: ctx.out(0),
      c: ctx.out(1),
      gates: ctx.out(2),
    });
  },
  grad({ inputs: [, w, candidate, ...first], outputs: [h, kept, gates], attrs }, [dy, dKept]) {
    if (dKept) throw new ThimbleError('UNSUPPORTED_OP', 'the gradient of the state behind the reset gate', { hint: 'train on h' });
    return [...gruBeforeGrad.all([w, candidate, h, dy, kept, gates, ...first] as Value[], attrs)];
  },
  macs(inputs, attrs) {
    const { batch, steps, units } = sizeOf(inputs, attrs);
    return batch * Math.max(0, steps - 1) * 3 * units * units;
  },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** Inputs: both weights, h, dy, r · h, gates, the first state where it was given. Outputs: dxw, those of the weights, that of the first state. */
export const gruBeforeGrad: Op<RecurrentAttributes> = defineOp<RecurrentAttributes>({
  name: 'gruBeforeGrad',
  attrs: recurrentDefaults,
  infer(inputs, { units }) {
    const [batch, steps] = expectInput(inputs, 2, 'f32', 3).shape as [number, number, number];
    const dw = [panelShape([units, 2 * units]), panelShape([units, units])].map((shape) => f32(...shape));
    return [f32(batch, steps, 3 * units), ...dw, ...inputs.slice(6)];
  },
  ref: (inputs, attrs) => backward(inputs, attrs).slice(0, inputs.length - 3),
  lower(ctx) {
    const { units } = ctx.attrs;
    const size = sizeOf(ctx.inputs.slice(2), ctx.attrs);
    const columns = Math.ceil(units / PANEL) * PANEL;
    ctx.step('gru_before_f32_grad', {
      ...recurrentFields(size, ctx.attrs),
      w: ctx.in(0),
      candidate: ctx.in(1),
      h: ctx.in(2),
      dy: ctx.in(3),
      c: ctx.in(4),
      gates: ctx.in(5),
      h0: ctx.optional(6),
      dxw: ctx.out(0),
      dw: ctx.out(1),
      dcandidate: ctx.out(2),
      ...(ctx.inputs.length > 6 && { dh0: ctx.out(3) }),
      // Panels of both transposed weights, the gradients of h and of r · h.
      scratch: ctx.scratch((columns * 3 * units + 2 * size.batch * units) * 4),
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: ([, , h], { units }) => 6 * ((h as TensorType).shape[0] as number) * ((h as TensorType).shape[1] as number) * units * units,
  tolerance: { rtol: 1e-3, atol: 1e-4 },
});
