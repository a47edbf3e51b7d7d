// One step of an LSTM on 16-bit gates and cells (TFLite's 8x8_16), held as i32.
import { roundingShift16, saturated16, sigmoid16, tanh16 } from '../math/fixed16';
import { scaled } from '../math/requantize';
import { LstmCellInt8 } from '../records';

/** next may be cells. */
export function lstm_cell_s8(r: LstmCellInt8): void {
  const row = r.units << 2;
  for (let b: usize = 0; b < r.batch; b++) {
    for (let u: usize = 0; u < r.units; u++) {
      const at = (b * r.units + u) << 2;
      const gates = r.gates + b * (r.coupled ? 3 : 4) * row + (u << 2);
      const forgetAt = gates + (r.coupled ? 0 : row);
      const forget = sigmoid16(load<i32>(forgetAt));
      const input = r.coupled ? 32767 - forget : sigmoid16(load<i32>(gates));
      const candidate = tanh16(load<i32>(forgetAt + row), 3);
      let cell = saturated16(roundingShift16(forget * load<i32>(r.cells + at), 15) + roundingShift16(input * candidate, r.cellShift));
      if (r.clip) cell = min<i32>(max<i32>(cell, -r.clip), r.clip);
      store<i32>(r.next + at, cell);
      const product = sigmoid16(load<i32>(forgetAt + 2 * row)) * tanh16(cell, r.cellBits);
      const hidden = scaled(product, r.multiplier, r.shift, 0) + r.zero;
      store<i8>(r.h + b * r.units + u, min<i32>(max<i32>(hidden, -128), 127));
    }
  }
}
