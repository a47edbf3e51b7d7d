import type { Shape } from '../core/shape.ts';
import type { Address, LowerContext } from './step.ts';
import { axes6, mergeAxes } from './strided.ts';

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
  const merged = mergeAxes(shape, [xStrides, yStrides]);
  const [from, to] = merged.strides as [number[], number[]];
  if (merged.shape.length === 0) {
    from.push(1);
    to.push(1);
  }
  ctx.step(add ? 'strided_add_f32' : 'strided_copy', {
    x,
    y,
    ...axes6('n', merged.shape, 1),
    ...axes6('s', from, 0),
    ...axes6('t', to, 0),
  });
}
