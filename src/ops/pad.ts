import { bytesPerElement } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { defineOp, expectAny, type Op, type RefTensor } from './define.ts';
import { offsetBy } from './step.ts';
import { stridedCopy } from './stridedCopy.ts';

export interface PadAttributes {
  /** Elements added before and after each axis. */
  readonly pads: readonly (readonly [number, number])[];
  /** `reflect` mirrors without repeating the border, `edge` repeats it, `wrap` starts again from the other end. */
  readonly mode: 'constant' | 'reflect' | 'edge' | 'wrap';
  /** The constant, in x's dtype. */
  readonly value: number;
}

const padded = (shape: Shape, pads: PadAttributes['pads']): number[] =>
  shape.map((extent, i) => extent + (pads[i]?.[0] ?? 0) + (pads[i]?.[1] ?? 0));

/** The input coordinate that output coordinate `i` of an axis shows, or -1 for the constant. */
function source(i: number, extent: number, mode: PadAttributes['mode']): number {
  if (i >= 0 && i < extent) return i;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return i < 0 ? 0 : extent - 1;
  if (mode === 'wrap') return ((i % extent) + extent) % extent;
  return i < 0 ? -i : 2 * (extent - 1) - i;
}

/** Calls `visit` with each output index and the input index it shows (-1: the constant). */
function forEachElement(shape: Shape, { pads, mode }: PadAttributes, visit: (y: number, x: number) => void): void {
  const out = padded(shape, pads);
  const strides = stridesOf(shape);
  const own = stridesOf(out);
  for (let i = 0; i < sizeOf(out); i++) {
    let at = 0;
    for (let axis = 0; axis < out.length && at >= 0; axis++) {
      const from = source(
        (Math.floor(i / (own[axis] as number)) % (out[axis] as number)) - (pads[axis]?.[0] ?? 0),
        shape[axis] as number,
        mode,
      );
      at = from < 0 ? -1 : at + from * (strides[axis] as number);
    }
    visit(i, at);
  }
}

interface Strip {
  /** Extents of the box to copy. */
  readonly shape: readonly number[];
  /** Element offsets of its first element at the border and inside, and the inside's stride along the axis. */
  readonly border: number;
  readonly inside: number;
  readonly step: number;
  readonly axis: number;
}

/**
 * The borders of a reflect, edge or wrap padding, axis by axis: each strip of the padded tensor repeats a strip of it that is complete once
 * the strips before are done.
 */
function strips(shape: Shape, { pads, mode }: PadAttributes): Strip[] {
  const out = padded(shape, pads);
  const strides = stridesOf(out);
  const start = out.map((_, axis) => pads[axis]?.[0] ?? 0);
  return shape.flatMap((extent, axis) => {
    const [before, after] = pads[axis] ?? [0, 0];
    const stride = strides[axis] as number;
    // Axes before this one are whole, axes after it still inside.
    const base = out.reduce((sum, _, k) => sum + (k > axis ? (start[k] as number) * (strides[k] as number) : 0), 0);
    const box = (count: number) => out.map((size, k) => (k < axis ? size : k === axis ? count : (shape[k] as number)));
    const step = { edge: 0, reflect: -stride, wrap: stride, constant: 0 }[mode];
    const strip = (border: number, inside: number, count: number): Strip => {
      return { shape: box(count), border: base + border * stride, inside: base + inside * stride, step, axis };
    };
    const last = before + extent - 1;
    const found: Strip[] = [];
    if (mode === 'wrap') {
      // A border longer than the axis goes round several times.
      for (let left = before; left > 0; left -= extent) {
        const first = Math.max(0, left - extent);
        found.push(strip(first, first + extent, left - first));
      }
      for (let at = 0; at < after; at += extent) found.push(strip(last + 1 + at, last + 1 + at - extent, Math.min(extent, after - at)));
      return found;
    }
    if (before > 0) found.push(strip(0, mode === 'edge' ? before : 2 * before, before));
    if (after > 0) found.push(strip(last + 1, mode === 'edge' ? last : last - 1, after));
    return found;
  });
}

const centre = (shape: Shape, pads: PadAttributes['pads']): number =>
  stridesOf(padded(shape, pads)).reduce((sum, stride, axis) => sum + stride * (pads[axis]?.[0] ?? 0), 0);

