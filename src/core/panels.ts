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

/** Calls `visit(rowMajorIndex, panelIndex)` for every element of a K×N matrix. */
function eachElement(shape: Shape, groups: number, visit: (row: number, panel: number) => void): void {
  const [, panels, depth] = panelShape(shape, groups);
  const columns = shape.at(-1) as number;
  const perGroup = columns / groups;
  const starts = Int32Array.from({ length: columns }, (_, n) => {
    const column = n % perGroup;
    const panel = Math.floor(n / perGroup) * panels + Math.floor(column / PANEL);
    return panel * depth * PANEL + (column % PANEL);
  });
  for (let k = 0; k < depth; k++) {
    for (let n = 0; n < columns; n++) visit(k * columns + n, (starts[n] as number) + k * PANEL);
  }
}

/** Row-major weights of logical `shape` → panels. */
export function packPanels<T extends Float32Array | Float64Array>(data: T, shape: Shape, groups = 1): T {
  const packed = new (data.constructor as new (n: number) => T)(sizeOf(panelShape(shape, groups)));
  eachElement(shape, groups, (row, panel) => {
    packed[panel] = data[row] as number;
  });
  return packed;
}

/** Panels → row-major weights of logical `shape`; the padding is dropped. */
export function unpackPanels<T extends Float32Array | Float64Array>(packed: T, shape: Shape, groups = 1): T {
  const data = new (packed.constructor as new (n: number) => T)(sizeOf(shape));
  eachElement(shape, groups, (row, panel) => {
    data[row] = packed[panel] as number;
  });
  return data;
}
