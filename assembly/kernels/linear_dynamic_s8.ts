// Dense layers of f32 rows and 8-bit weights: rows become 8-bit numbers of their own range, sums become f32 again.
import { LinearDynamic } from '../records';
import { isWide } from './band_s8';
import { panelSums } from './gemm_s8';
import { highest, lowest, numberOf, numbersOf, stepsOf, unitOf, zeroOf } from './row_range';
import { loadPart, storePart } from './vector_f32';

/** In front of the sums: the table of runs, one at offset 0, then unit and zero point of each row of a block. */
@inline
function unitsOf(r: LinearDynamic): usize {
  return r.sums + 16;
}

@inline
function zerosOf(r: LinearDynamic): usize {
  return unitsOf(r) + ((<usize>r.blockRows + 3) & ~3) * 4;
}

@inline
function panelOf(r: LinearDynamic): usize {
  return zerosOf(r) + ((<usize>r.blockRows + 3) & ~3) * 4;
}

export function linear_dynamic_s8(r: LinearDynamic): void {
  const wide = isWide(r.columns);
  const depth = <usize>r.depth,
    stride = depth << (wide ? 1 : 0);
  const size = ((depth + 3) & ~3) << 3;
  if (r.rows) store<u32>(r.sums, 0);
  for (let m: usize = 0; m < r.rows; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, r.rows - m);
    for (let row: usize = 0; row < rows; row++) quantizeRow(r, r.x + (((m + row) * depth) << 2), row, r.band + row * stride, wide);
    let w = r.w;
    for (let n: usize = 0; n < r.columns; n += 8) {
      panelSums(r.band, stride, r.sums, 1, depth, w, 0, r.offsets + (n << 2), panelOf(r), rows, wide);
      if (r.asymmetric) lessZeros(panelOf(r), zerosOf(r), r.offsets + (n << 2), rows);
      finishRows(r, panelOf(r), r.y + ((m * r.columns + n) << 2), rows, n, min<usize>(8, r.columns - n));
      w += size;
    }
  }
}

/** x as whole numbers plus 128; notes the unit and the zero point of row `row`. */
function quantizeRow(r: LinearDynamic, x: usize, row: usize, to: usize, wide: bool): void {
  const depth = <usize>r.depth;
  const low = lowest(x, depth),
    high = highest(x, depth);
  const steps = stepsOf(low, high, r.asymmetric),
    zero = zeroOf(low, high, r.asymmetric);
  store<f32>(unitsOf(r) + (row << 2), unitOf(low, high, r.asymmetric));
  store<i32>(zerosOf(r) + (row << 2), zero);
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const s = f32x4.splat(steps),
      zeros = i32x4.splat(zero),
      sign = i16x8.splat(128),
      most = i16x8.splat(255);
    for (; k + 8 <= depth; k += 8) {
      const v = i16x8.add_sat_s(i16x8.narrow_i32x4_s(numbersOf(v128.load(x), s, zeros), numbersOf(v128.load(x, 16), s, zeros)), sign);
      if (wide) {
        v128.store(to, i16x8.min_s(i16x8.max_s(v, i16x8.splat(0)), most));
        to += 16;
      } else {
        v128.store64_lane(to, i8x16.narrow_i16x8_u(v, v), 0);
        to += 8;
      }
      x += 32;
    }
  }
  for (; k < depth; k++) {
    const number = numberOf(load<f32>(x), steps, zero) + 128;
    if (wide) {
      store<u16>(to, number);
      to += 2;
    } else store<u8>(to++, number);
    x += 4;
  }
}

/** Zero points times Σ w, a 128th of the offsets, off the sums. */
function lessZeros(sums: usize, zeros: usize, offsets: usize, rows: usize): void {
  for (; rows; rows--) {
    if (ASC_FEATURE_SIMD) {
      const z = v128.load32_splat(zeros);
      v128.store(sums, i32x4.add(v128.load(sums), i32x4.mul(z, i32x4.shr_s(v128.load(offsets), 7))));
      v128.store(sums, i32x4.add(v128.load(sums, 16), i32x4.mul(z, i32x4.shr_s(v128.load(offsets, 16), 7))), 16);
    } else {
      const z = load<i32>(zeros);
      for (let c: usize = 0; c < 32; c += 4) store<i32>(sums + c, load<i32>(sums + c) + z * (load<i32>(offsets + c) >> 7));
    }
    zeros += 4;
    sums += 32;
  }
}

function finishRows(r: LinearDynamic, sums: usize, y: usize, rows: usize, first: usize, columns: usize): void {
  const scales = r.scales + (first << 2),
    bias = r.bias + (first << 2);
  if (ASC_FEATURE_SIMD) {
    const s0 = v128.load(scales),
      s1 = v128.load(scales, 16),
      b0 = loadPart(bias, 0, columns),
      b1 = loadPart(bias, 4, columns);
    for (let row: usize = 0; row < rows; row++) {
      // TFLite multiplies the scales first.
      const unit = v128.load32_splat(unitsOf(r) + (row << 2));
      const v0 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), f32x4.mul(s0, unit)), b0),
        v1 = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), f32x4.mul(s1, unit)), b1);
      storePart(y, v0, v1, columns);
      sums += 32;
      y += (<usize>r.columns) << 2;
    }
  } else {
    for (let row: usize = 0; row < rows; row++) {
      const unit = load<f32>(unitsOf(r) + (row << 2));
      for (let c: usize = 0; c < columns << 2; c += 4)
        store<f32>(y + c, <f32>load<i32>(sums + c) * (load<f32>(scales + c) * unit) + load<f32>(bias + c));
      sums += 32;
      y += (<usize>r.columns) << 2;
    }
  }
}
