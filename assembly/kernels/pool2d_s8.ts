// Pooling of 8-bit images.
import { limitedFloat } from '../math/requantize';
import { Pool2dInt8 } from '../records';

export function max_pool2d_s8(r: Pool2dInt8): void {
  windows(r, true);
}
export function average_pool2d_s8(r: Pool2dInt8): void {
  windows(r, false);
}

@inline
function windows(r: Pool2dInt8, largest: bool): void {
  let y = r.y;
  const channels = <usize>r.channels;
  for (let n: u32 = 0; n < r.batch; n++) {
    for (let oy: u32 = 0; oy < r.outHeight; oy++) {
      const top = <i32>(oy * r.strideY) - r.padTop;
      const y0 = max<i32>(top, 0),
        y1 = min<i32>(top + <i32>r.kernelHeight, <i32>r.inHeight);
      for (let ox: u32 = 0; ox < r.outWidth; ox++) {
        const left = <i32>(ox * r.strideX) - r.padLeft;
        const x0 = max<i32>(left, 0),
          x1 = min<i32>(left + <i32>r.kernelWidth, <i32>r.inWidth);
        const rows = <usize>max<i32>(y1 - y0, 0),
          columns = <usize>max<i32>(x1 - x0, 0);
        const x = r.x + ((<usize>n * r.inHeight + <usize>y0) * r.inWidth + <usize>x0) * channels;
        if (largest) maxima(r, x, rows, columns, y);
        else means(r, x, rows, columns, y);
        y += channels;
      }
    }
  }
}

function maxima(r: Pool2dInt8, x: usize, rows: usize, columns: usize, y: usize): void {
  const channels = <usize>r.channels,
    line = <usize>r.inWidth * channels;
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    const low = i8x16.splat(<i8>r.low),
      high = i8x16.splat(<i8>r.high);
    for (; c + 16 <= channels; c += 16) {
      let best = low;
      for (let i: usize = 0; i < rows; i++) {
        let p = x + i * line + c;
        for (let j: usize = 0; j < columns; j++) {
          best = i8x16.max_s(best, v128.load(p));
          p += channels;
        }
      }
      v128.store(y + c, i8x16.min_s(best, high));
    }
  }
  for (; c < channels; c++) {
    let best = r.low;
    for (let i: usize = 0; i < rows; i++) {
      for (let j: usize = 0; j < columns; j++) best = max<i32>(best, load<i8>(x + i * line + j * channels + c));
    }
    store<i8>(y + c, min<i32>(best, r.high));
  }
}

/** The mean of `count` numbers, as `averagePool2dInt8` says. */
@inline
function mean(r: Pool2dInt8, sum: i32, count: i32): i32 {
  if (r.scale != 0)
    return limitedFloat(<f32>(sum - count * r.xZero) * (r.scale / (r.yScale * <f32>max<i32>(count, 1))), r.yZero, r.low, r.high);
  const value = count ? (sum + (sum > 0 ? count >> 1 : -(count >> 1))) / count : 0;
  return min<i32>(max<i32>(value, r.low), r.high);
}

function means(r: Pool2dInt8, x: usize, rows: usize, columns: usize, y: usize): void {
  const channels = <usize>r.channels,
    line = <usize>r.inWidth * channels;
  const count = <i32>(rows * columns);
  let c: usize = 0;
  if (r.floats) {
    floatMeans(r, x, rows, columns, y);
    return;
  }
  if (ASC_FEATURE_SIMD) {
    for (; c + 8 <= channels; c += 8) meansOf8(r, x + c, rows, columns, line, channels, y + c);
  }
  for (; c < channels; c++) {
    let sum = 0;
    for (let i: usize = 0; i < rows; i++) {
      for (let j: usize = 0; j < columns; j++) sum += <i32>load<i8>(x + i * line + j * channels + c);
    }
    store<i8>(y + c, mean(r, sum, count));
  }
}

