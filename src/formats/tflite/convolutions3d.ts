import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import { convTranspose2d } from '../../ops/convTranspose2d.ts';
import { add, conv2d, slice } from '../../ops/index.ts';
import { windowOf as windowExtents } from '../../ops/window.ts';
import { padded, part, reshapedTo } from '../moves.ts';
import { panels } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { bias } from './convolutions.ts';
import { damaged } from './flatbuffer.ts';
import { conv3DOptions } from './options.ts';
import { windowOf } from './windows.ts';

/** x [N, D, H, W, C] with filters [kernelDepth, kernelHeight, kernelWidth, C, out]: a sum of convolutions of planes. */
function convolution3d(n: NodeContext): Result {
  const { strideD, dilationDFactor, ...options } = n.options(conv3DOptions);
  const { padding, ...rest } = windowOf(options);
  const [x, w] = [n.f32(0), n.f32(1)];
  const [batch, depth, height, width, channels] = x.shape as [number, number, number, number, number];
  const [planes, kernelHeight, kernelWidth, own, filters] = w.shape as [number, number, number, number, number];
  if (x.shape.length !== 5 || w.shape.length !== 5 || own !== channels || strideD < 1 || dilationDFactor < 1) {
    throw new ThimbleError('SHAPE', 'the filters do not fit', {
      expected: '[depth, height, width, C, out] for x [N, D, H, W, C]',
      got: `${formatShape(w.shape)} for ${formatShape(x.shape)}`,
    });
  }
  const attrs = { ...rest, padding, kernel: [kernelHeight, kernelWidth], filters, groups: 1 } as const;
  const along = { strides: [strideD, 1], dilations: [dilationDFactor, 1], padding } as const;
  const { outHeight: out, padTop: before } = windowExtents(depth, 1, [planes, 1], along);
  const after = Math.max(0, (out - 1) * strideD + (planes - 1) * dilationDFactor + 1 - depth - before);
  const volume = padded(
    x,
    [
      [0, 0],
      [before, after],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    'constant',
    0,
  );
  n.allow(planes);
  const parts = Array.from({ length: planes }, (_, k) => {
    const sizes = [batch, out, height, width, channels];
    const plane = slice(volume, { starts: [0, k * dilationDFactor, 0, 0, 0], sizes, steps: [1, strideD, 1, 1, 1] });
    const kernel = n.folded(reshapedTo(part(w, 0, k, 1), [kernelHeight, kernelWidth, channels, filters]));
    return conv2d([reshapedTo(plane, [batch * out, height, width, channels]), panels(kernel), ...(k ? [] : bias(n, 2))], attrs);
  });
  const sum = parts.reduce((a, b) => add([a, b]));
  const [, outHeight, outWidth] = sum.shape as [number, number, number, number];
  return activated(n, reshapedTo(sum, [batch, out, outHeight, outWidth, filters]), options.fusedActivationFunction);
}

type Five = [number, number, number, number, number];

/**
 * Inputs: the output's shape, filters [kernelDepth, kernelHeight, kernelWidth, out, C], x [N, D, H, W, C], optionally a bias: a sum of transposed
 * convolutions of planes, each moved along the depth by its place in the filter.
 */
function transposedConvolution3d(n: NodeContext): Result {
  const { strideD, dilationDFactor, ...options } = n.options(conv3DOptions);
  const { padding, strides, dilations } = windowOf(options);
  const output = n.numbers(0) as Five;
  const [w, x] = [n.f32(1), n.f32(2)];
  const [planes, height, width, filters, own] = w.shape as unknown as Five;
  const [batch, depth, , , channels] = x.shape as unknown as Five;
  const shapes = [output, w.shape, x.shape];
  if (shapes.some(({ length }) => length !== 5) || own !== channels || output[0] !== batch || output[4] !== filters || strideD < 1)
    throw damaged(`output [${output}], filters ${formatShape(w.shape)} and x ${formatShape(x.shape)} do not fit`);
  // TFLite pads as the convolution from the output to x would.
  const flat = windowExtents(output[2], output[3], [height, width], { strides, dilations, padding });
  const along = { strides: [strideD, 1], dilations: [dilationDFactor, 1], padding } as const;
  const { padTop: padDepth } = windowExtents(output[1], 1, [planes, 1], along);
  const before = [padDepth, flat.padTop, flat.padLeft];
  n.allow(planes);
  const images = reshapedTo(x, [batch * depth, ...x.shape.slice(2)]);
  const parts = Array.from({ length: planes }, (_, k) => {
    const kernel = panels(n.folded(reshapedTo(part(w, 0, k, 1), [height, width, filters, channels])));
    const y = convTranspose2d([images, kernel], { kernel: [height, width], strides, dilations, padding: 'valid', groups: 1, filters });
    const [, full, wide] = y.shape as unknown as Five;
    const apart = reshapedTo(y, [batch, depth, 1, full, wide, filters]);
    const spread =
      strideD === 1
        ? apart
        : padded(
            apart,
            [
              [0, 0],
              [0, 0],
              [0, strideD - 1],
              [0, 0],
              [0, 0],
              [0, 0],
            ],
            'constant',
            0,
          );
    const volume = reshapedTo(spread, [batch, depth * strideD, full, wide, filters]);
    const starts = [k * dilationDFactor, 0, 0].map((at, i) => at - (before[i] as number));
    const pads = starts.map((start, i): [number, number] => [start, (output[1 + i] as number) - start - (volume.shape[1 + i] as number)]);
    return padded(volume, [[0, 0], ...pads, [0, 0]], 'constant', 0);
  });
  return activated(
    n,
    [...parts, ...bias(n, 3)].reduce((a, b) => add([a, b])),
    options.fusedActivationFunction,
  );
}

/** Convolutions of volumes. */
export const convolutions3d: Rows = { CONV_3D: convolution3d, CONV_3D_TRANSPOSE: transposedConvolution3d };
