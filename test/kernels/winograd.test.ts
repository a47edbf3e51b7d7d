import { test } from 'vitest';
import { packPanels } from '../../src/core/panels.ts';
import { winogradScratch } from '../../src/kernels/scratch.ts';
import { random } from './arrays.ts';
import { draw, expectProduct } from './products.ts';

/**
 * Odd and even images, smaller than a tile and of none at all, padding wider than the kernel and less than none (a crop), every tail of
 * channels and filters, blocks that end within a row of tiles and within an image; against the nine products of every pixel.
 */
test.each([...Array(150).keys()])('conv2d_f32_winograd, case %i', (seed) => {
  const next = draw(seed);
  const batch = next(seed % 17 === 3 ? 0 : 1, 3);
  const [inHeight, inWidth] = [next(seed % 11 === 3 ? 0 : 1, 9), next(1, 12)];
  const [outHeight, outWidth] = [next(seed % 13 === 3 ? 0 : 1, 9), next(1, 11)];
  const inChannels = seed < 18 ? seed : next(1, 21);
  const outChannels = seed < 36 ? seed % 18 : next(1, 21);
  const [padTop, padLeft] = [next(-2, 4), next(-2, 4)];
  const blockRows = next(1, 40);
  const x = random(batch * inHeight * inWidth * inChannels, seed);
  const w = random(9 * inChannels * outChannels, seed + 1);
  const bias = next(0, 1) ? random(outChannels, seed + 2) : 0;
  const residual = next(0, 1) ? random(batch * outHeight * outWidth * outChannels, seed + 3) : 0;
  const y = new Float32Array(batch * outHeight * outWidth * outChannels);
  const want = Float64Array.from(y, (_, i) => {
    const f = i % outChannels;
    const ox = Math.floor(i / outChannels) % outWidth;
    const oy = Math.floor(i / outChannels / outWidth) % outHeight;
    const n = Math.floor(i / outChannels / outWidth / outHeight);
    let sum = (bias ? (bias[f] as number) : 0) + (residual ? (residual[i] as number) : 0);
    for (let tap = 0; tap < 9; tap++) {
      const [iy, ix] = [oy + Math.floor(tap / 3) - padTop, ox + (tap % 3) - padLeft];
      if (iy < 0 || ix < 0 || iy >= inHeight || ix >= inWidth) continue;
      for (let c = 0; c < inChannels; c++) {
        const value = x[((n * inHeight + iy) * inWidth + ix) * inChannels + c] as number;
        sum += value * (w[(tap * inChannels + c) * outChannels + f] as number);
      }
    }
    return Math.min(Math.max(sum, -2), 3);
  });
  const size = { batch, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels };
  const window = { kernelHeight: 3, kernelWidth: 3, strideY: 1, strideX: 1, dilationY: 1, dilationX: 1, padTop, padLeft, groups: 1 };
  const scratch = { bytes: winogradScratch(blockRows, inChannels) };
  const panels = packPanels(w, [3, 3, inChannels, outChannels]);
  const fields = { x, w: panels, bias, residual, y, scratch, ...size, ...window, blockRows, low: -2, high: 3 } as const;
  for (const last of [x, residual || undefined]) expectProduct('conv2d_f32_winograd', fields, y, want, last);
});
