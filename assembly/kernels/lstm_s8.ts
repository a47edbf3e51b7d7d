// TFLite's integer LSTM (LstmStepInteger8x8_16) over a sequence: bytes and 8-bit weights, gates and cells of 16 bits held as i32.
import { roundingShift16, saturated16, sigmoid16, tanh16 } from '../math/fixed16';
import { scaled } from '../math/requantize';
import { LstmInt8 } from '../records';
import { dot } from './dot_s8';
import { copyRow } from './vector_f32';

export function lstm_s8(r: LstmInt8): void {
  const batch = <usize>r.batch,
    units = <usize>r.units,
    width = <usize>r.width;
  const item: usize = r.timeMajor ? 1 : r.steps,
    step: usize = r.timeMajor ? batch : 1;
  copyRow(r.lastCells, r.cells, batch * units);
  memory.copy(r.lastH, r.h, batch * units);
  for (let t: usize = 0; t < r.steps; t++) {
    for (let b: usize = 0; b < batch; b++) {
      const row = b * item + t * step,
        h = r.lastH + b * units;
      inputGates(r, r.x + row * width);
      recurrentGates(r, h);
      stepUnits(r, r.lastCells + ((b * units) << 2), h);
      memory.copy(r.y + row * units, h, units);
    }
  }
}

@inline
function gatesOf(r: LstmInt8): usize {
  return r.coupled ? 3 : 4;
}

/** gates = w · x, in 16 bits. */
function inputGates(r: LstmInt8, x: usize): void {
  const gates = gatesOf(r);
  let w = r.w,
    bias = r.bias,
    to = r.gates;
  for (let g: usize = 0; g < gates; g++) {
    const multiplier = load<i32>(r.factors + (g << 2)),
      shift = load<i32>(r.factors + ((gates + g) << 2));
    for (let u = r.units; u; u--) {
      store<i32>(to, saturated16(scaled(load<i32>(bias) + dot(x, w, r.width), multiplier, shift, 0)));
      w += r.width;
      bias += 4;
      to += 4;
    }
  }
}

/** gates += recurrent · h. */
function recurrentGates(r: LstmInt8, h: usize): void {
  const gates = gatesOf(r);
  let w = r.recurrent,
    bias = r.bias + ((gates * r.units) << 2),
    to = r.gates;
  for (let g: usize = 0; g < gates; g++) {
    const multiplier = load<i32>(r.factors + ((2 * gates + g) << 2)),
      shift = load<i32>(r.factors + ((3 * gates + g) << 2));
    for (let u = r.units; u; u--) {
      store<i32>(to, saturated16(load<i32>(to) + scaled(load<i32>(bias) + dot(h, w, r.units), multiplier, shift, 0)));
      w += r.units;
      bias += 4;
      to += 4;
    }
  }
}

/** One step of an item: its cells and h. */
function stepUnits(r: LstmInt8, cells: usize, h: usize): void {
  const row = r.units << 2;
  let gates = r.gates;
  for (let u = r.units; u; u--) {
    const forgetAt = gates + (r.coupled ? 0 : row);
    const forget = sigmoid16(load<i32>(forgetAt));
    const input = r.coupled ? 32767 - forget : sigmoid16(load<i32>(gates));
    const candidate = tanh16(load<i32>(forgetAt + row), 3);
    let cell = saturated16(roundingShift16(forget * load<i32>(cells), 15) + roundingShift16(input * candidate, r.cellShift));
    if (r.clip) cell = min<i32>(max<i32>(cell, -r.clip), r.clip);
    store<i32>(cells, cell);
    const product = sigmoid16(load<i32>(forgetAt + 2 * row)) * tanh16(cell, r.cellBits);
    const hidden = scaled(product, r.multiplier, r.shift, 0) + r.zero;
    store<i8>(h, min<i32>(max<i32>(hidden, -128), 127));
    gates += 4;
    cells += 4;
    h++;
  }
}
