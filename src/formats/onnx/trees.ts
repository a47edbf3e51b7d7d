import type { Value } from '../../ir/graph.ts';
import { add, argMax, cast, concat, gather, greater, mul, slice, sub, treeEnsemble } from '../../ops/index.ts';
import { COMPARISONS, NAN_PASSES, type TreeEnsembleAttributes } from '../../ops/treeEnsemble.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { checkTable } from './counted.ts';
import type { Operand } from './operand.ts';
import { damaged } from './protobuf.ts';
import { classLabels, rows, transformed } from './scores.ts';
import { reshapedTo } from './shapes.ts';

/** A node that compares. What follows it: the index of a split, or -1 - leaf. */
interface Split {
  readonly feature: number;
  /** As `ops/treeEnsemble.ts` numbers them. */
  readonly comparison: number;
  threshold: number;
  readonly yes: number;
  no: number;
}

interface Vote {
  readonly target: number;
  readonly weight: number;
}

interface Forest {
  readonly splits: Split[];
  /** Splits, or -1 - leaf. */
  readonly roots: readonly number[];
  /** The votes of each leaf. */
  readonly leaves: readonly (readonly Vote[])[];
}

/** Modes by their number in TreeEnsemble of ai.onnx.ml 5, which is that of `ops/treeEnsemble.ts`; one more is BRANCH_MEMBER. */
const BRANCHES: readonly string[] = COMPARISONS.map((name) => `BRANCH_${name}`);
const MEMBER = BRANCHES.length;
const EQUAL = COMPARISONS.indexOf('EQ');

/** @throws FORMAT unless `index` is one of `count`. */
function checked(index: number | undefined, count: number, what: string): number {
  if (index !== undefined && index >= 0 && index < count) return index;
  throw damaged(`${what} ${index} is not one of ${count}`);
}

/** @throws FORMAT unless all lists have `count` elements. */
function sameLength(count: number, lists: Readonly<Record<string, { readonly length: number }>>): void {
  for (const [name, { length }] of Object.entries(lists)) {
    if (length !== count) throw damaged(`${length} ${name} for ${count}`);
  }
}

/** An attribute that is a list of floats, or a tensor under its name and `suffix`. */
function numbers(n: NodeContext, name: string, suffix = '_as_tensor'): ArrayLike<number> {
  if (!n.attribute(name + suffix)) return n.floats(name);
  const { origin } = n.tensor(name + suffix).value;
  return origin.kind === 'const' ? origin.data : [];
}

/** nodes_missing_value_tracks_true of `count` nodes: 0 where the file leaves it out. */
function nanFlags(n: NodeContext, count: number): number[] {
  const flags = n.ints('nodes_missing_value_tracks_true');
  return flags.length ? flags.map((flag) => (flag ? NAN_PASSES : 0)) : new Array<number>(count).fill(0);
}

/** Trees of TreeEnsembleClassifier and TreeEnsembleRegressor: nodes by tree and number, votes in the lists named `kind`_…. */
function forestOfNodes(n: NodeContext, kind: 'class' | 'target', features: number, targets: number): Forest {
  const [treeIds, nodeIds, featureIds] = [n.ints('nodes_treeids'), n.ints('nodes_nodeids'), n.ints('nodes_featureids')];
  const [modes, values] = [n.texts('nodes_modes'), numbers(n, 'nodes_values')];
  const [yes, no] = [n.ints('nodes_truenodeids'), n.ints('nodes_falsenodeids')];
  const flags = nanFlags(n, modes.length);
  sameLength(modes.length, { treeIds, nodeIds, featureIds, values, yes, no, flags });
  const trees = new Map<number, Map<number, number>>();
  let splitCount = 0;
  let leafCount = 0;
  treeIds.forEach((tree, i) => {
    const nodes = trees.get(tree) ?? new Map<number, number>();
    if (nodes.has(nodeIds[i] as number)) throw damaged(`node ${nodeIds[i]} of tree ${tree} occurs twice`);
    nodes.set(nodeIds[i] as number, modes[i] === 'LEAF' ? -1 - leafCount++ : splitCount++);
    trees.set(tree, nodes);
  });
  const find = (tree: number, node: number | undefined): number => {
    const found = trees.get(tree)?.get(node as number);
    if (found === undefined) throw damaged(`tree ${tree} has no node ${node}`);
    return found;
  };
  const splits = modes.flatMap((mode, i): Split[] => {
    if (mode === 'LEAF') return [];
    const comparison = BRANCHES.indexOf(mode);
    if (comparison < 0) n.refuse(`mode "${mode}"`, { expected: [...BRANCHES, 'LEAF'].join(', ') });
    const tree = treeIds[i] as number;
    return [
      {
        feature: checked(featureIds[i], features, 'feature'),
        comparison: comparison + (flags[i] as number),
        threshold: values[i] as number,
        yes: find(tree, yes[i]),
        no: find(tree, no[i]),
      },
    ];
  });
  const leaves = Array.from({ length: leafCount }, (): Vote[] => []);
  const [voteTrees, voteNodes, ids] = [n.ints(`${kind}_treeids`), n.ints(`${kind}_nodeids`), n.ints(`${kind}_ids`)];
  const weights = numbers(n, `${kind}_weights`);
  sameLength(ids.length, { voteTrees, voteNodes, weights });
  ids.forEach((id, i) => {
    const leaf = -1 - find(voteTrees[i] as number, voteNodes[i]);
    // Splits do not vote, whatever their weight.
    leaves[leaf]?.push({ target: checked(id, targets, kind), weight: weights[i] as number });
  });
  const roots = [...trees.values()].map((nodes) => [...nodes.values()][0] as number);
  return { splits, roots, leaves };
}

