// Conversions between element types, named cast_from_to. i8 and u8 share what only looks at the low 8 bits; bool is a u8 of 0 or 1.
// Where both types have the same size, y may be x.
import { Cast } from '../records';

/** Truncates; saturates at the limits of i32; NaN gives 0. */
export function cast_f32_i32(r: Cast): void {
  let x = r.x,
    y = r.y,
    count = r.length;
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(y, i32x4.trunc_sat_f32x4_s(v128.load(x)));
      x += 16;
      y += 16;
    }
  }
  for (; count; count--) {
    store<i32>(y, <i32>load<f32>(x));
    x += 4;
    y += 4;
  }
}

export function cast_i32_f32(r: Cast): void {
  let x = r.x,
    y = r.y,
    count = r.length;
  if (ASC_FEATURE_SIMD) {
    for (; count >= 4; count -= 4) {
      v128.store(y, f32x4.convert_i32x4_s(v128.load(x)));
      x += 16;
      y += 16;
    }
  }
  for (; count; count--) {
    store<f32>(y, <f32>load<i32>(x));
    x += 4;
    y += 4;
  }
}

/** Low 8 bits of the truncated number. */
export function cast_f32_u8(r: Cast): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, <i32>load<f32>(r.x + (i << 2)));
}
export function cast_i32_u8(r: Cast): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, load<i32>(r.x + (i << 2)));
}

/** 1 where x is not 0. */
export function cast_f32_bool(r: Cast): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, <i32>(load<f32>(r.x + (i << 2)) != 0));
}
export function cast_i32_bool(r: Cast): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, <i32>(load<i32>(r.x + (i << 2)) != 0));
}
export function cast_u8_bool(r: Cast): void {
  for (let i: usize = 0; i < r.length; i++) store<u8>(r.y + i, <i32>(load<u8>(r.x + i) != 0));
}

export function cast_i8_i32(r: Cast): void {
  wider(r, true, false);
}
export function cast_u8_i32(r: Cast): void {
  wider(r, false, false);
}
export function cast_i8_f32(r: Cast): void {
  wider(r, true, true);
}
export function cast_u8_f32(r: Cast): void {
  wider(r, false, true);
}

/** Bytes as 4 bytes. */
@inline
function wider(r: Cast, signed: bool, float: bool): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; i + 8 <= r.length; i += 8) {
      const v = signed ? v128.load8x8_s(r.x + i) : v128.load8x8_u(r.x + i);
      const low = i32x4.extend_low_i16x8_s(v),
        high = i32x4.extend_high_i16x8_s(v);
      v128.store(r.y + (i << 2), float ? f32x4.convert_i32x4_s(low) : low);
      v128.store(r.y + (i << 2), float ? f32x4.convert_i32x4_s(high) : high, 16);
    }
  }
  for (; i < r.length; i++) {
    const value: i32 = signed ? load<i8>(r.x + i) : load<u8>(r.x + i);
    if (float) store<f32>(r.y + (i << 2), <f32>value);
    else store<i32>(r.y + (i << 2), value);
  }
}
