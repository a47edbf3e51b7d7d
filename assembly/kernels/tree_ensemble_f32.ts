// Decision trees (ONNX TreeEnsemble): each row of x goes down every tree, the leaves it reaches vote for targets.
import { TreeEnsemble } from '../records';

enum Compare {
  LESS_OR_EQUAL,
  LESS,
  GREATER_OR_EQUAL,
  GREATER,
  EQUAL,
  NOT_EQUAL,
}
/** Added to a comparison that NaN passes. */
const NAN_PASSES: u32 = 8;

enum Aggregate {
  SUM,
  AVERAGE,
  MIN,
  MAX,
}

function passes(mode: u32, value: f32, threshold: f32): bool {
  if (mode & NAN_PASSES && value != value) return true;
  switch (mode & 7) {
    case Compare.LESS_OR_EQUAL:
      return value <= threshold;
    case Compare.LESS:
      return value < threshold;
    case Compare.GREATER_OR_EQUAL:
      return value >= threshold;
    case Compare.GREATER:
      return value > threshold;
    case Compare.EQUAL:
      return value == threshold;
    case Compare.NOT_EQUAL:
      return value != threshold;
    default:
      return false;
  }
}

/** The leaf that row `x` reaches from `at`, or u32.MAX_VALUE. Nodes come before their children: a step back ends the walk, so none goes on forever. */
function leafOf(r: TreeEnsemble, x: usize, at: i32): u32 {
  while (at >= 0) {
    if (<u32>at >= r.nodeCount) return u32.MAX_VALUE;
    const node = r.nodes + ((<usize>at) << 4);
    const value = load<f32>(x + (min<u32>(load<u32>(node), r.features - 1) << 2));
    const threshold = load<f32>(r.thresholds + ((<usize>at) << 2));
    const next = passes(load<u32>(node, 4), value, threshold) ? load<i32>(node, 8) : load<i32>(node, 12);
    if (next >= 0 && next <= at) return u32.MAX_VALUE;
    at = next;
  }
  return ~at;
}

@inline
function sums(aggregate: u32): bool {
  return aggregate == Aggregate.SUM || aggregate == Aggregate.AVERAGE;
}

/** Until the first vote, minima and maxima are NaN. */
@inline
function counted(aggregate: u32, total: f32, weight: f32): f32 {
  if (sums(aggregate)) return total + weight;
  if (total != total) return weight;
  return aggregate == Aggregate.MIN ? min<f32>(total, weight) : max<f32>(total, weight);
}

/** Adds the votes of a leaf to the targets at y. */
function vote(r: TreeEnsemble, leaf: u32, y: usize): void {
  if (leaf >= r.leafCount) return;
  const end = min<u32>(load<u32>(r.leaves + ((<usize>leaf + 1) << 2)), r.votes);
  for (let i = load<u32>(r.leaves + ((<usize>leaf) << 2)); i < end; i++) {
    const target = load<u32>(r.targets + ((<usize>i) << 2));
    if (target >= r.targetCount) continue;
    const p = y + ((<usize>target) << 2);
    store<f32>(p, counted(r.aggregate, load<f32>(p), load<f32>(r.weights + ((<usize>i) << 2))));
  }
}

/** Targets that no leaf voted for are 0. */
function finish(r: TreeEnsemble, y: usize): void {
  const trees = <f32>max<u32>(r.trees, 1);
  for (let i: u32 = 0; i < r.targetCount; i++) {
    const total = load<f32>(y);
    if (r.aggregate == Aggregate.AVERAGE) store<f32>(y, total / trees);
    else if (!sums(r.aggregate) && total != total) store<f32>(y, 0);
    y += 4;
  }
}

function row(r: TreeEnsemble, x: usize, y: usize): void {
  const start: f32 = sums(r.aggregate) ? 0 : NaN;
  for (let i: usize = 0; i < r.targetCount; i++) store<f32>(y + (i << 2), start);
  for (let i: usize = 0; i < r.trees; i++) vote(r, leafOf(r, x, load<i32>(r.roots + (i << 2))), y);
  finish(r, y);
}

export function tree_ensemble_f32(r: TreeEnsemble): void {
  for (let i: usize = 0; i < r.rows; i++) row(r, r.x + ((i * r.features) << 2), r.y + ((i * r.targetCount) << 2));
}
