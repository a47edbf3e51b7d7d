import type { Shape } from './shape.ts';
import { sizeOf } from './shape.ts';

/** Columns of a panel: two v128 of f32, the width of the matmul micro-kernel. */
export const PANEL = 8;

/**
 * Memory shape of a weight of logical `shape` (the last axis is the output axis) in panel layout: `[groups, panels, K, 8]`, where
 * K is the product of the other axes and the N/groups columns of a group fill `panels = ceil(N / groups / 8)` panels, the last padded with 0.
 */
export function panelShape(shape: Shape, groups = 1): [number, number, number, number] {
  const columns = (shape.at(-1) as number) / groups;
  return [groups, Math.ceil(columns / PANEL), sizeOf(shape.slice(0, -1)), PANEL];
}

/** Calls `visit(row, panel, width)` for each run of a K×N matrix that lies side by side in both: its first indexes, and its length. */
function eachRun(shape: Shape, groups: number, visit: (row: number, panel: number, width: number) => void): void {
  const [, panels, depth] = panelShape(shape, groups);
  const columns = shape.at(-1) as number;
  const perGroup = columns / groups;
  for (let group = 0; group < groups; group++) {
    for (let panel = 0; panel < panels; panel++) {
      const width = Math.min(PANEL, perGroup - panel * PANEL);
      const [column, start] = [group * perGroup + panel * PANEL, (group * panels + panel) * depth * PANEL];
      for (let k = 0; k < depth; k++) visit(k * columns + column, start + k * PANEL, width);
    }
  }
}

/** Row-major weights of logical `shape` → panels. */
export function packPanels<T extends Float32Array | Float64Array>(data: T, shape: Shape, groups = 1): T {
  const packed = new (data.constructor as new (n: number) => T)(sizeOf(panelShape(shape, groups)));
  eachRun(shape, groups, (row, panel, width) => {
    for (let i = 0; i < width; i++) packed[panel + i] = data[row + i] as number;
  });
  return packed;
}

/** Panels → row-major weights of logical `shape`; the padding is dropped. */
export function unpackPanels<T extends Float32Array | Float64Array>(packed: T, shape: Shape, groups = 1): T {
  const data = new (packed.constructor as new (n: number) => T)(sizeOf(shape));
  eachRun(shape, groups, (row, panel, width) => {
    for (let i = 0; i < width; i++) data[row + i] = packed[panel + i] as number;
  });
  return data;
}
