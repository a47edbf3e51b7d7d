import { scaledDoubles, scaledSingles } from '../math/fixed_point_vectors';
import { scaled } from '../math/requantize';
import { Rescale } from '../records';

/** Numbers of up to 32 bits by one factor; y may be x. */
export function rescale_i32(r: Rescale): void {
  let i: usize = 0;
  if (ASC_FEATURE_SIMD) {
    if (r.multiplier >= 0) i = r.rounding ? singles(r) : doubles(r);
  }
  for (; i < r.length; i++) {
    const value = r.zero + scaled(load<i32>(r.x + (i << 2)), r.multiplier, r.shift, r.rounding);
    store<i32>(r.y + (i << 2), min<i32>(max<i32>(value, r.low), r.high));
  }
}

@inline
function limited(r: Rescale, value: v128): v128 {
  return i32x4.min_s(i32x4.max_s(i32x4.add(value, i32x4.splat(r.zero)), i32x4.splat(r.low)), i32x4.splat(r.high));
}

/** Those in fours, rounded twice; returns how many. */
function doubles(r: Rescale): usize {
  const bytes = ((<usize>r.length) & ~3) << 2;
  for (let at: usize = 0; at < bytes; at += 16) v128.store(r.y + at, limited(r, scaledDoubles(v128.load(r.x + at), r.multiplier, r.shift)));
  return bytes >> 2;
}

/** Those in fours, rounded once; returns how many. */
function singles(r: Rescale): usize {
  const bytes = ((<usize>r.length) & ~3) << 2;
  for (let at: usize = 0; at < bytes; at += 16) v128.store(r.y + at, limited(r, scaledSingles(v128.load(r.x + at), r.multiplier, r.shift)));
  return bytes >> 2;
}
