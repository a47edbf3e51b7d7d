import { ThimbleError } from '../../core/errors.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import {
  abs,
  add,
  broadcast,
  cast,
  floor,
  gather,
  greaterOrEqual,
  matmul,
  max,
  min,
  mod,
  mul,
  round,
  slice,
  sub,
  transpose,
} from '../../ops/index.ts';
import type { NodeContext, Rows } from './context.ts';
import { table } from './counted.ts';
import { reshapedTo } from './shapes.ts';

/** Sampling positions [N, ..., 2 or 3] of an affine transformation (Jaderberg et al. 2015). */
function affineGrid(n: NodeContext): Value {
  const theta = n.f32(0);
  const size = n.numbers(1);
  const align = n.int('align_corners', 0) !== 0;
  const spatial = size.slice(2);
  const rank = spatial.length;
  const centre = (i: number, extent: number) => (align ? (extent > 1 ? -1 + (2 * i) / (extent - 1) : -1) : -1 + (2 * i + 1) / extent);
  const total = sizeOf(spatial);
  const strides = spatial.map((_, i) => sizeOf(spatial.slice(i + 1)));
  // Positions are (x, y[, z], 1): the last spatial axis comes first.
  const points = table(total, (p) => [
    ...spatial.map((extent, i) => centre(Math.floor(p / (strides[i] as number)) % extent, extent)).reverse(),
    1,
  ]).flat();
  const base = n.constant(points, [total, rank + 1]);
  const [batch = 1] = size;
  const rows = spread(base, batch);
  const y = matmulTransposed(rows, theta);
  return reshapedTo(y, [batch, ...spatial, rank]);
}

const spread = (matrix: Value, batch: number): Value =>
  broadcast(reshapedTo(matrix, [1, ...matrix.shape]), { shape: [batch, ...matrix.shape] });
const matmulTransposed = (a: Value, b: Value): Value => matmul([a, b], { transposeB: true });

/** Samples x [N, C, ...spatial] at grid [N, ...out, rank], positions from -1 to 1. */
function gridSample(n: NodeContext): Value {
  const x = n.f32(0);
  const grid = n.f32(1);
  const rank = x.shape.length - 2;
  const align = n.int('align_corners', 0) !== 0;
  const mode = n.text('mode', 'linear').replace(/^bi(?=linear|cubic)/, '');
  const padding = n.text('padding_mode', 'zeros');
  const out = grid.shape.slice(1, -1);
  const points = [grid.shape[0] as number, sizeOf(out)];
  // Grid columns are (x, y[, z]): the last spatial axis comes first.
  const spatial = x.shape.slice(2);
  const positions = spatial.map((extent, axis) => {
    const column = reshapedTo(
      slice(reshapedTo(grid, [...points, rank]), { starts: [0, 0, rank - 1 - axis], sizes: [...points, 1] }),
      points,
    );
    const scaled = align
      ? mul([add([column, n.graph.scalar(1)]), n.graph.scalar((extent - 1) / 2)])
      : sub([mul([add([column, n.graph.scalar(1)]), n.graph.scalar(extent / 2)]), n.graph.scalar(0.5)]);
    return scaled;
  });
  const border = (position: Value, extent: number): Value => {
    if (padding === 'border') return max([min([position, n.graph.scalar(extent - 1)]), n.graph.scalar(0)]);
    if (padding !== 'reflection') return position;
    return reflected(position, align ? 0 : -0.5, align ? extent - 1 : extent - 0.5);
  };
  const bounded = positions.map((position, axis) => (mode === 'cubic' ? position : border(position, spatial[axis] as number)));
  const corners = bounded.map((position) => cornersOf(position, mode));
  const channelsLast = reshapedTo(transpose(x, { perm: [0, ...spatial.map((_, i) => i + 2), 1] }), [
    sizeOf([x.shape[0] as number, ...spatial]),
    x.shape[1] as number,
  ]);
  const batchOffset = n.integers(
    table(points[0] as number, (i) => i * sizeOf(spatial)),
    [points[0] as number, 1],
  );
  const combos = corners.reduce<{ index: Value; weight: Value | null }[][]>(
    (all, list) => all.flatMap((head) => list.map((corner) => [...head, corner])),
    [[]],
  );
  const parts = combos.map((combo) => {
    let flat: Value = batchOffset;
    let weight: Value | null = null;
    combo.forEach(({ index, weight: w }, axis) => {
      const extent = spatial[axis] as number;
      const whole = mode === 'cubic' && padding !== 'zeros' ? round(border(index, extent)) : index;
      const limit = max([min([whole, n.graph.scalar(extent - 1)]), n.graph.scalar(0)]);
      const stride = sizeOf(spatial.slice(axis + 1));
      flat = add([flat, mul([cast(limit, { to: 'i32' }), n.integers([stride], [])])]);
      weight = product(weight, w);
      if (padding === 'zeros')
        weight = product(weight, mul([greaterOrEqual([whole, n.graph.scalar(0)]), greaterOrEqual([n.graph.scalar(extent - 1), whole])]));
    });
    const picked = gather([channelsLast, flat], { axis: 0 });
    return weight ? mul([picked, reshapedTo(weight, [...points, 1])]) : picked;
  });
  const sum = parts.reduce((a, b) => add([a, b]));
  const y = transpose(sum, { perm: [0, 2, 1] });
  return reshapedTo(y, [...x.shape.slice(0, 2), ...out]);
}

const product = (a: Value | null, b: Value | null): Value | null => (a && b ? mul([a, b]) : (a ?? b));

/** Folds positions back into low..high. */
function reflected(position: Value, low: number, high: number): Value {
  const { graph } = position;
  const span = high - low;
  if (span <= 0) return mul([position, graph.scalar(0)]);
  const phase = mod([abs(sub([position, graph.scalar(low)])), graph.scalar(2 * span)], { fmod: true });
  return add([sub([graph.scalar(span), abs(sub([phase, graph.scalar(span)]))]), graph.scalar(low)]);
}

/** The whole positions around `position` along one axis and their weights. */
export function cornersOf(position: Value, mode: string): { index: Value; weight: Value | null }[] {
  const { graph } = position;
  if (mode === 'nearest') return [{ index: round(position), weight: null }];
  const base = floor(position);
  const t = sub([position, base]);
  if (mode === 'linear') {
    return [
      { index: base, weight: sub([graph.scalar(1), t]) },
      { index: add([base, graph.scalar(1)]), weight: t },
    ];
  }
  if (mode !== 'cubic') throw new ThimbleError('UNSUPPORTED_ATTR', `mode "${mode}"`, { expected: 'nearest, linear or cubic' });
  return [-1, 0, 1, 2].map((k) => ({
    index: add([base, graph.scalar(k)]),
    weight: cubicOf(abs(sub([graph.scalar(k), t])), k === 0 || k === 1),
  }));
}

/** Keys' kernel with a = -0.75 at distance t, which is at most 1 where `near`. */
function cubicOf(t: Value, near: boolean): Value {
  const a = -0.75;
  const coefficients = near ? [1, 0, -(a + 3), a + 2] : [-4 * a, 8 * a, -5 * a, a];
  return polynomial(t, coefficients);
}

/** Σ c[i] tⁱ by Horner's rule. */
function polynomial(t: Value, coefficients: readonly number[]): Value {
  const { graph } = t;
  return [...coefficients]
    .reverse()
    .slice(1)
    .reduce((sum, c) => add([mul([sum, t]), graph.scalar(c)]), graph.scalar(coefficients.at(-1) as number));
}

export const sampling: Rows = {
  AffineGrid: affineGrid,
  GridSample: gridSample,
};
