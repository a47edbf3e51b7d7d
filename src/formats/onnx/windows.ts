import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { slice } from '../../ops/index.ts';
import type { NodeContext } from './context.ts';
import { checkTable, count } from './counted.ts';
import { damaged } from './protobuf.ts';
import { padded } from './shapes.ts';

/** A sliding window over the spatial axes of [N, C, ...]: ONNX attributes made explicit. One entry a spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  /** Padding behind, with what ceil_mode adds, or less where the last rows are not needed. */
  readonly after: readonly number[];
  /** Padding behind that the model states; averages that count padding count this. */
  readonly stated: readonly number[];
  readonly out: readonly number[];
}

/** The window of a convolution or pooling node over spatial extents `spatial`. */
export function windowOf(n: NodeContext, spatial: readonly number[], kernel: readonly number[]): Window {
  const rank = spatial.length;
  const list = (name: string, fallback: number) => {
    const given = n.ints(
      name,
      spatial.map(() => fallback),
    );
    if (given.length !== rank || given.some((value) => !Number.isInteger(value) || value < 1))
      throw damaged(`${name} is [${given}] for ${rank} spatial axes`);
    return given;
  };
  if (kernel.length !== rank || kernel.some((extent) => !Number.isInteger(extent) || extent < 1))
    throw damaged(`a kernel [${kernel}] for ${rank} spatial axes`);
  const strides = list('strides', 1);
  const dilations = list('dilations', 1);
  const span = kernel.map((extent, i) => (extent - 1) * (dilations[i] as number) + 1);
  const auto = n.text('auto_pad', 'NOTSET');
  const pads = n.ints('pads', new Array<number>(2 * rank).fill(0));
  if (pads.length !== 2 * rank || pads.some((value) => !Number.isInteger(value) || value < 0))
    throw damaged(`pads are [${pads}] for ${rank} spatial axes`);
  const ceil = n.int('ceil_mode', 0) !== 0;
  const axes = spatial.map((extent, i) => {
    const stride = strides[i] as number;
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const out = Math.ceil(extent / stride);
      const total = Math.max(0, (out - 1) * stride + (span[i] as number) - extent);
      const less = Math.floor(total / 2);
      const before = auto === 'SAME_UPPER' ? less : total - less;
      return { before, after: total - before, stated: total - before, out };
    }
    const [before, stated] = auto === 'VALID' ? [0, 0] : [pads[i] as number, pads[i + rank] as number];
    const room = extent + before + stated - (span[i] as number);
    let out = Math.floor(room / stride) + 1;
    if (ceil) {
      out = Math.ceil(room / stride) + 1;
      if ((out - 1) * stride >= extent + before) out--;
    }
    if (out < 1) throw new ThimbleError('SHAPE', `a window of [${kernel}] does not fit into ${formatShape(spatial)}`);
    return { before, after: (out - 1) * stride + (span[i] as number) - extent - before, stated, out };
  });
  return {
    kernel,
    strides,
    dilations,
    before: axes.map(({ before }) => before),
    after: axes.map(({ after }) => after),
    stated: axes.map(({ stated }) => stated),
    out: axes.map(({ out }) => out),
  };
}

/** [top, bottom, left, right] of a window over two axes; unused rows at the end count as no padding. */
export const explicitPadding = ({ before, after }: Window): readonly [number, number, number, number] => [
  before[0] as number,
  Math.max(0, after[0] as number),
  before[1] as number,
  Math.max(0, after[1] as number),
];

/** For every position in the window, what it shows: [N, C, ...out], with `fill` outside the tensor. */
export function taps(x: Value, window: Window, fill: number): { value: Value; offset: readonly number[] }[] {
  const { kernel, strides, dilations, before, after, out } = window;
  const lead = x.shape.slice(0, 2);
  const whole = padded(x, [[0, 0], [0, 0], ...before.map((b, i): [number, number] => [b, after[i] as number])], 'constant', fill);
  return positions(kernel).map((offset) => ({
    offset,
    value: slice(whole, {
      starts: [0, 0, ...offset.map((k, i) => k * (dilations[i] as number))],
      sizes: [...lead, ...out],
      steps: [1, 1, ...strides],
    }),
  }));
}

/** Every index into a box, row-major. */
export function positions(extents: readonly number[]): number[][] {
  checkTable(sizeOf(extents));
  return extents.reduce<number[][]>((all, extent) => all.flatMap((head) => count(extent).map((i) => [...head, i])), [[]]);
}