const defaults: PadAttributes = { pads: [], mode: 'constant', value: 0 };

/** x with borders. */
export const pad: Op<PadAttributes> = defineOp<PadAttributes>({
  name: 'pad',
  attrs: defaults,
  infer(inputs, { pads, mode }) {
    const { dtype, shape } = expectAny(inputs, 0);
    if (pads.length !== shape.length || pads.flat().some((n) => !Number.isInteger(n) || n < 0)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', 'pads are two numbers >= 0 for each axis', { got: JSON.stringify(pads) });
    }
    const limit = (extent: number) =>
      mode === 'reflect' ? extent - 1 : mode !== 'constant' && extent === 0 ? 0 : Number.POSITIVE_INFINITY;
    const axis = shape.findIndex((extent, i) => Math.max(...(pads[i] as readonly number[])) > limit(extent));
    if (axis >= 0) throw new ThimbleError('SHAPE', `axis ${axis} of extent ${shape[axis]} is too short to ${mode} ${pads[axis]}`);
    return [{ dtype, shape: padded(shape, pads) }];
  },
  ref([x], attrs, [y]) {
    const result = new Float64Array(sizeOf((y as TensorType).shape));
    forEachElement((x as RefTensor).shape, attrs, (to, from) => {
      result[to] = from < 0 ? attrs.value : ((x as RefTensor).data[from] as number);
    });
    return [result];
  },
  lower(ctx) {
    const { dtype, shape } = ctx.inputs[0] as TensorType;
    const { pads, mode, value } = ctx.attrs;
    const out = padded(shape, pads);
    const strides = stridesOf(out);
    const bytes = bytesPerElement(dtype);
    const fill = dtype === 'f32' ? 'fill_f32' : dtype === 'i32' ? 'fill_i32' : 'fill_u8';
    if (mode === 'constant') ctx.step(fill, { y: ctx.out(), length: sizeOf(out), value });
    stridedCopy(ctx, ctx.in(0), ctx.out(0, centre(shape, pads) * bytes), shape, stridesOf(shape), strides, { dtype });
    if (mode === 'constant') return;
    for (const strip of strips(shape, ctx.attrs)) {
      const from = strides.map((stride, axis) => (axis === strip.axis ? strip.step : stride));
      stridedCopy(ctx, ctx.out(0, strip.inside * bytes), ctx.out(0, strip.border * bytes), strip.shape, from, strides, { dtype });
    }
  },
  grad: ({ inputs: [x], attrs }, [dy]) => [padGrad(dy as Value, { ...attrs, shape: (x as Value).shape })],
  tolerance: 'exact',
});

/** dx of `shape`: what was shown several times sums up. */
export const padGrad: Op<PadAttributes & { readonly shape: Shape }> = defineOp<PadAttributes & { readonly shape: Shape }>({
  name: 'padGrad',
  attrs: { ...defaults, shape: [] },
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  ref([dy], attrs) {
    const dx = new Float64Array(sizeOf(attrs.shape));
    forEachElement(attrs.shape, attrs, (from, to) => {
      if (to >= 0) dx[to] = (dx[to] as number) + ((dy as RefTensor).data[from] as number);
    });
    return [dx];
  },
  lower(ctx) {
    const { shape, pads, mode } = ctx.attrs;
    const out = padded(shape, pads);
    const strides = stridesOf(out);
    let from = ctx.in(0);
    const folds = mode === 'constant' ? [] : strips(shape, ctx.attrs).reverse();
    if (folds.length) {
      const folded = ctx.scratch(sizeOf(out) * 4);
      if (folded === 0) return;
      ctx.step('copy_bytes', { x: from, y: folded, bytes: sizeOf(out) * 4 });
      for (const strip of folds) {
        const to = strides.map((stride, axis) => (axis === strip.axis ? strip.step : stride));
        stridedCopy(ctx, offsetBy(folded, strip.border * 4), offsetBy(folded, strip.inside * 4), strip.shape, strides, to, { add: true });
      }
      from = folded;
    }
    stridedCopy(ctx, offsetBy(from, centre(shape, pads) * 4), ctx.out(), shape, strides, stridesOf(shape));
  },
  grad: { none: 'second derivatives are not supported' },
  tolerance: { rtol: 1e-5, atol: 1e-6 },
});
