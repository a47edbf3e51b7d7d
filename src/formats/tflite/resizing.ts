import type { Value } from '../../ir/graph.ts';
import { resize } from '../../ops/index.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { taken } from './movement.ts';
import { resizeBilinearOptions, resizeNearestNeighborOptions } from './options.ts';
import { quantizedBilinear } from './quantizedResize.ts';
import { fourAxes } from './windows.ts';

interface Resizing {
  readonly size: readonly [number, number];
  readonly alignCorners: boolean;
  readonly halfPixel: boolean;
}

function resizingOf(n: NodeContext, { alignCorners, halfPixelCenters }: { alignCorners: number; halfPixelCenters: number }): Resizing {
  fourAxes(n.shape(0), 'resizing');
  const [height = 0, width = 0] = n.numbers(1);
  if (height < 1 || width < 1) throw damaged(`a size of ${height}×${width}`);
  n.allow(8 * (height + width));
  if (alignCorners && halfPixelCenters) throw damaged('aligned corners and half-pixel centres');
  return { size: [height, width], alignCorners: alignCorners !== 0, halfPixel: halfPixelCenters !== 0 };
}

/** What a step in the output is in the input, in f32 as the reference computes it. */
const scaleOfAxis = (from: number, to: number, alignCorners: boolean): number =>
  Math.fround(alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to);

function bilinear(n: NodeContext): Result {
  const resizing = resizingOf(n, n.options(resizeBilinearOptions));
  if (n.x(0).dtype !== 'f32') return quantizedBilinear(n, resizing);
  // A single aligned row lies at 0, as it does for the operator.
  return resize(n.f32(0), {
    size: resizing.size,
    mode: 'bilinear',
    coordinates: resizing.alignCorners ? 'alignCorners' : resizing.halfPixel ? 'halfPixel' : 'asymmetric',
  });
}

/** Input row of each output row (GetNearestNeighbor of the reference). */
function nearestRows(from: number, to: number, { alignCorners, halfPixel }: Resizing): number[] {
  const scale = scaleOfAxis(from, to, alignCorners);
  return Array.from({ length: to }, (_, i) => {
    const at = Math.fround(Math.fround(i + (halfPixel ? 0.5 : 0)) * scale);
    return Math.max(0, Math.min(alignCorners ? Math.round(at) : Math.floor(at), from - 1));
  });
}

function nearest(n: NodeContext): Result {
  const resizing = resizingOf(n, n.options(resizeNearestNeighborOptions));
  const operand = n.operand(0);
  const value = [1, 2].reduce((x: Value, axis) => {
    const rows = nearestRows(x.shape[axis] as number, resizing.size[axis - 1] as number, resizing);
    return rows.every((row, i) => row === i) && rows.length === x.shape[axis] ? x : taken(n, x, rows, axis);
  }, operand.value);
  return { ...operand, value };
}

export const resizing: Rows = { RESIZE_BILINEAR: bilinear, RESIZE_NEAREST_NEIGHBOR: nearest };