/** Of dequantized numbers, added one after the other. */
function floatMeans(r: Pool2dInt8, x: usize, rows: usize, columns: usize, y: usize): void {
  const channels = <usize>r.channels,
    line = <usize>r.inWidth * channels;
  const count = <f32>max<i32>(<i32>(rows * columns), 1);
  let c: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; c + 8 <= channels; c += 8) floatMeansOf8(r, x + c, rows, columns, count, y + c);
  }
  for (; c < channels; c++) {
    let sum: f32 = 0;
    for (let i: usize = 0; i < rows; i++) {
      for (let j: usize = 0; j < columns; j++) sum += <f32>(<i32>load<i8>(x + i * line + j * channels + c) - r.xZero) * r.scale;
    }
    store<i8>(y + c, limitedFloat(sum / count / r.yScale + <f32>r.added, r.yZero - r.added, r.low, r.high));
  }
}

function floatMeansOf8(r: Pool2dInt8, x: usize, rows: usize, columns: usize, count: f32, y: usize): void {
  const channels = <usize>r.channels,
    line = <usize>r.inWidth * channels;
  const zero = i16x8.splat(<i16>r.xZero),
    scale = f32x4.splat(r.scale);
  let low = f32x4.splat(0),
    high = low;
  for (let i: usize = 0; i < rows; i++) {
    let p = x + i * line;
    for (let j: usize = 0; j < columns; j++) {
      const v = i16x8.sub(v128.load8x8_s(p), zero);
      low = f32x4.add(low, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), scale));
      high = f32x4.add(high, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), scale));
      p += channels;
    }
  }
  const v = i16x8.narrow_i32x4_s(floatMean(r, low, count), floatMean(r, high, count));
  v128.store64_lane(y, i8x16.narrow_i16x8_s(v, v), 0);
}

@inline
function floatMean(r: Pool2dInt8, sum: v128, count: f32): v128 {
  const y = f32x4.add(f32x4.div(f32x4.div(sum, f32x4.splat(count)), f32x4.splat(r.yScale)), f32x4.splat(<f32>r.added));
  const rest = r.yZero - r.added;
  const limited = f32x4.min(f32x4.max(y, f32x4.splat(<f32>(r.low - rest))), f32x4.splat(<f32>(r.high - rest)));
  return i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.nearest(limited)), i32x4.splat(rest));
}

/** 8 channels; a row is summed in 16 bits, 256 pixels at a time. */
function meansOf8(r: Pool2dInt8, x: usize, rows: usize, columns: usize, line: usize, channels: usize, y: usize): void {
  let low = i32x4.splat(0),
    high = low;
  for (let i: usize = 0; i < rows; i++) {
    let p = x + i * line;
    for (let left = columns; left;) {
      let some = min<usize>(left, 256);
      left -= some;
      let sums = i16x8.splat(0);
      for (; some; some--) {
        sums = i16x8.add(sums, v128.load8x8_s(p));
        p += channels;
      }
      low = i32x4.add(low, i32x4.extend_low_i16x8_s(sums));
      high = i32x4.add(high, i32x4.extend_high_i16x8_s(sums));
    }
  }
  const count = <i32>(rows * columns);
  store<i8>(y, mean(r, i32x4.extract_lane(low, 0), count));
  store<i8>(y, mean(r, i32x4.extract_lane(low, 1), count), 1);
  store<i8>(y, mean(r, i32x4.extract_lane(low, 2), count), 2);
  store<i8>(y, mean(r, i32x4.extract_lane(low, 3), count), 3);
  store<i8>(y, mean(r, i32x4.extract_lane(high, 0), count), 4);
  store<i8>(y, mean(r, i32x4.extract_lane(high, 1), count), 5);
  store<i8>(y, mean(r, i32x4.extract_lane(high, 2), count), 6);
  store<i8>(y, mean(r, i32x4.extract_lane(high, 3), count), 7);
}
