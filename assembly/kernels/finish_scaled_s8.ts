// What convolutions of 8-bit images whose zero point and scale are known at run time share: the record of the product whose sums they take, what each
// image prepares for its channels, and the end, where i32 sums become f32. The lists are those of `finish_s8.ts`: biases, scales, and in place of
// starts the bias that is added in f32.
import { Conv2dInt8, ConvScaled, DepthwiseInt8 } from '../records';
import { biasesOf, scalesOf, signBytes, startsOf } from './finish_s8';
import { clamp, clamp1, loadPart, storePart } from './vector_f32';

/** The record of the product, which begins as r does. */
export function productOf(r: ConvScaled): Conv2dInt8 {
  memory.copy(r.product, changetype<usize>(r), offsetof<ConvScaled>('product'));
  const product = changetype<Conv2dInt8>(r.product);
  memory.fill(signBytes(product), 128, 16);
  return product;
}

/** Where what sums are multiplied with after the scales of their channels lies: behind the record of the product. */
@inline
function factorOf(r: ConvScaled): usize {
  return r.product + offsetof<DepthwiseInt8>();
}

/** The zero point of image n, and the lists of its channels. */
export function startImage(r: ConvScaled, product: Conv2dInt8, n: u32): void {
  const at = (n * r.perImage) << 2;
  const zero = load<i32>(r.zero + at),
    unit = load<f32>(r.unit + at);
  product.xZero = zero;
  // A factor of 1 changes no bits.
  store<f32>(factorOf(r), r.apart ? unit : 1);
  const biases = biasesOf(product),
    scales = scalesOf(product, 0),
    starts = startsOf(product, 0);
  const end = (<usize>r.outChannels) << 2;
  let c: usize = 0;
  for (; c < end; c += 4) {
    store<i32>(biases + c, -(zero + 128) * load<i32>(r.totals + c));
    store<f32>(scales + c, r.apart ? load<f32>(r.scales + c) : load<f32>(r.scales + c) * unit);
    store<f32>(starts + c, load<f32>(r.bias + c));
  }
  // Panels read 8 channels from any on.
  for (; c < end + 32; c += 4) {
    store<i32>(biases + c, 0);
    store<f32>(scales + c, 0);
    store<f32>(starts + c, 0);
  }
}

/** y[rows, columns] f32 of sums[rows, 8], in r.y; `channel` is the first of the columns. */
export function finishScaled(r: ConvScaled, product: Conv2dInt8, sums: usize, y: usize, rows: usize, columns: usize, channel: usize): void {
  if (r.residual) finishAdded(r, product, sums, y, rows, columns, channel);
  else finishRows(r, product, sums, y, rows, columns, channel);
}

function finishRows(r: ConvScaled, product: Conv2dInt8, sums: usize, y: usize, rows: usize, columns: usize, channel: usize): void {
  const scales = scalesOf(product, channel),
    biases = startsOf(product, channel);
  const stride = (<usize>r.outChannels) << 2;
  const factor = load<f32>(factorOf(r));
  if (ASC_FEATURE_SIMD) {
    const s0 = v128.load(scales),
      s1 = v128.load(scales, 16),
      b0 = v128.load(biases),
      b1 = v128.load(biases, 16),
      f = f32x4.splat(factor),
      low = f32x4.splat(r.low),
      high = f32x4.splat(r.high);
    for (; rows; rows--) {
      const v0 = clamp(f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), s0), f), b0), low, high),
        v1 = clamp(f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), s1), f), b1), low, high);
      storePart(y, v0, v1, columns);
      sums += 32;
      y += stride;
    }
  } else {
    for (; rows; rows--) {
      for (let c: usize = 0; c < columns << 2; c += 4)
        store<f32>(y + c, clamp1(<f32>load<i32>(sums + c) * load<f32>(scales + c) * factor + load<f32>(biases + c), r.low, r.high));
      sums += 32;
      y += stride;
    }
  }
}

/** The same with an f32 of the residual added to each. */
function finishAdded(r: ConvScaled, product: Conv2dInt8, sums: usize, y: usize, rows: usize, columns: usize, channel: usize): void {
  const scales = scalesOf(product, channel),
    biases = startsOf(product, channel);
  const stride = (<usize>r.outChannels) << 2;
  const factor = load<f32>(factorOf(r));
  let residual = r.residual + (y - r.y);
  if (ASC_FEATURE_SIMD) {
    const s0 = v128.load(scales),
      s1 = v128.load(scales, 16),
      b0 = v128.load(biases),
      b1 = v128.load(biases, 16),
      f = f32x4.splat(factor),
      low = f32x4.splat(r.low),
      high = f32x4.splat(r.high);
    for (; rows; rows--) {
      const v0 = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums)), s0), f), b0),
        v1 = f32x4.add(f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums, 16)), s1), f), b1);
      const added0 = f32x4.add(v0, loadPart(residual, 0, columns)),
        added1 = f32x4.add(v1, loadPart(residual, 4, columns));
      storePart(y, clamp(added0, low, high), clamp(added1, low, high), columns);
      sums += 32;
      y += stride;
      residual += stride;
    }
  } else {
    for (; rows; rows--) {
      for (let c: usize = 0; c < columns << 2; c += 4) {
        const value = <f32>load<i32>(sums + c) * load<f32>(scales + c) * factor + load<f32>(biases + c);
        store<f32>(y + c, clamp1(value + load<f32>(residual + c), r.low, r.high));
      }
      sums += 32;
      y += stride;
      residual += stride;
    }
  }
}
