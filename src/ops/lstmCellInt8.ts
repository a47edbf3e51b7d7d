import { ThimbleError } from '../core/errors.ts';
import { roundingShift16, saturated16, sigmoid16, tanh16 } from '../core/fixed16.ts';
import { scaled } from '../core/fixedPoint.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Factor } from './arithmeticInt8.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';

export interface LstmCellInt8Attributes extends Factor {
  /** Cells are in steps of 2^cellScale. */
  readonly cellScale: number;
  /** Limit of a cell's magnitude in steps; 0 for none. */
  readonly clip: number;
  /** The zero point of h, whose factor is `multiplier` and `shift`. */
  readonly zero: number;
  /** The input gate is 1 - the forget gate, and not among the gates. */
  readonly coupled: boolean;
}

const gatesOf = ({ coupled }: LstmCellInt8Attributes): number => (coupled ? 3 : 4);

/**
 * One step of TFLite's integer LSTM (8-bit weights and states, 16-bit gates and cells). Inputs: gates i32 [batch, 4 · units], the sums of input, forget,
 * cell and output in steps of 2^-12; cells i32 [batch, units]. Outputs: h i8 [batch, units] and the new cells.
 */
export const lstmCellInt8: Op<LstmCellInt8Attributes> = defineOp<LstmCellInt8Attributes>({
  name: 'lstmCellInt8',
  attrs: { cellScale: -11, clip: 0, zero: 0, coupled: false, multiplier: 2 ** 30, shift: 0 },
  infer(inputs, attrs) {
    const gates = expectInput(inputs, 0, 'i32', 2).shape;
    const [batch, units] = expectInput(inputs, 1, 'i32', 2).shape as readonly [number, number];
    const expected = [batch, gatesOf(attrs) * units];
    if (!sameShape(gates, expected))
      throw new ThimbleError('SHAPE', 'the gates do not fit', { expected: formatShape(expected), got: formatShape(gates) });
    if (!(attrs.cellScale >= -15 && attrs.cellScale <= -11)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', 'the scale of the cells', { expected: '2^-15 to 2^-11', got: `2^${attrs.cellScale}` });
    }
    return [
      { dtype: 'i8', shape: [batch, units] },
      { dtype: 'i32', shape: [batch, units] },
    ];
  },
  ref([gates, cells], attrs) {
    const { cellScale, clip, zero, multiplier, shift } = attrs;
    const [, units] = (cells as RefTensor).shape as readonly [number, number];
    const first = gatesOf(attrs) - 3;
    const next = (cells as RefTensor).data.map((cell, i) => {
      const gate = gateOf(i);
      const forget = sigmoid16(gate(first));
      const input = attrs.coupled ? 32767 - forget : sigmoid16(gate(0));
      const sum = roundingShift16(forget * cell, 15) + roundingShift16(input * tanh16(gate(first + 1), 3), 30 + cellScale);
      const limited = saturated16(sum);
      return clip ? Math.min(Math.max(limited, -clip), clip) : limited;
    });
    const h = next.map((cell, i) => {
      const product = sigmoid16(gateOf(i)(first + 2)) * tanh16(cell, 15 + cellScale);
      return Math.min(Math.max(scaled(product, multiplier, shift, 'double') + zero, -128), 127);
    });
    return [h, next];

    function gateOf(i: number): (gate: number) => number {
      const row = Math.floor(i / units) * gatesOf(attrs) * units + (i % units);
      return (gate) => (gates as RefTensor).data[row + gate * units] as number;
    }
  },
  lower(ctx) {
    const [batch, units] = (ctx.inputs[1] as TensorType).shape as readonly [number, number];
    const { cellScale, clip, zero, coupled, multiplier, shift } = ctx.attrs;
    ctx.step('lstm_cell_s8', {
      gates: ctx.in(0),
      cells: ctx.in(1),
      next: ctx.out(1),
      h: ctx.out(0),
      batch,
      units,
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
  tolerance: 'exact',
});
