import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { depthwiseScratch } from '../kernels/scratch.ts';
import { forEachTap, geometry } from './convolution.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import {
  endSums,
  epilogueFields,
  epilogueGrad,
  expectEpilogue,
  finish,
  type Limits,
  noEpilogue,
  type Order,
  unlimited,
} from './epilogue.ts';
import { nhwc, type WindowAttributes, windowDefaults, windowOf } from './window.ts';

export interface DepthwiseAttributes extends WindowAttributes {
  readonly kernel: readonly [number, number];
  /** Output channels per input channel. */
  readonly multiplier: number;
}

export const depthwiseDefaults: DepthwiseAttributes = { ...windowDefaults, kernel: [1, 1], multiplier: 1 };

/** As a grouped convolution with one input channel a group. */
export function depthwiseGeometry(input: Shape, attrs: DepthwiseAttributes): Geometry {
  const { channels, height, width } = nhwc(input);
  return geometry(input, { ...attrs, groups: channels }, channels * attrs.multiplier, windowOf(height, width, attrs.kernel, attrs));
}

const unused = { blockRows: 0, ...noEpilogue } as const;
const macsOf = (g: Geometry): number => g.batch * g.outHeight * g.outWidth * g.outChannels * g.kernelHeight * g.kernelWidth;

/**
 * Each channel through filters of its own: output channel c · multiplier + j is channel c through w[:, :, c · multiplier + j].
 * Inputs: x [N, H, W, C], w [kernelHeight, kernelWidth, C · multiplier], optionally bias [C · multiplier]. `Limits` apply.
 */
export const depthwiseConv2d: Op<DepthwiseAttributes & Limits & Order> = defineOp<DepthwiseAttributes & Limits & Order>({
  name: 'depthwiseConv2d',
  attrs: { ...depthwiseDefaults, ...unlimited, ordered: false },
  infer(inputs, attrs) {
    if (!Number.isInteger(attrs.multiplier) || attrs.multiplier < 1)
      throw new ThimbleError('UNSUPPORTED_ATTR', `multiplier ${attrs.multiplier}`, { expected: 'a whole number of at least 1' });
    const g = depthwiseGeometry(expectInput(inputs, 0).shape, attrs);
    const given = expectInput(inputs, 1).shape;
    const expected = [...attrs.kernel, g.outChannels];
    if (!sameShape(given, expected))
      throw new ThimbleError('SHAPE', 'the weights do not fit', { expected: formatShape(expected), got: formatShape(given) });
    const y: TensorType = { dtype: 'f32', shape: [g.batch, g.outHeight, g.outWidth, g.outChannels] };
    expectEpilogue(inputs, attrs, y);
    return [y];
  },
  ref(inputs, attrs, [out]) {
    const [x, w] = inputs;
    const g = depthwiseGeometry((x as RefTensor).shape, attrs);
    const y = new Float64Array(sizeOf((out as TensorType).shape));
    forEachTap(g, (xi, wi, yi) => {
      y[yi] = (y[yi] as number) + ((x as RefTensor).data[xi] as number) * ((w as RefTensor).data[wi] as number);
    });
    return [finish(y, inputs, attrs)];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    const { ordered } = ctx.attrs;
    const epilogue = epilogueFields(ctx);
    ctx.step(ordered ? 'depthwise_conv2d_f32_ordered' : 'depthwise_conv2d_f32', {
      ...g,
      x: ctx.in(0),
      w: ctx.in(1),
      y: ctx.out(),
      scratch: ctx.scratch(depthwiseScratch),
      blockRows: 0,
      ...(ordered ? noEpilogue : epilogue),
    });
    if (ordered) endSums(ctx, { y: ctx.out(), rows: g.batch * g.outHeight * g.outWidth, columns: g.outChannels, ...epilogue });
  },
  grad(node, [given]) {
    const { inputs, wants } = node;
    const { low: _low, high: _high, ordered: _ordered, ...attrs } = node.attrs;
    const [x, w] = inputs as [Value, Value];
    const { dy, rest } = epilogueGrad(node, given as Value);
    const { height, width } = nhwc(x.shape);
    return [
      wants[0] ? depthwiseGradInput([dy, w], { ...attrs, input: [height, width] }) : null,
      wants[1] ? depthwiseGradWeight([x, dy], attrs) : null,
      ...rest,
    ];
  },
  macs: ([x], attrs) => macsOf(depthwiseGeometry((x as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

export interface DepthwiseGradInputAttributes extends DepthwiseAttributes {
  /** Height and width of dx. */
  readonly input: readonly [number, number];
}

/** dx from dy and w. */
export const depthwiseGradInput: Op<DepthwiseGradInputAttributes> = defineOp<DepthwiseGradInputAttributes>({
  name: 'depthwiseGradInput',
  attrs: { ...depthwiseDefaults, input: [1, 1] },
  infer(inputs, attrs) {
    const { batch, channels } = nhwc(expectInput(inputs, 0).shape);
    return [{ dtype: 'f32', shape: [batch, ...attrs.input, channels / attrs.multiplier] }];
  },
  ref([dy, w], attrs, [out]) {
    const { shape } = out as TensorType;
    const dx = new Float64Array(sizeOf(shape));
    forEachTap(depthwiseGeometry(shape, attrs), (xi, wi, yi) => {
      dx[xi] = (dx[xi] as number) + ((dy as RefTensor).data[yi] as number) * ((w as RefTensor).data[wi] as number);
    });
    return [dx];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.outputs[0] as TensorType).shape, ctx.attrs);
    ctx.step('depthwise_conv2d_f32_grad_input', {
      ...g,
      x: ctx.out(),
      w: ctx.in(1),
      y: ctx.in(0),
      scratch: ctx.scratch(depthwiseScratch),
      ...unused,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: (_, attrs, [dx]) => macsOf(depthwiseGeometry((dx as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** dw from x and dy. */
export const depthwiseGradWeight: Op<DepthwiseAttributes> = defineOp<DepthwiseAttributes>({
  name: 'depthwiseGradWeight',
  attrs: depthwiseDefaults,
  infer: (inputs, attrs) => [{ dtype: 'f32', shape: [...attrs.kernel, nhwc(expectInput(inputs, 0).shape).channels * attrs.multiplier] }],
  ref([x, dy], attrs, [out]) {
    const dw = new Float64Array(sizeOf((out as TensorType).shape));
    forEachTap(depthwiseGeometry((x as RefTensor).shape, attrs), (xi, wi, yi) => {
      dw[wi] = (dw[wi] as number) + ((x as RefTensor).data[xi] as number) * ((dy as RefTensor).data[yi] as number);
    });
    return [dw];
  },
  lower(ctx) {
    const g = depthwiseGeometry((ctx.inputs[0] as TensorType).shape, ctx.attrs);
    ctx.step('depthwise_conv2d_f32_grad_weight', {
      ...g,
      x: ctx.in(0),
      w: ctx.out(),
      y: ctx.in(1),
      scratch: ctx.scratch(depthwiseScratch),
      ...unused,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: ([x], attrs) => macsOf(depthwiseGeometry((x as TensorType).shape, attrs)),
  tolerance: { rtol: 1e-4, atol: 1e-4 },
});
