import { bytesPerElement, type DType } from '../core/dtype.ts';
import type { Shape } from '../core/shape.ts';
import { type Address, type LowerContext, offsetBy } from './step.ts';
import { axes6, mergeAxes, walks } from './strided.ts';

export interface CopyOptions {
  readonly dtype?: DType;
  /** Add (f32) to what y holds. */
  readonly add?: boolean;
}

/**
 * Appends the step that copies (or, with `add`, adds) a box of `shape` between two strided views: element strides, may be negative or 0.
 * An empty box takes no step. Small elements move as words where runs and strides are whole words.
 */
export function stridedCopy(
  ctx: LowerContext<never> | LowerContext<unknown>,
  x: Address,
  y: Address,
  shape: Shape,
  xStrides: readonly number[],
  yStrides: readonly number[],
  { dtype = 'f32', add = false }: CopyOptions = {},
): void {
  if (shape.includes(0)) return;
  const bytes = bytesPerElement(dtype);
  const box: Box = bytes === 4 ? { shape, strides: [xStrides, yStrides], unit: 4 } : inBytes(shape, [xStrides, yStrides], bytes);
  for (const walk of walks(box.shape, box.strides)) {
    const [from, to] = walk.strides as [number[], number[]];
    const [fromStart, toStart] = walk.starts as [number, number];
    const isOne = walk.shape.length === 0;
    ctx.step(add ? 'strided_add_f32' : box.unit === 4 ? 'strided_copy' : 'strided_copy_u8', {
      x: offsetBy(x, box.unit * fromStart),
      y: offsetBy(y, box.unit * toStart),
      ...axes6('n', walk.shape, 1),
      ...axes6('s', isOne ? [1] : from, 0),
      ...axes6('t', isOne ? [1] : to, 0),
    });
  }
}

interface Box {
  readonly shape: Shape;
  readonly strides: readonly (readonly number[])[];
  /** Bytes that move at a time. */
  readonly unit: 1 | 4;
}

/** A box of small elements as one of bytes; of words, where its innermost runs are dense and everything is a multiple of four. */
function inBytes(given: Shape, elements: readonly (readonly number[])[], bytes: number): Box {
  const { shape, strides } = mergeAxes(
    [...given, bytes],
    elements.map((own) => [...own.map((stride) => stride * bytes), 1]),
  );
  const last = shape.length - 1;
  const isDense = last >= 0 && strides.every((own) => own[last] === 1);
  const whole = (own: readonly number[]) => own.every((stride, axis) => axis === last || stride % 4 === 0);
  if (!isDense || (shape[last] as number) % 4 || !strides.every(whole)) return { shape, strides, unit: 1 };
  return {
    shape: shape.map((extent, axis) => (axis === last ? extent / 4 : extent)),
    strides: strides.map((own) => own.map((stride, axis) => (axis === last ? 1 : stride / 4))),
    unit: 4,
  };
}
