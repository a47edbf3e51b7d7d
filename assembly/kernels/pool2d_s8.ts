// Pooling of 8-bit images.
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

/** Σ / count, ties away from zero. */
@inline
function mean(sum: i32, count: i32): i32 {
  if (count == 0) return 0;
  return (sum + (sum > 0 ? count >> 1 : -(count >> 1))) / count;
}

function means(r: Pool2dInt8, x: usize, rows: usize, columns: usize, y: usize): void {
  const channels = <usize>r.channels,
    line = <usize>r.inWidth * channels;
  for (let c: usize = 0; c < channels; c++) {
    let sum = 0;
    for (let i: usize = 0; i < rows; i++) {
      for (let j: usize = 0; j < columns; j++) sum += <i32>load<i8>(x + i * line + j * channels + c);
    }
    store<i8>(y + c, min<i32>(max<i32>(mean(sum, <i32>(rows * columns)), r.low), r.high));
  }
}