/** Trees of TreeEnsemble (ai.onnx.ml 5): splits and leaves in lists of their own. */
function forestOfSplits(n: NodeContext, features: number, targets: number): Forest {
  const [modes, thresholds] = [numbers(n, 'nodes_modes', ''), numbers(n, 'nodes_splits', '')];
  const featureIds = n.ints('nodes_featureids');
  const [yes, no] = [n.ints('nodes_truenodeids'), n.ints('nodes_falsenodeids')];
  const [yesIsLeaf, noIsLeaf] = [n.ints('nodes_trueleafs'), n.ints('nodes_falseleafs')];
  const [targetIds, weights] = [n.ints('leaf_targetids'), numbers(n, 'leaf_weights', '')];
  const flags = nanFlags(n, featureIds.length);
  sameLength(featureIds.length, { modes, thresholds, yes, no, yesIsLeaf, noIsLeaf, flags });
  sameLength(targetIds.length, { weights });
  const child = (index: number | undefined, isLeaf: number | undefined): number =>
    isLeaf ? -1 - checked(index, targetIds.length, 'leaf') : checked(index, featureIds.length, 'node');
  const splits = featureIds.map((feature, i): Split => {
    const mode = checked(modes[i], MEMBER + 1, 'mode');
    return {
      feature: checked(feature, features, 'feature'),
      comparison: (mode === MEMBER ? EQUAL : mode) + (flags[i] as number),
      threshold: thresholds[i] as number,
      yes: child(yes[i], yesIsLeaf[i]),
      no: child(no[i], noIsLeaf[i]),
    };
  });
  const members = splits.filter((_, i) => modes[i] === MEMBER);
  addMembers(splits, members, setsOf(n.attribute('membership_values') ? numbers(n, 'membership_values', '') : []));
  const roots = n.ints('tree_roots').map((root) => checked(root, featureIds.length, 'root'));
  const leaves = targetIds.map((id, i) => [{ target: checked(id, targets, 'target'), weight: weights[i] as number }]);
  return { splits, roots, leaves };
}

/** Sets of numbers that each end with NaN; the last may do without. */
function setsOf(values: ArrayLike<number>): number[][] {
  const sets: number[][] = [[]];
  for (const value of Array.from(values)) {
    if (Number.isNaN(value)) sets.push([]);
    else sets.at(-1)?.push(value);
  }
  return sets.at(-1)?.length ? sets : sets.slice(0, -1);
}

/** Membership of a set as a chain of splits, one an element. */
function addMembers(splits: Split[], members: readonly Split[], sets: readonly (readonly number[])[]): void {
  if (sets.length !== members.length) throw damaged(`${sets.length} sets for ${members.length} nodes of mode BRANCH_MEMBER`);
  members.forEach((head, i) => {
    const { no } = head;
    let last = head;
    const [first = Number.NaN, ...others] = sets[i] as readonly number[];
    head.threshold = first;
    for (const threshold of others) {
      last.no = splits.length;
      last = { ...head, threshold, no };
      splits.push(last);
    }
  });
}

/** The splits that the roots lead to, each before what follows it. @throws FORMAT where a split follows itself. */
function inOrder({ splits, roots }: Forest): number[] {
  const state = new Uint8Array(splits.length);
  const [open, done] = [1, 2];
  const order: number[] = [];
  const stack = roots.filter((root) => root >= 0);
  while (stack.length) {
    const at = stack.at(-1) as number;
    if (state[at]) {
      stack.pop();
      if (state[at] === open) order.push(at);
      state[at] = done;
      continue;
    }
    state[at] = open;
    for (const next of [(splits[at] as Split).yes, (splits[at] as Split).no]) {
      if (next < 0 || state[next] === done) continue;
      if (state[next] === open) throw damaged('a node of a tree follows itself');
      stack.push(next);
    }
  }
  return order.reverse();
}

