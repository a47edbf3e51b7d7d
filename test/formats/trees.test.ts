import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import { load } from '../../src/inference/load.ts';
import { type Attribute, fileOf } from './onnxFile.ts';

type Attributes = Readonly<Record<string, Attribute>>;

/** Two trees over two features; the first is x0 <= 0.5 ? (x1 > 2 ? a : b) : c, the second a leaf. */
const nodes: Attributes = {
  nodes_treeids: [0, 0, 0, 0, 0, 4],
  nodes_nodeids: [0, 1, 2, 3, 4, 0],
  nodes_featureids: [0, 1, 0, 0, 0, 0],
  nodes_modes: ['BRANCH_LEQ', 'BRANCH_GT', 'LEAF', 'LEAF', 'LEAF', 'LEAF'],
  nodes_values: { floats: [0.5, 2, 0, 0, 0, 0] },
  nodes_truenodeids: [1, 3, 0, 0, 0, 0],
  nodes_falsenodeids: [2, 4, 0, 0, 0, 0],
};
const votes = (kind: 'class' | 'target', ids: number[], weights: number[]): Attributes => ({
  [`${kind}_treeids`]: [0, 0, 0, 4],
  [`${kind}_nodeids`]: [2, 3, 4, 0],
  [`${kind}_ids`]: ids,
  [`${kind}_weights`]: { floats: weights },
});
const rows = [0, 0, 0.5, 3, 1, 0, Number.NaN, Number.NaN];

async function run(op: string, attributes: Attributes, outputs: readonly string[], version = 3, data: readonly number[] = rows) {
  const inputs = { x: { type: 'float', dims: [data.length / 2, 2] } } as const;
  const model = await load(fileOf({ op, domain: 'ai.onnx.ml', version, attributes, inputs, outputs }));
  return model.run({ x: Float32Array.from(data) });
}
const list = (tensor: Tensor | undefined) => Array.from(tensor?.data ?? [], (value) => Math.round(value * 1e4) / 1e4);

const regressor: Attributes = { ...nodes, ...votes('target', [0, 1, 0, 1], [10, 20, 30, 0.5]), n_targets: 2 };
const regress = async (edits: Attributes = {}) => list((await run('TreeEnsembleRegressor', { ...regressor, ...edits }, ['y'])).y);

const classifier: Attributes = { ...nodes, ...votes('class', [0, 0, 0, 0], [0.25, 0.5, 0, 0.125]), classlabels_int64s: [5, 7] };
const classify = async (edits: Attributes = {}) => {
  const { label, y } = await run('TreeEnsembleClassifier', { ...classifier, ...edits }, ['label', 'y']);
  return { labels: list(label), scores: list(y) };
};

/** The same first tree, and one that asks whether x1 is 0 or 3. */
const ensemble: Attributes = {
  n_targets: 2,
  aggregate_function: 1,
  tree_roots: [0, 2],
  nodes_featureids: [0, 1, 1],
  nodes_modes: { tensor: { dims: [3], type: 'uint8', data: [0, 3, 6] } },
  nodes_splits: { tensor: { dims: [3], type: 'float', data: [0.5, 2, 0] } },
  nodes_truenodeids: [1, 1, 3],
  nodes_trueleafs: [0, 1, 1],
  nodes_falsenodeids: [0, 2, 2],
  nodes_falseleafs: [1, 1, 1],
  leaf_targetids: [0, 1, 0, 1],
  leaf_weights: { tensor: { dims: [4], type: 'float', data: [10, 20, 30, 0.5] } },
  membership_values: { tensor: { dims: [3], type: 'float', data: [0, 3, Number.NaN] } },
};
const evaluate = async (edits: Attributes = {}) => list((await run('TreeEnsemble', { ...ensemble, ...edits }, ['y'], 5)).y);

