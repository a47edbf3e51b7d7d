import { ThimbleError } from '../core/errors.ts';
import { panelShape } from '../core/panels.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { forwardBefore } from './gruBefore.ts';
import { linear } from './linear.ts';
import { forward, type RecurrentAttributes, recurrentDefaults } from './recurrent.ts';

export type SequenceCell = 'rnn' | 'lstm' | 'gru' | 'gruBefore';

export interface RecurrentSequenceAttributes extends RecurrentAttributes {
  readonly cell: SequenceCell;
}

const GATES = { rnn: 1, lstm: 4, gru: 3, gruBefore: 3 } as const satisfies Record<SequenceCell, number>;
const KERNELS = {
  rnn: 'rnn_f32_sequence',
  lstm: 'lstm_f32_sequence',
  gru: 'gru_f32_sequence',
  gruBefore: 'gru_before_f32_sequence',
} as const satisfies Record<SequenceCell, string>;

/** Steps whose products with the inputs are done at a time: a tile's rows, where the items of a batch are not as many. */
const TILE_ROWS = 6;

interface Size {
  readonly batch: number;
  readonly steps: number;
  readonly inputs: number;
  readonly units: number;
  readonly width: number;
}

function sizeOf([x]: readonly TensorType[], { cell, units }: RecurrentSequenceAttributes): Size {
  const [batch, steps, inputs] = (x as TensorType).shape as [number, number, number];
  return { batch, steps, inputs, units, width: GATES[cell] * units };
}

/** Index of the first state among the inputs. */
const statesAt = (cell: SequenceCell): number => (cell === 'gru' || cell === 'gruBefore' ? 5 : 4);

/**
 * A recurrent layer for inference, in memory that does not depend on the number of steps: the dense layer over x, and a `rnn`, `lstm`, `gru` or
 * `gruBefore` that keeps nothing for a backward pass. Inputs: x [batch, steps, inputs], w of x in panels, bias [gates · units], then what the cell's operator takes
 * behind xw (the recurrent bias of `gru` too). Outputs: h [batch, steps, units]; of lstm the last cells [batch, units].
 */
export const recurrentSequence: Op<RecurrentSequenceAttributes> = defineOp<RecurrentSequenceAttributes>({
  name: 'recurrentSequence',
  attrs: { ...recurrentDefaults, cell: 'rnn' },
  infer(inputs, attrs) {
    expectInput(inputs, 0, 'f32', 3);
    const { batch, steps, inputs: depth, units, width } = sizeOf(inputs, attrs);
    const { cell } = attrs;
    const expected = [
      panelShape([depth, width]),
      [width],
      panelShape([units, cell === 'gruBefore' ? 2 * units : width]),
      ...(cell === 'gru' ? [[width]] : cell === 'gruBefore' ? [panelShape([units, units])] : []),
      ...inputs.slice(statesAt(cell)).map(() => [batch, units]),
    ];
    expected.forEach((shape, i) => {
      const got = expectInput(inputs, i + 1).shape;
      if (!sameShape(got, shape))
        throw new ThimbleError('SHAPE', `input ${i + 1} does not fit`, { expected: formatShape(shape), got: formatShape(got) });
    });
    const states = inputs.length - statesAt(cell);
    if (states !== 0 && states !== (cell === 'lstm' ? 2 : 1)) throw new ThimbleError('SHAPE', `${states} first states`);
    const last: TensorType[] = cell === 'lstm' ? [{ dtype: 'f32', shape: [batch, units] }] : [];
    return [{ dtype: 'f32', shape: [batch, steps, units] }, ...last];
  },
  ref(inputs, attrs) {
    const [x, wx, bias, w, ...rest] = inputs as [RefTensor, RefTensor, RefTensor, RefTensor, ...RefTensor[]];
    const { cell, units, reverse } = attrs;
    const { batch, steps, width } = sizeOf(inputs, attrs);
    const shape = [batch, steps, width];
    const products = linear.ref([x, wx, bias], { ...linear.attrs, units: width }, []);
    const xw: RefTensor = { dtype: 'f32', shape, data: products[0] as Float64Array };
    if (cell === 'gruBefore') return [forwardBefore([xw, w, ...rest], attrs).h];
    const first = rest.slice(statesAt(cell) - 4);
    const { h, c } = forward(cell, xw, w, cell === 'gru' ? rest[0] : undefined, first, attrs);
    if (cell !== 'lstm') return [h];
    const last = Float64Array.from({ length: batch * units }, (_, i) => {
      const [b, u] = [Math.floor(i / units), i % units];
      return (steps ? c[(b * steps + (reverse ? 0 : steps - 1)) * units + u] : first[1]?.data[i]) ?? 0;
    });
    return [h, last];
  },
  lower(ctx) {
    const { cell, activation, reverse } = ctx.attrs;
    const { batch, steps, inputs, units, width } = sizeOf(ctx.inputs, ctx.attrs);
    const block = batch >= TILE_ROWS ? 1 : Math.min(steps, TILE_ROWS);
    const at = statesAt(cell);
    ctx.step(KERNELS[cell], {
      x: ctx.in(0),
      wx: ctx.in(1),
      bias: ctx.in(2),
      w: ctx.in(3),
      recurrentBias: cell === 'gru' ? ctx.in(4) : 0,
      candidate: cell === 'gruBefore' ? ctx.in(4) : 0,
      h0: ctx.optional(at),
      c0: ctx.optional(at + 1),
      h: ctx.out(0),
      c: cell === 'lstm' ? ctx.out(1) : 0,
      gates: ctx.scratch(batch * block * width * 4),
      scratch: ctx.scratch(cell === 'gru' ? batch * width * 4 : cell === 'gruBefore' ? batch * units * 4 : 0),
      batch,
      steps,
      inputs,
      units,
      block,
      activation: activation === 'relu' ? 1 : 0,
      reverse: reverse ? 1 : 0,
    });
  },
  grad: { none: 'it keeps nothing for a backward pass' },
  macs(given, attrs) {
    const { batch, steps, inputs, units, width } = sizeOf(given, attrs);
    return batch * width * (steps * inputs + Math.max(0, steps - 1) * units);
  },
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});
