import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, concat, equal, greater, mul, slice, where } from '../../ops/index.ts';
import { windowOf as windowExtents } from '../../ops/window.ts';
import { padded, reshapedTo } from '../moves.ts';
import { panels, permuted } from '../weights.ts';
import { activated } from './activation.ts';
import type { NodeContext, Rows } from './context.ts';
import { transposedFloat } from './convolutions.ts';
import { detectionPostProcess } from './detection.ts';
import { damaged } from './flatbuffer.ts';
import { fourAxes } from './windows.ts';

/** Numbers of a C struct of 32-bit fields, as MediaPipe's operators have their options (TfLitePoolParams, TfLiteTransposeConvParams). */
function fieldsOf<Name extends string>(n: NodeContext, names: readonly Name[]): Record<Name, number> {
  const { buffer, byteOffset, byteLength } = n.node.customOptions;
  if (byteLength < 4 * names.length) throw damaged(`options of ${byteLength} bytes`);
  const view = new DataView(buffer, byteOffset, byteLength);
  return Object.fromEntries(names.map((name, i) => [name, view.getInt32(4 * i, true)])) as Record<Name, number>;
}

/** TfLitePadding. */
const paddings: Readonly<Record<number, 'same' | 'valid'>> = { 1: 'same', 2: 'valid' };

function poolOf(n: NodeContext) {
  const fields = fieldsOf(n, ['padding', 'strideWidth', 'strideHeight', 'filterWidth', 'filterHeight', 'activation']);
  const { strideWidth, strideHeight, filterWidth, filterHeight, activation } = fields;
  const padding = paddings[fields.padding];
  if (!padding || [strideWidth, strideHeight, filterWidth, filterHeight].some((extent) => extent < 1 || extent > 2 ** 16))
    throw damaged('the window of a pooling is damaged');
  n.allow(filterWidth * filterHeight);
  return { padding, kernel: [filterHeight, filterWidth], strides: [strideHeight, strideWidth], activation } as const;
}

/** The largest of each window, and which of the window it is: its number in rows, plus 0.1 as MediaPipe has it. */
function maxPoolWithArgmax(n: NodeContext): Value[] {
  const { padding, kernel, strides, activation } = poolOf(n);
  const x = n.f32(0);
  const [batch, height, width, channels] = fourAxes(x.shape, 'pooling');
  const { outHeight, outWidth, padTop, padLeft } = windowExtents(height, width, kernel, { strides, dilations: [1, 1], padding });
  const after = [outHeight, outWidth].map((out, i) => {
    const reach = (out - 1) * (strides[i] as number) + (kernel[i] as number);
    return Math.max(0, reach - (i ? width + padLeft : height + padTop));
  }) as [number, number];
  const lowest = -3.4028234663852886e38;
  const image = padded(
    x,
    [
      [0, 0],
      [padTop, after[0]],
      [padLeft, after[1]],
      [0, 0],
    ],
    'constant',
    lowest,
  );
  let best: Value | undefined;
  let index = n.graph.scalar(0.1);
  for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
    const starts = [0, Math.floor(tap / kernel[1]), tap % kernel[1], 0];
    const value = slice(image, { starts, sizes: [batch, outHeight, outWidth, channels], steps: [1, ...strides, 1] });
    if (best) {
      const better = cast(greater([value, best]), { to: 'i32' });
      index = where([better, n.graph.scalar(tap + 0.1), index]);
      best = where([better, value, best]);
    } else best = value;
  }
  const whole = kernel[0] * kernel[1] === 1 ? add([mul([x, n.graph.scalar(0)]), index]) : index;
  return [activated(n, best as Value, activation), whole];
}

/** Puts each number back where its window had it; the rest is 0. Windows lie side by side. */
function maxUnpooling(n: NodeContext): Value {
  const { kernel, strides } = poolOf(n);
  const [rows, columns] = kernel;
  if (strides[0] !== rows || strides[1] !== columns) n.refuse(`strides [${strides}]`, { expected: `those of the window, [${kernel}]` });
  const x = n.f32(0);
  const [batch, height, width, channels] = fourAxes(x.shape, 'unpooling');
  const index = cast(n.f32(1), { to: 'i32' });
  const places = Array.from({ length: rows * columns }, (_, tap) => {
    const placed = where([equal([index, n.integers([tap], [])]), x, n.graph.scalar(0)]);
    return reshapedTo(placed, [batch, height, 1, width, 1, channels]);
  });
  const lines = Array.from({ length: rows }, (_, row) => concat(places.slice(row * columns, (row + 1) * columns), { axis: 4 }));
  return reshapedTo(concat(lines, { axis: 2 }), [batch, height * rows, width * columns, channels]);
}

/** A transposed convolution with a bias. Inputs: x, filters [out, kernelHeight, kernelWidth, C], bias. */
function transposedWithBias(n: NodeContext): Value {
  const { padding: code, strideWidth, strideHeight } = fieldsOf(n, ['padding', 'strideWidth', 'strideHeight']);
  const padding = paddings[code];
  if (!padding || strideWidth < 1 || strideHeight < 1) throw damaged('the options of a transposed convolution are damaged');
  const x = n.f32(0);
  const [batch, height, width, channels] = fourAxes(x.shape, 'a convolution');
  const [filters, kernelHeight, kernelWidth, depth] = fourAxes(n.shape(1), 'a filter');
  if (depth !== channels || sizeOf(n.shape(2)) !== filters) throw damaged('filters and bias do not fit');
  const cut = (extent: number, kernel: number, stride: number) =>
    padding === 'same' ? Math.max(0, kernel - ((extent - 1) % stride) - 1) : 0;
  const [cutY, cutX] = [cut(height, kernelHeight, strideHeight), cut(width, kernelWidth, strideWidth)];
  const output = [
    batch,
    strideHeight * (height - 1) + kernelHeight - cutY,
    strideWidth * (width - 1) + kernelWidth - cutX,
    filters,
  ] as const;
  n.allow(sizeOf(output));
  return transposedFloat(x, panels(permuted(n.f32(1), [1, 2, 0, 3])), reshapedTo(n.f32(2), [filters]), {
    kernel: [kernelHeight, kernelWidth],
    strides: [strideHeight, strideWidth],
    filters,
    output,
    padding,
    before: [Math.floor(cutY / 2), Math.floor(cutX / 2)],
  });
}

/** Custom operators: of TFLite itself, and of MediaPipe. */
export const custom: Rows = {
  TFLite_Detection_PostProcess: detectionPostProcess,
  MaxPoolingWithArgmax2D: maxPoolWithArgmax,
  MaxUnpooling2D: maxUnpooling,
  Convolution2DTransposeBias: transposedWithBias,
};