describe('trees decide', () => {
  it('sums, means and extremes of votes, with base values after them', async () => {
    expect(await regress()).toEqual([30, 0.5, 0, 20.5, 10, 0.5, 10, 0.5]);
    expect(await regress({ aggregate_function: 'AVERAGE', base_values: { floats: [1, 2] } })).toEqual([
      16, 2.25, 1, 12.25, 6, 2.25, 6, 2.25,
    ]);
    expect(await regress({ aggregate_function: 'MIN' })).toEqual([30, 0.5, 0, 0.5, 10, 0.5, 10, 0.5]);
    expect(await regress({ aggregate_function: 'MAX' })).toEqual([30, 0.5, 0, 20, 10, 0.5, 10, 0.5]);
  });

  it('NaN goes where the file sends it', async () => {
    expect((await regress({ nodes_missing_value_tracks_true: [1, 0, 0, 0, 0, 0] })).slice(6)).toEqual([30, 0.5]);
    expect((await regress({ nodes_missing_value_tracks_true: [1, 1, 0, 0, 0, 0] })).slice(6)).toEqual([0, 20.5]);
  });

  it('one score of two classes: its complement for probabilities, its negative for margins', async () => {
    expect(await classify()).toEqual({ labels: [5, 7, 5, 5], scores: [0.875, 0.125, 0.375, 0.625, 0.625, 0.375, 0.625, 0.375] });
    const margins = { class_weights: { floats: [0.25, -0.5, 0, 0.125] } };
    expect(await classify(margins)).toEqual({
      labels: [7, 5, 7, 7],
      scores: [-0.125, 0.125, 0.375, -0.375, -0.375, 0.375, -0.375, 0.375],
    });
    expect((await classify({ ...margins, post_transform: 'LOGISTIC' })).scores.slice(2, 4)).toEqual([0.5927, 0.4073]);
  });

  it('the best of several classes, or whether one applies', async () => {
    const { labels, scores } = await classify({ class_ids: [2, 1, 0, 0], classlabels_int64s: [5, 7, 9] });
    expect(labels).toEqual([5, 7, 9, 9]);
    expect(scores).toEqual([0.125, 0, 0, 0.125, 0.5, 0, 0.125, 0, 0.25, 0.125, 0, 0.25]);
    expect(await classify({ classlabels_int64s: [1], base_values: { floats: [-0.2] } })).toEqual({
      labels: [0, 1, 1, 1],
      scores: [-0.075, 0.425, 0.175, 0.175],
    });
  });

  it('members of a set', async () => {
    expect(await evaluate()).toEqual([30, 0.5, 0, 20.5, 10, 0.5, 40, 0]);
    expect(await evaluate({ aggregate_function: 0 })).toEqual([15, 0.25, 0, 10.25, 5, 0.25, 20, 0]);
  });

  it('a chain of 100,000 nodes, and 2^60 paths through 60', async () => {
    const chain = (length: number, both: boolean): Attributes => {
      const each = <T>(f: (i: number) => T) => Array.from({ length }, (_, i) => f(i));
      const isLast = (i: number) => (i === length - 1 ? 1 : 0);
      return {
        n_targets: 1,
        tree_roots: [0],
        nodes_featureids: each(() => 0),
        nodes_modes: { tensor: { dims: [length], type: 'uint8', data: each(() => 0) } },
        nodes_splits: { tensor: { dims: [length], type: 'float', data: each(() => 0) } },
        nodes_truenodeids: each((i) => (isLast(i) ? 0 : i + 1)),
        nodes_trueleafs: each(isLast),
        nodes_falsenodeids: each((i) => (isLast(i) || !both ? 1 : i + 1)),
        nodes_falseleafs: each((i) => (both ? isLast(i) : 1)),
        leaf_targetids: [0, 0],
        leaf_weights: { tensor: { dims: [2], type: 'float', data: [1, 2] } },
      };
    };
    for (const attributes of [chain(100_000, false), chain(60, true)]) {
      expect(list((await run('TreeEnsemble', attributes, ['y'], 5)).y)).toEqual([1, 2, 2, 2]);
    }
  });
});

