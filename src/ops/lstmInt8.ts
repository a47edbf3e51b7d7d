import { ThimbleError } from '../core/errors.ts';
import { roundingShift16, saturated16, sigmoid16, tanh16 } from '../core/fixed16.ts';
import { scaled } from '../core/fixedPoint.ts';
import { INPUT_OFFSET } from '../core/quads.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { lstmInt8Scratch } from '../kernels/scratch.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface LstmInt8Attributes extends Factor {
  /** Sequences are [steps, batch, …] instead of [batch, steps, …]. */
  readonly timeMajor: boolean;
  /** Cells are in steps of 2^cellScale. */
  readonly cellScale: number;
  /** Limit of a cell's magnitude in steps; 0 for none. */
  readonly clip: number;
  /** The zero point of h, whose factor is `multiplier` and `shift`. */
  readonly zero: number;
  /** The input gate is 1 - the forget gate, and not among the gates. */
  readonly coupled: boolean;
}

interface Size {
  readonly batch: number;
  readonly steps: number;
  readonly width: number;
  readonly units: number;
  readonly gates: number;
}

function sizeOf([x, , recurrent]: readonly TensorType[], { timeMajor, coupled }: LstmInt8Attributes): Size {
  const [first, second, width] = (x as TensorType).shape as readonly [number, number, number];
  const [batch, steps] = timeMajor ? [second, first] : [first, second];
  return { batch, steps, width, units: (recurrent as TensorType).shape[1] as number, gates: coupled ? 3 : 4 };
}

/**
 * TFLite's integer LSTM (8-bit weights and states, 16-bit gates and cells; LstmStepInteger8x8_16) over a sequence. Inputs: x i8 [batch, steps, width]; weights i8
 * of the inputs [gates · units, width] and of h [gates · units, units], gates in the order input, forget, cell, output; biases of both i32
 * [2, gates · units] with the zero points folded in (`foldedBias`); factors of both i32 [4, gates] to steps of 2^-12: multipliers and shifts of the former, then of the
 * latter; before the first step h i8 and cells i32, [batch, units] each. Outputs: h of every step, the last h, the last cells.
 */
export const lstmInt8: Op<LstmInt8Attributes> = defineOp<LstmInt8Attributes>({
  name: 'lstmInt8',
  attrs: { timeMajor: false, cellScale: -11, clip: 0, zero: 0, coupled: false, multiplier: 2 ** 30, shift: 0 },
  infer(inputs, attrs) {
    const dtypes = ['i8', 'i8', 'i8', 'i32', 'i32', 'i8', 'i32'] as const;
    dtypes.forEach((dtype, i) => void expectInput(inputs, i, dtype, i ? 2 : 3));
    const size = sizeOf(inputs, attrs);
    const { batch, width, units, gates } = size;
    const filters = gates * units;
    const expected = [
      [filters, width],
      [filters, units],
      [2, filters],
      [4, gates],
      [batch, units],
      [batch, units],
    ];
    expected.forEach((shape, i) => {
      const got = (inputs[i + 1] as TensorType).shape;
      if (!sameShape(got, shape))
        throw new ThimbleError('SHAPE', `input ${i + 1} does not fit`, { expected: formatShape(shape), got: formatShape(got) });
    });
    if (!(attrs.cellScale >= -15 && attrs.cellScale <= -11)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', 'the scale of the cells', { expected: '2^-15 to 2^-11', got: `2^${attrs.cellScale}` });
    }
    const { shape } = inputs[0] as TensorType;
    return [
      { dtype: 'i8', shape: [...shape.slice(0, 2), units] },
      { dtype: 'i8', shape: [batch, units] },
      { dtype: 'i32', shape: [batch, units] },
    ];
  },
  ref(inputs, attrs) {
    const [x, w, recurrent, bias, factors, firstH, firstCells] = inputs.map((input) => (input as RefTensor).data) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const { batch, steps, width, units, gates } = sizeOf(inputs, attrs);
    const [h, cells, y] = [firstH.slice(), firstCells.slice(), new Float64Array(batch * steps * units)];
    const product = (list: Float64Array, rows: Float64Array, filter: number, of: number) => {
      let sum = bias[filter + of * gates * units] as number;
      for (let k = 0; k < list.length; k++) sum += ((list[k] as number) + INPUT_OFFSET) * (rows[filter * list.length + k] as number);
      const [multiplier, shift] = [0, 1].map((i) => factors[(2 * of + i) * gates + Math.floor(filter / units)]) as [number, number];
      return scaled(sum | 0, multiplier, shift, 'double');
    };
    for (let t = 0; t < steps; t++) {
      for (let b = 0; b < batch; b++) {
        const row = attrs.timeMajor ? t * batch + b : b * steps + t;
        const [input, before] = [x.slice(row * width, (row + 1) * width), h.slice(b * units, (b + 1) * units)];
        const sums = Array.from({ length: gates * units }, (_, filter) =>
          saturated16((saturated16(product(input, w, filter, 0)) + product(before, recurrent, filter, 1)) | 0),
        );
        for (let u = 0; u < units; u++) {
          const gate = (g: number) => sums[(g + gates - 4) * units + u] as number;
          const next = cellAfter(gate, cells[b * units + u] as number, attrs);
          const output = scaled(sigmoid16(gate(3)) * tanh16(next, 15 + attrs.cellScale), attrs.multiplier, attrs.shift, 'double');
          cells[b * units + u] = next;
          h[b * units + u] = y[row * units + u] = Math.min(Math.max(output + attrs.zero, -128), 127);
        }
      }
    }
    return [y, h, cells];
  },
  lower(ctx) {
    const { batch, steps, width, units, gates } = sizeOf(ctx.inputs, ctx.attrs);
    const { cellScale, clip, zero, coupled, timeMajor, multiplier, shift } = ctx.attrs;
    ctx.step('lstm_s8', {
      x: ctx.in(0),
      w: ctx.in(1),
      recurrent: ctx.in(2),
      bias: ctx.in(3),
      factors: ctx.in(4),
      h: ctx.in(5),
      cells: ctx.in(6),
      y: ctx.out(0),
      lastH: ctx.out(1),
      lastCells: ctx.out(2),
      gates: ctx.scratch(lstmInt8Scratch(gates * units)),
      batch,
      steps,
      width,
      units,
      timeMajor: timeMajor ? 1 : 0,
      cellShift: 30 + cellScale,
      cellBits: 15 + cellScale,
      clip,
      multiplier,
      shift,
      zero,
      coupled: coupled ? 1 : 0,
    });
  },
  grad: { none: 'it takes and gives whole numbers' },
  macs(inputs, attrs) {
    const { batch, steps, width, units, gates } = sizeOf(inputs, attrs);
    return batch * steps * gates * units * (width + units);
  },
  tolerance: 'exact',
});

/** The cell after a step. */
function cellAfter(gate: (g: number) => number, cell: number, { cellScale, clip, coupled }: LstmInt8Attributes): number {
  const forget = sigmoid16(gate(1));
  const input = coupled ? 32767 - forget : sigmoid16(gate(0));
  const sum = saturated16(roundingShift16(forget * cell, 15) + roundingShift16(input * tanh16(gate(2), 3), 30 + cellScale));
  return clip ? Math.min(Math.max(sum, -clip), clip) : sum;
}
