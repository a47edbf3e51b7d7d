// Dropout with a counter RNG: the mask is a function of (seed, step, salt, index), so the backward pass calls the same kernel on dy.
import { Dropout } from '../records';

/** A 32-bit integer hash (C. Wellons, "lowbias32"): every input bit flips each output bit with probability close to 1/2. */
@inline
function mix1(h: u32): u32 {
  h = (h ^ (h >> 16)) * 0x7feb352d;
  h = (h ^ (h >> 15)) * 0x846ca68b;
  return h ^ (h >> 16);
}

@inline
function mix4(h: v128): v128 {
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x7feb352d));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/**
 * y = keep ? x / (1 - rate) : 0. Element i is kept where the hash of the key and the hash of i is at least rate · 2^32: hashing i first keeps
 * the masks of two keys from being shifted copies of each other. y may be x. `keeps` in src/kernels/random.ts is the same function.
 */
export function dropout_f32(r: Dropout): void {
  const key = mix1(load<u32>(r.seed) ^ mix1(load<u32>(r.step) ^ mix1(r.salt)));
  const threshold = <u32>(<f64>r.rate * 4294967296.0);
  const scale: f32 = <f32>1 / (<f32>1 - r.rate);
  const x = r.x,
    y = r.y,
    length = r.length;
  let i: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    let index = i32x4(0, 1, 2, 3);
    for (; length - i >= 4; i += 4) {
      const kept = i32x4.ge_u(mix4(v128.xor(mix4(index), i32x4.splat(key))), i32x4.splat(threshold));
      v128.store(y + (i << 2), v128.and(f32x4.mul(v128.load(x + (i << 2)), f32x4.splat(scale)), kept));
      index = i32x4.add(index, i32x4.splat(4));
    }
  }
  for (; i < length; i++) {
    const kept = mix1(mix1(i) ^ key) >= threshold;
    store<f32>(y + (i << 2), kept ? load<f32>(x + (i << 2)) * scale : 0);
  }
}
