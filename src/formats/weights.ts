import { PANEL, packPanels, panelShape } from '../core/panels.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../ir/graph.ts';
import { constantTransposed } from '../ops/constants.ts';
import { pad, reshape, transpose } from '../ops/index.ts';

/** Axes permuted: of a constant at import, of another value when the model runs. */
export function permuted(value: Value, perm: readonly number[]): Value {
  if (perm.every((axis, i) => axis === i)) return value;
  return value.origin.kind === 'const' ? constantTransposed(value, perm) : transpose(value, { perm });
}

/**
 * Weights [..., N] in panels (`core/panels.ts`), whose last axis is the output axis in `groups` groups: packed at import where they are
 * constant, else by the program itself.
 */
export function panels(weights: Value, groups = 1): Value {
  const { origin, shape, graph, name } = weights;
  const packed: Shape = panelShape(shape, groups);
  if (origin.kind === 'const') {
    return graph.constant({ dtype: 'f32', shape: packed, data: packPanels(origin.data as Float32Array, shape, groups) }, name);
  }
  const [, count, depth] = packed as [number, number, number, number];
  const columns = (shape.at(-1) as number) / groups;
  const apart = reshape(weights, { shape: [depth, groups, columns] });
  const missing = count * PANEL - columns;
  const whole = missing
    ? pad(apart, {
        pads: [
          [0, 0],
          [0, 0],
          [0, missing],
        ],
      })
    : apart;
  return transpose(reshape(whole, { shape: [depth, groups, count, PANEL] }), { perm: [1, 2, 0, 3] });
}
