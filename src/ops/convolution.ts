import type { Shape } from '../core/shape.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { nhwc, type Window, type WindowAttributes } from './window.ts';

export function geometry(
  input: Shape,
  attrs: WindowAttributes & { readonly kernel: readonly [number, number]; readonly groups: number },
  outChannels: number,
  { outHeight, outWidth, padTop, padLeft }: Window,
): Geometry {
  const { batch, height, width, channels } = nhwc(input);
  return {
    batch,
    inHeight: height,
    inWidth: width,
    inChannels: channels,
    outHeight,
    outWidth,
    outChannels,
    kernelHeight: attrs.kernel[0],
    kernelWidth: attrs.kernel[1],
    strideY: attrs.strides[0],
    strideX: attrs.strides[1],
    dilationY: attrs.dilations[0],
    dilationX: attrs.dilations[1],
    padTop,
    padLeft,
    groups: attrs.groups,
  };
}

/**
 * Calls `visit` with the row-major indexes of x, w and y for every product of a convolution, x -1 in the padding; w has the logical shape
 * [kernelHeight, kernelWidth, inChannels / groups, outChannels]. The references of the convolution and its gradients are this loop.
 */
export function forEachTapPadded(g: Geometry, visit: (x: number, w: number, y: number) => void): void {
  const inner = g.inChannels / g.groups;
  const perGroup = g.outChannels / g.groups;
  for (let pixel = 0; pixel < g.batch * g.outHeight * g.outWidth; pixel++) {
    const ox = pixel % g.outWidth;
    const oy = Math.floor(pixel / g.outWidth) % g.outHeight;
    const n = Math.floor(pixel / (g.outWidth * g.outHeight));
    for (let tap = 0; tap < g.kernelHeight * g.kernelWidth; tap++) {
      const iy = oy * g.strideY + Math.floor(tap / g.kernelWidth) * g.dilationY - g.padTop;
      const ix = ox * g.strideX + (tap % g.kernelWidth) * g.dilationX - g.padLeft;
      const outside = iy < 0 || ix < 0 || iy >= g.inHeight || ix >= g.inWidth;
      const at = ((n * g.inHeight + iy) * g.inWidth + ix) * g.inChannels;
      for (let f = 0; f < g.outChannels; f++) {
        const first = Math.floor(f / perGroup) * inner;
        for (let c = 0; c < inner; c++) {
          visit(outside ? -1 : at + first + c, (tap * inner + c) * g.outChannels + f, pixel * g.outChannels + f);
        }
      }
    }
  }
}

/** As `forEachTapPadded`, of the products inside the image. */
export function forEachTap(g: Geometry, visit: (x: number, w: number, y: number) => void): void {
  forEachTapPadded(g, (x, w, y) => {
    if (x >= 0) visit(x, w, y);
  });
}