/** What the leaves that x [N, F] reaches say of each target: [N, targets]. */
function evaluated(n: NodeContext, x: Value, forest: Forest, attrs: TreeEnsembleAttributes): Value {
  const order = inOrder(forest);
  const position = new Int32Array(forest.splits.length);
  order.forEach((split, i) => {
    position[split] = i;
  });
  const moved = (at: number) => (at < 0 ? at : (position[at] as number));
  const nodes = new Int32Array(order.length * 4);
  const thresholds = new Float32Array(order.length);
  order.forEach((at, i) => {
    const { feature, comparison, threshold, yes, no } = forest.splits[at] as Split;
    nodes.set([feature, comparison, moved(yes), moved(no)], i * 4);
    thresholds[i] = threshold;
  });
  const starts = [0];
  for (const votes of forest.leaves) starts.push((starts.at(-1) as number) + votes.length);
  const votes = forest.leaves.flat();
  return treeEnsemble(
    [
      x,
      n.integers(nodes, [order.length, 4]),
      n.constant(thresholds),
      n.integers(forest.roots.map(moved)),
      n.integers(starts),
      n.integers(votes.map(({ target }) => target)),
      n.constant(votes.map(({ weight }) => weight)),
    ],
    attrs,
  );
}

/** Number of targets. @throws FORMAT for less than one, SHAPE for far more than the file holds. */
function targetsOf(n: NodeContext): number {
  const targets = n.int('n_targets', 1);
  if (targets < 1) throw damaged(`${targets} targets`);
  checkTable(targets);
  return targets;
}

/** base_values, one a target or one for all; undefined where left out. */
function baseValues(n: NodeContext, targets: number): number[] | undefined {
  const values = Array.from(numbers(n, 'base_values'));
  if (values.length === 0) return undefined;
  if (values.length !== targets && values.length !== 1) throw damaged(`${values.length} base values for ${targets} targets`);
  return values;
}

const AGGREGATES = ['average', 'sum', 'min', 'max'] as const;
/** post_transform of TreeEnsemble by number. */
const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];

function ensemble(n: NodeContext): Operand {
  const x = rows(n);
  const targets = targetsOf(n);
  const aggregate = AGGREGATES[n.int('aggregate_function', 1)] ?? n.refuse(`aggregate_function ${n.int('aggregate_function')}`);
  const y = evaluated(n, x, forestOfSplits(n, x.shape[1] as number, targets), { targets, aggregate });
  const kind = n.int('post_transform', 0);
  return { value: transformed(n, y, TRANSFORMS[kind] ?? String(kind)), elem: n.elem(0) };
}

function regressor(n: NodeContext): Operand {
  const x = rows(n);
  const targets = targetsOf(n);
  const name = n.text('aggregate_function', 'SUM');
  const aggregate = AGGREGATES.find((known) => known.toUpperCase() === name) ?? n.refuse(`aggregate_function "${name}"`);
  const y = evaluated(n, x, forestOfNodes(n, 'target', x.shape[1] as number, targets), { targets, aggregate });
  const base = baseValues(n, targets);
  return { value: transformed(n, base ? add([y, n.constant(base)]) : y), elem: 'float32' };
}

/**
 * Labels and scores [N, classes]. Where the trees of two classes vote for one of them only, the other's score follows from it as onnxruntime
 * has it: 1 - s where no weight is negative and nothing transforms the scores (they are probabilities), else -s. Of one class, the label is 1
 * where its score is positive, else 0.
 */
function classifier(n: NodeContext): Result {
  const x = rows(n);
  const labels = classLabels(n);
  if (labels.length === 0) throw damaged('it has no class labels');
  const forest = forestOfNodes(n, 'class', x.shape[1] as number, labels.length);
  const votes = evaluated(n, x, forest, { targets: labels.length, aggregate: 'sum' });
  const base = baseValues(n, labels.length);
  const sums = base ? add([votes, n.constant(base)]) : votes;
  const all = forest.leaves.flat();
  const voted = new Set(all.map(({ target }) => target));
  const count = x.shape[0] as number;
  let scores = sums;
  if (labels.length === 2 && voted.size === 1) {
    const one = slice(sums, { starts: [0, [...voted][0] as number], sizes: [count, 1] });
    const areProbabilities = n.text('post_transform', 'NONE') === 'NONE' && all.every(({ weight }) => weight >= 0);
    const other = areProbabilities ? sub([n.graph.scalar(1), one]) : mul([one, n.graph.scalar(-1)]);
    scores = concat([other, one], { axis: 1 });
  }
  const label =
    labels.length === 1
      ? cast(greater([scores, n.graph.scalar(0)]), { to: 'i32' })
      : gather([n.integers(labels), argMax(scores, { axis: 1 })], { axis: 0 });
  return [
    { value: reshapedTo(label, [count]), elem: 'int64' },
    { value: transformed(n, scores), elem: 'float32' },
  ];
}

/** ai.onnx.ml: decision trees. */
export const treeEnsembles: Rows = { TreeEnsemble: ensemble, TreeEnsembleClassifier: classifier, TreeEnsembleRegressor: regressor };
