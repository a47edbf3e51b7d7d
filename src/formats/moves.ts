import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { pad, reshape, slice } from '../ops/index.ts';

/** `value` under another shape; itself where it has that shape. */
export const reshapedTo = (value: Value, shape: Shape): Value =>
  value.shape.length === shape.length && value.shape.every((n, i) => n === shape[i]) ? value : reshape(value, { shape });

export const padModes = { constant: 'constant', reflect: 'reflect', edge: 'edge', wrap: 'wrap' } as const;

/** Pads, or cuts where a pad is negative. */
export function padded(x: Value, pads: readonly (readonly [number, number])[], mode: keyof typeof padModes, value: number): Value {
  const cut = pads.some(([before, after]) => before < 0 || after < 0)
    ? slice(x, {
        starts: pads.map(([before]) => Math.max(0, -before)),
        sizes: x.shape.map((extent, i) => extent + Math.min(0, pads[i]?.[0] ?? 0) + Math.min(0, pads[i]?.[1] ?? 0)),
      })
    : x;
  const positive = pads.map(([before, after]) => [Math.max(0, before), Math.max(0, after)] as const);
  return positive.every(([before, after]) => before + after === 0) ? cut : pad(cut, { pads: positive, mode: padModes[mode], value });
}

/** `size` elements of one axis from `start` on. */
export const part = (x: Value, axis: number, start: number, size: number): Value =>
  start === 0 && size === x.shape[axis]
    ? x
    : slice(x, {
        starts: x.shape.map((_, i) => (i === axis ? start : 0)),
        sizes: x.shape.map((extent, i) => (i === axis ? size : extent)),
      });
