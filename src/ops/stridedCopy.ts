import type { Shape } from '../core/shape.ts';
import { type Address, type LowerContext, offsetBy } from './step.ts';
import { axes6, walks } from './strided.ts';

/**
 * Appends the step that copies (or, with `add`, adds) a box of `shape` between two strided views: element strides, may be negative or 0.
 * Elements have 4 bytes. An empty box takes no step.
 */
export function stridedCopy(
  ctx: LowerContext<never> | LowerContext<unknown>,
  x: Address,
  y: Address,
  shape: Shape,
  xStrides: readonly number[],
  yStrides: readonly number[],
  add = false,
): void {
  if (shape.includes(0)) return;
  for (const walk of walks(shape, [xStrides, yStrides])) {
    const [from, to] = walk.strides as [number[], number[]];
    const [fromStart, toStart] = walk.starts as [number, number];
    const isOne = walk.shape.length === 0;
    ctx.step(add ? 'strided_add_f32' : 'strided_copy', {
      x: offsetBy(x, 4 * fromStart),
      y: offsetBy(y, 4 * toStart),
      ...axes6('n', walk.shape, 1),
      ...axes6('s', isOne ? [1] : from, 0),
      ...axes6('t', isOne ? [1] : to, 0),
    });
  }
}
