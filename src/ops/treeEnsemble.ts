import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op } from './define.ts';

export interface TreeEnsembleAttributes {
  readonly targets: number;
  /** What becomes of a target's votes. A target without votes is 0. */
  readonly aggregate: 'sum' | 'average' | 'min' | 'max';
}

/** How a node compares its feature with its threshold, in the order of their numbers in `nodes`. */
export const COMPARISONS = ['LEQ', 'LT', 'GTE', 'GT', 'EQ', 'NEQ'] as const;
/** Added to the number of a comparison that NaN passes. */
export const NAN_PASSES = 8;

const AGGREGATES = ['sum', 'average', 'min', 'max'] as const;

/** @throws SHAPE where the tables do not fit each other. */
function sizes(inputs: readonly TensorType[], { targets }: TreeEnsembleAttributes) {
  const [rows, features] = expectInput(inputs, 0, 'f32', 2).shape as [number, number];
  const nodes = expectInput(inputs, 1, 'i32', 2).shape as [number, number];
  const thresholds = expectInput(inputs, 2, 'f32', 1).shape;
  const trees = expectInput(inputs, 3, 'i32', 1).shape[0] as number;
  const leaves = expectInput(inputs, 4, 'i32', 1).shape[0] as number;
  const votes = expectInput(inputs, 5, 'i32', 1).shape[0] as number;
  const weights = expectInput(inputs, 6, 'f32', 1).shape;
  if (nodes[1] !== 4 || thresholds[0] !== nodes[0] || leaves < 1 || weights[0] !== votes || (features < 1 && nodes[0] > 0)) {
    throw new ThimbleError('SHAPE', 'the tables of the trees do not fit each other', {
      expected: '[N, F], [nodes, 4], [nodes], [trees], [leaves + 1], [votes], [votes]',
      got: inputs.map(({ shape }) => formatShape(shape)).join(', '),
    });
  }
  return { rows, features, nodeCount: nodes[0], trees, leafCount: leaves - 1, votes, targetCount: targets };
}

const TESTS: readonly ((value: number, threshold: number) => boolean)[] = [
  (a, b) => a <= b,
  (a, b) => a < b,
  (a, b) => a >= b,
  (a, b) => a > b,
  (a, b) => a === b,
  (a, b) => a !== b,
];

/** The leaf that a row reaches from node or leaf `at`, or undefined. */
function leafOf(row: Float64Array, nodes: Float64Array, thresholds: Float64Array, root: number): number | undefined {
  let at = root;
  while (at >= 0) {
    const [feature, mode, yes, no] = nodes.subarray(at * 4) as unknown as [number?, number?, number?, number?];
    if (feature === undefined) return undefined;
    const value = row[feature < 0 ? row.length - 1 : Math.min(feature, row.length - 1)] as number;
    const nanPasses = ((mode as number) & NAN_PASSES) !== 0 && Number.isNaN(value);
    const next = (nanPasses || TESTS[(mode as number) & 7]?.(value, thresholds[at] as number) ? yes : no) as number;
    if (next >= 0 && next <= at) return undefined;
    at = next;
  }
  return ~at;
}

/**
 * Decision trees (ONNX TreeEnsemble): each row goes down every tree, and the leaves it reaches vote for targets. Inputs:
 * x [N, F]; nodes i32 [nodes, 4] of feature, comparison (`COMPARISONS`, plus `NAN_PASSES`), and what follows where it holds and where it does
 * not: a node, or ~leaf; thresholds f32 [nodes]; roots i32 [trees], nodes or ~leaves; leaves i32 [leaves + 1], where in the lists of votes each
 * leaf begins; targets i32 [votes] and weights f32 [votes]. Output [N, targets].
 *
 * A node comes before what follows it: a walk that goes back reaches no leaf, nor does one that leaves the tables. Features are limited to 0..F-1.
 */
export const treeEnsemble: Op<TreeEnsembleAttributes> = defineOp<TreeEnsembleAttributes>({
  name: 'treeEnsemble',
  attrs: { targets: 1, aggregate: 'sum' },
  infer(inputs, attrs) {
    if (!AGGREGATES.includes(attrs.aggregate)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', `aggregate "${attrs.aggregate}"`, { expected: AGGREGATES.join(', ') });
    }
    const { rows, targetCount } = sizes(inputs, attrs);
    return [{ dtype: 'f32', shape: [rows, targetCount] }];
  },
  ref(inputs, attrs) {
    const { rows, features, trees, leafCount, votes, targetCount } = sizes(inputs, attrs);
    const [x, nodes, thresholds, roots, leaves, targets, weights] = inputs.map(({ data }) => data) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const results = (list: readonly number[]) => ({
      sum: () => list.reduce((a, b) => a + b, 0),
      average: () => list.reduce((a, b) => a + b, 0) / Math.max(trees, 1),
      min: () => (list.length ? Math.min(...list) : 0),
      max: () => (list.length ? Math.max(...list) : 0),
    });
    const y: number[] = [];
    for (let i = 0; i < rows; i++) {
      const ballot = Array.from({ length: targetCount }, (): number[] => []);
      for (const root of roots) {
        const leaf = leafOf(x.subarray(i * features, (i + 1) * features), nodes, thresholds, root);
        if (leaf === undefined || leaf >= leafCount) continue;
        const [from, to] = [leaves[leaf] as number, leaves[leaf + 1] as number];
        for (let v = from; from >= 0 && v < (to < 0 ? votes : Math.min(to, votes)); v++)
          ballot[targets[v] as number]?.push(weights[v] as number);
      }
      for (const list of ballot) y.push(results(list)[attrs.aggregate]());
    }
    return [Float64Array.from(y)];
  },
  lower(ctx) {
    ctx.step('tree_ensemble_f32', {
      x: ctx.in(0),
      nodes: ctx.in(1),
      thresholds: ctx.in(2),
      roots: ctx.in(3),
      leaves: ctx.in(4),
      targets: ctx.in(5),
      weights: ctx.in(6),
      y: ctx.out(),
      ...sizes(ctx.inputs, ctx.attrs),
      aggregate: AGGREGATES.indexOf(ctx.attrs.aggregate),
    });
  },
  grad: { none: 'a decision has no slope' },
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});
