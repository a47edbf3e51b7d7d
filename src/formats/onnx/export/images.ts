import type { Shape } from '../../../core/shape.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { type Conv2dAttributes, type Conv2dGradInputAttributes, filterShape } from '../../../ops/conv2d.ts';
import type { DepthwiseAttributes } from '../../../ops/depthwiseConv2d.ts';
import type { Epilogue, Limits } from '../../../ops/epilogue.ts';
import type { PoolAttributes } from '../../../ops/pool.ts';
import type { ResizeAttributes } from '../../../ops/resize.ts';
import { nhwc, type WindowAttributes, windowOf } from '../../../ops/window.ts';
import type { FileAttribute } from '../encode.ts';
import { clamp } from './elementwise.ts';
import { attrsOf, type Emission, type Emits, NCHW } from './emission.ts';
import { weightOf } from './weights.ts';

type Attributes = Record<string, FileAttribute>;

/** A window's numbers; what `same` means becomes explicit pads [top, left, bottom, right]. */
function windowAttributes(input: Shape, kernel: readonly [number, number], attrs: WindowAttributes): Attributes {
  const { height, width } = nhwc(input);
  const { outHeight, outWidth, padTop, padLeft } = windowOf(height, width, kernel, attrs);
  const after = (i: 0 | 1, size: number, out: number, before: number): number => {
    if (typeof attrs.padding !== 'string') return attrs.padding[2 * i + 1] as number;
    return Math.max(0, (out - 1) * attrs.strides[i] + (kernel[i] - 1) * attrs.dilations[i] + 1 - size - before);
  };
  return {
    kernel_shape: kernel,
    strides: attrs.strides,
    dilations: attrs.dilations,
    pads: [padTop, padLeft, after(0, height, outHeight, padTop), after(1, width, outWidth, padLeft)],
  };
}

/** Residual and clamp of a product whose result is `name`, in NCHW. */
function finished(e: Emission, node: Node, name: string, { low, high, residual }: Limits & { readonly residual?: boolean }): string {
  const sum = residual ? e.op('Add', [name, e.nchw(node.inputs.at(-1) as Value)]) : name;
  return clamp(e, sum, low, high);
}

/** The bias of a product, which comes before the residual. */
const biasOf = (node: Node, residual = false): Value | undefined => node.inputs.slice(2, residual ? -1 : undefined)[0];

/** Filters [kh, kw, in, out] as ONNX has them: [out, in, kh, kw]. */
const FILTERS = [3, 2, 0, 1];

function conv2d(e: Emission, node: Node): void {
  const attrs = attrsOf<Conv2dAttributes & Epilogue>(node);
  const [x, w] = node.inputs as [Value, Value];
  const logical = filterShape(x.shape[3] as number, attrs);
  const weight = weightOf(e, w, { logical, groups: attrs.groups, perm: FILTERS });
  const y = e.op('Conv', [e.nchw(x), weight, ...e.bias(biasOf(node, attrs.residual), w, x)], {
    ...windowAttributes(x.shape, attrs.kernel, attrs),
    group: attrs.groups,
  });
  e.put(node.outputs[0] as Value, finished(e, node, y, attrs), NCHW);
}

function depthwise(e: Emission, node: Node): void {
  const attrs = attrsOf<DepthwiseAttributes & Limits>(node);
  const [x, w] = node.inputs as [Value, Value];
  const [height, width, filters] = w.shape as [number, number, number];
  const weight = weightOf(e, w, { logical: w.shape, perm: [2, 0, 1], dims: [filters, 1, height, width] });
  const y = e.op('Conv', [e.nchw(x), weight, ...e.bias(biasOf(node), w, x)], {
    ...windowAttributes(x.shape, attrs.kernel, attrs),
    group: x.shape[3] as number,
  });
  e.put(node.outputs[0] as Value, finished(e, node, y, attrs), NCHW);
}

/** The transposed convolution: x is the output of the convolution whose gradient it is. */
function convTranspose(e: Emission, node: Node): void {
  const attrs = attrsOf<Conv2dGradInputAttributes>(node);
  const [x, w] = node.inputs as [Value, Value];
  const [, height, width, channels] = (node.outputs[0] as Value).shape as [number, number, number, number];
  // [kh, kw, out / groups, in] → [in, out / groups, kh, kw].
  const weight = weightOf(e, w, { logical: filterShape(channels, attrs), groups: attrs.groups, perm: FILTERS });
  const window = windowAttributes([1, height, width, channels], attrs.kernel, attrs);
  const pads = window.pads as readonly number[];
  const rest = [height, width].map((size, i) => {
    const span = ((attrs.kernel[i] as number) - 1) * (attrs.dilations[i] as number) + 1;
    const reached = ((x.shape[i + 1] as number) - 1) * (attrs.strides[i] as number) + span;
    return size - (reached - (pads[i] as number) - (pads[i + 2] as number));
  });
  const bias = biasOf(node);
  const y = e.op('ConvTranspose', [e.nchw(x), weight, ...(bias ? [e.plain(bias)] : [])], {
    ...window,
    group: attrs.groups,
    // Rows that the convolution's window never reached are padding of the output; those it does not have are cut.
    output_padding: rest.map((n) => Math.max(0, n)),
    pads: pads.map((n, i) => (i < 2 ? n : n + Math.max(0, -(rest[i - 2] as number)))),
  });
  e.put(node.outputs[0] as Value, finished(e, node, y, attrs), NCHW);
}

const pool =
  (op: 'MaxPool' | 'AveragePool') =>
  (e: Emission, node: Node): void => {
    const attrs = attrsOf<PoolAttributes>(node);
    const [x] = node.inputs as [Value];
    const { dilations: _, ...window } = windowAttributes(x.shape, attrs.kernel, { ...attrs, dilations: [1, 1] });
    const counted = op === 'AveragePool' ? { count_include_pad: attrs.includePad ? 1 : 0 } : {};
    e.put(node.outputs[0] as Value, e.op(op, [e.nchw(x)], { ...window, ...counted }), NCHW);
  };

function resize(e: Emission, node: Node): void {
  const { size, mode, coordinates } = attrsOf<ResizeAttributes>(node);
  const [x] = node.inputs as [Value];
  const { batch, height, width, channels } = nhwc(x.shape);
  const scales = [size[0] / height, size[1] / width];
  const isWhole = scales.every(Number.isInteger);
  const operands = isWhole ? ['', e.floats([1, 1, ...scales])] : ['', '', e.ints(e.fixedShape([batch, channels, ...size]))];
  // With half-pixel centres nearest is floor((i + ½) · in/out), which is ONNX's coordinate rounded.
  const nearest = coordinates === 'halfPixel' ? 'round_prefer_ceil' : 'floor';
  const transformation = { halfPixel: 'half_pixel', asymmetric: 'asymmetric', alignCorners: 'align_corners' }[coordinates];
  const y = e.op('Resize', [e.nchw(x), ...operands], {
    mode: mode === 'nearest' ? 'nearest' : 'linear',
    coordinate_transformation_mode: transformation,
    ...(mode === 'nearest' && { nearest_mode: nearest }),
  });
  e.put(node.outputs[0] as Value, y, NCHW);
}

/** Operators on images. */
export const images: Emits = {
  conv2d,
  depthwiseConv2d: depthwise,
  conv2dGradInput: convTranspose,
  maxPool2d: pool('MaxPool'),
  averagePool2d: pool('AveragePool'),
  resize,
};
