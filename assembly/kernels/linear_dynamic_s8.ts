// Dense layers of f32 rows and 8-bit weights: rows become 8-bit numbers of their own scale, sums become f32 again.
import { LinearDynamic } from '../records';
import { isWide } from './band_s8';
import { panelSums } from './gemm_s8';
import { loadPart, storePart } from './vector_f32';

/** The table of runs, one at offset 0, and the unit of each row of a block are in front of the sums. */
@inline
function unitsOf(r: LinearDynamic): usize {
  return r.sums + 16;
}

@inline
function panelOf(r: LinearDynamic): usize {
  return r.sums + 16 + ((<usize>r.blockRows + 3) & ~3) * 4;
}

export function linear_dynamic_s8(r: LinearDynamic): void {
  const wide = isWide(r.columns);
  const depth = <usize>r.depth,
    stride = depth << (wide ? 1 : 0);
  const quads = (depth + 3) >> 2;
  if (r.rows) store<u32>(r.sums, 0);
  for (let m: usize = 0; m < r.rows; m += r.blockRows) {
    const rows = min<usize>(r.blockRows, r.rows - m);
    for (let row: usize = 0; row < rows; row++)
      store<f32>(unitsOf(r) + (row << 2), quantizeRow(r.x + (((m + row) * depth) << 2), depth, r.band + row * stride, wide));
    let w = r.w;
    for (let n: usize = 0; n < r.columns; n += 8) {
      panelSums(r.band, stride, r.sums, 1, quads, w, r.offsets + (n << 2), panelOf(r), rows, wide);
      finishRows(r, panelOf(r), r.y + ((m * r.columns + n) << 2), rows, n, min<usize>(8, r.columns - n));
      w += quads << 5;
    }
  }
}

/** x as whole numbers plus 128; returns what 1 stands for: a 127th of the largest magnitude. */
function quantizeRow(x: usize, depth: usize, to: usize, wide: bool): f32 {
  let most: f32 = 0,
    k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    let largest = f32x4.splat(0);
    for (; k + 4 <= depth; k += 4) largest = f32x4.pmax(largest, f32x4.abs(v128.load(x + (k << 2))));
    most = max<f32>(
      max<f32>(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
      max<f32>(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
    );
  }
  for (; k < depth; k++) most = max<f32>(most, abs<f32>(load<f32>(x + (k << 2))));
  const factor: f32 = most > 0 ? <f32>127 / most : 0;
  k = 0;
  if (ASC_FEATURE_SIMD) {
    const factors = f32x4.splat(factor),
      offset = i16x8.splat(128);
    for (; k + 8 <= depth; k += 8) {
      const v0 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x), factors))),
        v1 = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x, 16), factors)));
      const v = i16x8.add(i16x8.narrow_i32x4_s(v0, v1), offset);
      if (wide) {
        v128.store(to, v);
        to += 16;
      } else {
        v128.store64_lane(to, i8x16.narrow_i16x8_u(v, v), 0);
        to += 8;
      }
      x += 32;
    }
  }
  for (; k < depth; k++) {
    const number = <i32>nearest<f32>(load<f32>(x) * factor) + 128;
    if (wide) {
      store<u16>(to, number);
      to += 2;
    } else store<u8>(to++, number);
    x += 4;
  }
  return most / 127;
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
      const unit = v128.load32_splat(unitsOf(r) + (row << 2));
      const v0 = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), s0), unit), b0),
        v1 = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), s1), unit), b1);
      storePart(y, v0, v1, columns);
      sums += 32;
      y += (<usize>r.columns) << 2;
    }
  } else {
    for (let row: usize = 0; row < rows; row++) {
      const unit = load<f32>(unitsOf(r) + (row << 2));
      for (let c: usize = 0; c < columns << 2; c += 4)
        store<f32>(y + c, <f32>load<i32>(sums + c) * load<f32>(scales + c) * unit + load<f32>(bias + c));
      sums += 32;
      y += (<usize>r.columns) << 2;
    }
  }
}