describe('hostile trees are refused', () => {
  const refused: readonly (readonly [string, (edits: Attributes) => Promise<unknown>, Attributes, RegExp])[] = [
    ['a cycle', regress, { nodes_falsenodeids: [2, 0, 0, 0, 0, 0] }, /follows itself/],
    ['a node that is its own child', regress, { nodes_truenodeids: [0, 3, 0, 0, 0, 0] }, /follows itself/],
    ['a child outside', regress, { nodes_truenodeids: [1, 99, 0, 0, 0, 0] }, /tree 0 has no node 99/],
    ['a child of another tree', regress, { nodes_treeids: [0, 0, 0, 4, 0, 5] }, /tree 0 has no node 3/],
    ['a feature outside', regress, { nodes_featureids: [0, 2, 0, 0, 0, 0] }, /feature 2 is not one of 2/],
    ['a negative feature', regress, { nodes_featureids: [-1, 1, 0, 0, 0, 0] }, /feature -1/],
    ['a node twice', regress, { nodes_nodeids: [0, 1, 2, 3, 3, 0] }, /occurs twice/],
    ['too few thresholds', regress, { nodes_values: { floats: [0.5] } }, /1 values for 6/],
    ['too few flags', regress, { nodes_missing_value_tracks_true: [1] }, /1 flags for 6/],
    ['too many modes', regress, { nodes_modes: Array.from({ length: 7 }, () => 'LEAF') }, /for 7/],
    ['too few weights', regress, { target_weights: { floats: [] } }, /0 weights for 4/],
    ['a vote at no node', regress, { target_nodeids: [2, 3, 4, 8] }, /tree 4 has no node 8/],
    ['a vote for no target', regress, { target_ids: [0, 1, 2, 0] }, /target 2 is not one of 2/],
    ['no targets', regress, { n_targets: 0 }, /0 targets/],
    ['base values of others', regress, { base_values: { floats: [1, 2, 3] } }, /3 base values/],
    ['no labels', classify, { classlabels_int64s: [] }, /no class labels/],
    ['a vote for no class', classify, { class_ids: [0, 0, 0, -1] }, /class -1/],
    ['a cycle of splits', evaluate, { nodes_falsenodeids: [0, 0, 2], nodes_falseleafs: [1, 0, 1] }, /follows itself/],
    ['a cycle through a set', evaluate, { nodes_falsenodeids: [0, 2, 2], nodes_falseleafs: [1, 1, 0] }, /follows itself/],
    ['a split outside', evaluate, { nodes_truenodeids: [3, 1, 3] }, /node 3 is not one of 3/],
    ['a leaf outside', evaluate, { nodes_truenodeids: [1, 4, 3] }, /leaf 4 is not one of 4/],
    ['a leaf far outside', evaluate, { nodes_truenodeids: [1, 2 ** 40, 3] }, /is not one of 4/],
    ['a negative leaf', evaluate, { nodes_truenodeids: [1, -1, 3] }, /leaf -1/],
    ['a root outside', evaluate, { tree_roots: [0, 3] }, /root 3/],
    ['a mode outside', evaluate, { nodes_modes: { tensor: { dims: [3], type: 'uint8', data: [0, 7, 6] } } }, /mode 7/],
    ['too few sets', evaluate, { membership_values: { tensor: { dims: [0], type: 'float', data: [] } } }, /0 sets for 1/],
    [
      'too many sets',
      evaluate,
      {
        membership_values: { tensor: { dims: [2], type: 'float', data: [1, Number.NaN].concat([]) } },
        nodes_modes: { tensor: { dims: [3], type: 'uint8', data: [0, 3, 1] } },
      },
      /1 sets for 0/,
    ],
    ['too few leaf weights', evaluate, { leaf_weights: { tensor: { dims: [1], type: 'float', data: [1] } } }, /1 weights for 4/],
  ];
  it.each(refused)('%s', async (_, call, edits, message) => {
    await expect(call(edits)).rejects.toThrow(expect.objectContaining({ code: 'FORMAT', message: expect.stringMatching(message) }));
  });

  it('what thimble does not do is another error', async () => {
    const unsupported = expect.objectContaining({ code: 'UNSUPPORTED_ATTR' });
    await expect(classify({ classlabels_int64s: [], classlabels_strings: ['cat', 'dog'] })).rejects.toThrow(unsupported);
    await expect(classify({ post_transform: 'PROBIT' })).rejects.toThrow(unsupported);
    await expect(regress({ aggregate_function: 'MEDIAN' })).rejects.toThrow(unsupported);
    await expect(regress({ nodes_modes: ['BRANCH_XOR', 'BRANCH_GT', 'LEAF', 'LEAF', 'LEAF', 'LEAF'] })).rejects.toThrow(unsupported);
    await expect(evaluate({ post_transform: 9 })).rejects.toThrow(unsupported);
    await expect(regress({ n_targets: 2 ** 40 })).rejects.toThrow(expect.objectContaining({ code: 'SHAPE' }));
  });

  it('whatever a list of numbers says, the model runs or the error says what is wrong', async () => {
    const names = (attributes: Attributes) =>
      Object.keys(attributes).filter((name) => Array.isArray(attributes[name]) && name !== 'nodes_modes');
    const edited = (attributes: Attributes) =>
      fc
        .tuple(fc.constantFrom(...names(attributes)), fc.nat(5), fc.oneof(fc.integer({ min: -2, max: 6 }), fc.constant(2 ** 31)))
        .map(([name, at, value]) => ({ [name]: (attributes[name] as number[]).map((old, i) => (i === at ? value : old)) }));
    const survives = (attributes: Attributes, call: (edits: Attributes) => Promise<readonly number[]>) =>
      fc.asyncProperty(fc.array(edited(attributes), { minLength: 1, maxLength: 3 }), async (edits) => {
        try {
          expect(await call(Object.assign({}, ...edits))).toHaveLength(8);
        } catch (error) {
          expect(error).toMatchObject({ code: 'FORMAT' });
        }
      });
    await fc.assert(survives(regressor, regress), { numRuns: 300 });
    await fc.assert(survives(ensemble, evaluate), { numRuns: 300 });
  });
});
