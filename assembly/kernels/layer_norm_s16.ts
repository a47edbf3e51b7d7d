// Layer normalisation of 16-bit numbers in fixed point, with the bits of TFLite's reference (PortableApplyLayerNorm).
import { inverseSqrtMultiplier, inverseSqrtShift } from '../math/inverse_sqrt';
import { scaledDouble } from '../math/requantize';
import { LayerNormInt16 } from '../records';

/** y may be x. */
export function layer_norm_s16(r: LayerNormInt16): void {
  const bytes = (<usize>r.columns) << 2;
  for (let row: usize = 0; row < r.rows; row++) normalizedRow(r, r.x + row * bytes, r.y + row * bytes);
}

function normalizedRow(r: LayerNormInt16, x: usize, y: usize): void {
  const end = (<usize>r.columns) << 2,
    count = <i64>r.columns;
  let sum: i64 = 0,
    squares: i64 = 0;
  for (let c: usize = 0; c < end; c += 4) {
    const value = <i64>load<i32>(x + c);
    sum += value;
    squares += value * value;
  }
  // The mean has 10 bits behind the point, and the variance 20.
  const mean = <i32>((sum * 1024) / count);
  const variance = <i32>((squares * ((1 << 20) / count) - <i64>mean * <i64>mean) / (1 << 20));
  const guarded = variance < 1 ? r.guard : variance;
  const multiplier = inverseSqrtMultiplier(guarded),
    shift = inverseSqrtShift(guarded);
  for (let c: usize = 0; c < end; c += 4) {
    const rescaled = scaledDouble(1024 * load<i32>(x + c) - mean, multiplier, shift);
    const weighted = rescaled * load<i32>(r.weights + c) + load<i32>(r.bias + c);
    const whole = (weighted > 0 ? <i64>weighted + 512 : <i64>weighted - 512) / 1024;
    const value = scaledDouble(<i32>whole, r.multiplier, r.shift + 12);
    store<i32>(y + c, min<i32>(max<i32>(value, -32768), 32767));
  }
}
