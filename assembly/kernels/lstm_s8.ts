// TFLite's integer LSTM (LstmStepInteger8x8_16) over a sequence: bytes and 8-bit weights, gates of 16 bits, cells of 16 bits held as i32.
import { roundingShift16, saturated16, sigmoid16, tanh16 } from '../math/fixed16';
import { sigmoids16, tanhs16 } from '../math/fixed16_vectors';
import { roundingShifts, scaledDoubles } from '../math/fixed_point_vectors';
import { scaled } from '../math/requantize';
import { LstmInt8 } from '../records';
import { isWide } from './band_s8';
import { fourSums, unitSum } from './linear_rows_s8';
import { copyRow } from './vector_f32';

export function lstm_s8(r: LstmInt8): void {
  const batch = <usize>r.batch,
    units = <usize>r.units,
    width = <usize>r.width;
  const item: usize = r.timeMajor ? 1 : r.steps,
    step: usize = r.timeMajor ? batch : 1;
  const wide = isWide(r.units);
  copyRow(r.lastCells, r.cells, batch * units);
  memory.copy(r.lastH, r.h, batch * units);
  for (let t: usize = 0; t < r.steps; t++) {
    for (let b: usize = 0; b < batch; b++) {
      const row = b * item + t * step,
        h = r.lastH + b * units;
      gateSums(r, r.x + row * width, r.w, width, 0, wide);
      gateSums(r, h, r.recurrent, units, 1, wide);
      stepUnits(r, r.lastCells + ((b * units) << 2), h);
      memory.copy(r.y + row * units, h, units);
    }
  }
}

@inline
function gatesOf(r: LstmInt8): usize {
  return r.coupled ? 3 : 4;
}

/** gates = w · x in 16 bits, of the inputs (`source` 0); gates += w · x, of h (1). */
function gateSums(r: LstmInt8, x: usize, w: usize, depth: usize, source: usize, wide: bool): void {
  const gates = gatesOf(r),
    units = <usize>r.units;
  let bias = r.bias + ((source * gates * units) << 2),
    to = r.gates;
  for (let g: usize = 0; g < gates; g++) {
    const multiplier = load<i32>(r.factors + ((2 * source * gates + g) << 2)),
      shift = load<i32>(r.factors + (((2 * source + 1) * gates + g) << 2));
    let u: usize = 0;
    if (ASC_FEATURE_SIMD) {
      for (; u + 4 <= units; u += 4) {
        const sums = i32x4.add(fourSums(x, w, depth, wide), v128.load(bias));
        let four = scaledDoubles(sums, multiplier, shift);
        if (source) four = i32x4.add(four, v128.load16x4_s(to));
        v128.store64_lane(to, i16x8.narrow_i32x4_s(four, four), 0);
        w += depth << 2;
        bias += 16;
        to += 8;
      }
    }
    for (; u < units; u++) {
      const sum = scaled(load<i32>(bias) + unitSum(x, w, depth), multiplier, shift, 0);
      store<i16>(to, saturated16(source ? sum + <i32>load<i16>(to) : sum));
      w += depth;
      bias += 4;
      to += 2;
    }
  }
}

/** One step of an item: its cells and h. */
function stepUnits(r: LstmInt8, cells: usize, h: usize): void {
  const units = <usize>r.units;
  let u: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; u + 8 <= units; u += 8) stepEight(r, r.gates + (u << 1), cells + (u << 2), h + u);
    const left = units - u;
    if (left) {
      // In a place of their own, with room for eight.
      const spare = r.gates + (((gatesOf(r) * units) << 1) + 16);
      memory.copy(spare, cells + (u << 2), left << 2);
      stepEight(r, r.gates + (u << 1), spare, spare + 32);
      memory.copy(cells + (u << 2), spare, left << 2);
      memory.copy(h + u, spare + 32, left);
    }
  } else for (; u < units; u++) stepOne(r, r.gates + (u << 1), cells + (u << 2), h + u);
}

/** One unit. */
function stepOne(r: LstmInt8, gates: usize, cells: usize, h: usize): void {
  const row = r.units << 1;
  const forgetAt = gates + (r.coupled ? 0 : row);
  const forget = sigmoid16(load<i16>(forgetAt));
  const input = r.coupled ? 32767 - forget : sigmoid16(load<i16>(gates));
  const candidate = tanh16(load<i16>(forgetAt + row), 3);
  let cell = saturated16(roundingShift16(forget * load<i32>(cells), 15) + roundingShift16(input * candidate, r.cellShift));
  if (r.clip) cell = min<i32>(max<i32>(cell, -r.clip), r.clip);
  store<i32>(cells, cell);
  const product = sigmoid16(load<i16>(forgetAt + 2 * row)) * tanh16(cell, r.cellBits);
  const hidden = scaled(product, r.multiplier, r.shift, 0) + r.zero;
  store<i8>(h, min<i32>(max<i32>(hidden, -128), 127));
}

/** Eight units, of which those past the last are nobody's. */
function stepEight(r: LstmInt8, gates: usize, cells: usize, h: usize): void {
  const row = (<usize>r.units) << 1;
  const forgetAt = gates + (r.coupled ? 0 : row);
  const forget = sigmoids16(v128.load(forgetAt));
  const input = r.coupled ? i16x8.sub(i16x8.splat(32767), forget) : sigmoids16(v128.load(gates));
  const candidate = tanhs16(v128.load(forgetAt + row), 3);
  const before = i16x8.narrow_i32x4_s(v128.load(cells), v128.load(cells, 16));
  const low = i32x4.add(
      roundingShifts(i32x4.extmul_low_i16x8_s(forget, before), 15),
      roundingShifts(i32x4.extmul_low_i16x8_s(input, candidate), r.cellShift),
    ),
    high = i32x4.add(
      roundingShifts(i32x4.extmul_high_i16x8_s(forget, before), 15),
      roundingShifts(i32x4.extmul_high_i16x8_s(input, candidate), r.cellShift),
    );
  let cell = i16x8.narrow_i32x4_s(low, high);
  if (r.clip) cell = i16x8.min_s(i16x8.max_s(cell, i16x8.splat(<i16>-r.clip)), i16x8.splat(<i16>r.clip));
  v128.store(cells, i32x4.extend_low_i16x8_s(cell));
  v128.store(cells, i32x4.extend_high_i16x8_s(cell), 16);
  const output = sigmoids16(v128.load(forgetAt + 2 * row)),
    squashed = tanhs16(cell, r.cellBits);
  const zero = i32x4.splat(r.zero);
  const left = i32x4.add(scaledDoubles(i32x4.extmul_low_i16x8_s(output, squashed), r.multiplier, r.shift), zero),
    right = i32x4.add(scaledDoubles(i32x4.extmul_high_i16x8_s(output, squashed), r.multiplier, r.shift), zero);
  const halves = i16x8.narrow_i32x4_s(left, right);
  v128.store64_lane(h, i8x16.narrow_i16x8_s(halves, halves), 0);
}
