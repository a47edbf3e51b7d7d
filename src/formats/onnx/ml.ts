import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import {
  abs,
  add,
  argMax,
  cast,
  concat,
  div,
  equal,
  exp,
  gather,
  greater,
  greaterOrEqual,
  linear,
  max,
  mul,
  reduceMax,
  reduceSquares,
  reduceSum,
  slice,
  sqrt,
  sub,
  tanh,
  where,
} from '../../ops/index.ts';
import { panels, permuted } from '../weights.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { checkTable, table } from './counted.ts';
import type { Operand } from './operand.ts';
import { damaged } from './protobuf.ts';
import { classLabels, float, rows, transformed } from './scores.ts';
import { reshapedTo } from './shapes.ts';
import { treeEnsembles } from './trees.ts';

/** x · coefficientsᵀ + intercepts, coefficients [targets, features] row by row. */
function affine(n: NodeContext, targets: number): Value {
  const x = rows(n);
  const coefficients = n.floats('coefficients');
  const features = x.shape[1] as number;
  if (coefficients.length !== targets * features) throw damaged(`${coefficients.length} coefficients for ${targets} × ${features}`);
  const w = panels(permuted(n.constant(coefficients, [targets, features]), [1, 0]));
  const intercepts = n.floats('intercepts');
  return linear([x, w, ...(intercepts.length ? [n.constant(intercepts)] : [])], { units: targets });
}

function linearClassifier(n: NodeContext): Result {
  const labels = classLabels(n);
  const features = rows(n).shape[1] as number;
  const targets = n.floats('intercepts').length || n.floats('coefficients').length / features;
  let scores = affine(n, targets);
  if (targets === 1 && labels.length === 2) scores = concat([mul([scores, n.graph.scalar(-1)]), scores], { axis: 1 });
  const result = transformed(n, scores);
  const best =
    scores.shape[1] === 1
      ? mul([
          cast(greaterOrEqual([result, n.graph.scalar(n.text('post_transform', 'NONE') === 'NONE' ? 0 : 0.5)]), { to: 'i32' }),
          n.integers([labels[0] ?? 1], []),
        ])
      : gather([n.integers(labels), argMax(scores, { axis: 1 })], { axis: 0 });
  return [
    { value: reshapedTo(best, [scores.shape[0] as number]), elem: 'int64' },
    { value: result, elem: 'float32' },
  ];
}

function normalizer(n: NodeContext): Value {
  const x = rows(n);
  const over = { axes: [1], keepDims: true };
  const norms: Readonly<Record<string, () => Value>> = {
    MAX: () => reduceMax(abs(x), over),
    L1: () => reduceSum(abs(x), over),
    L2: () => sqrt(reduceSquares(x, over)),
  };
  const norm = norms[n.text('norm', 'MAX')] ?? n.refuse(`norm "${n.text('norm')}"`, { expected: Object.keys(norms).join(', ') });
  return div([x, max([norm(), n.graph.scalar(1e-30)])]);
}

function scaler(n: NodeContext): Operand {
  const x = float(n.x(0));
  return { value: mul([sub([x, n.constant(n.floats('offset'))]), n.constant(n.floats('scale'))]), elem: 'float32' };
}

/** Numbers looked up in a table; others get the default. */
function labelEncoder(n: NodeContext): Operand {
  const table = (kind: 'keys' | 'values'): { data: number[]; integer: boolean } => {
    if (n.texts(`${kind}_strings`).length || n.texts('classes_strings').length)
      n.refuse('labels that are strings', { expected: 'numbers' });
    const integers = n.ints(`${kind}_int64s`);
    if (integers.length) return { data: integers, integer: true };
    if (!n.attribute(`${kind}_tensor`)) return { data: n.floats(`${kind}_floats`), integer: false };
    const { value } = n.tensor(`${kind}_tensor`);
    return { data: value.origin.kind === 'const' ? [...value.origin.data] : [], integer: value.dtype === 'i32' };
  };
  const [keys, values] = [table('keys'), table('values')];
  if (keys.data.length !== values.data.length) throw damaged(`${keys.data.length} keys for ${values.data.length} values`);
  const given = n.attribute('default_tensor') && n.tensor('default_tensor').value.origin;
  const fallback =
    given?.kind === 'const' ? (given.data[0] as number) : values.integer ? n.int('default_int64', -1) : n.float('default_float', 0);
  const x = n.x(0);
  const column = reshapedTo(keys.integer === (x.dtype === 'i32') ? x : float(x), [...x.shape, 1]);
  const list = (data: readonly number[], integer: boolean) => (integer ? n.integers(data) : n.constant(data));
  const hits = equal([column, list(keys.data, column.dtype === 'i32')]);
  const found = values.integer === (hits.dtype === 'i32') ? hits : cast(hits, { to: values.integer ? 'i32' : 'f32' });
  const over = { axes: [-1], keepDims: false };
  const sum = reduceSum(mul([found, list(values.data, values.integer)]), over);
  const any = reduceSum(hits, over);
  const isKnown = any.dtype === 'i32' ? any : cast(any, { to: 'i32' });
  return { value: where([isKnown, sum, n.scalarLike(sum, fallback)]), elem: values.integer ? 'int64' : 'float32' };
}

function oneHotEncoder(n: NodeContext): Operand {
  if (n.texts('cats_strings').length) n.refuse('categories that are strings', { expected: 'cats_int64s' });
  const x = n.x(0);
  const column = reshapedTo(x.dtype === 'i32' ? x : cast(x, { to: 'i32' }), [...x.shape, 1]);
  return { value: cast(equal([column, n.integers(n.ints('cats_int64s'))]), { to: 'f32' }), elem: 'float32' };
}

/** Replaces one value (or NaN) by an imputed one a feature. */
function imputer(n: NodeContext): Operand {
  const { value: x, elem } = n.operand(0);
  if (x.dtype === 'i32') {
    const hit = equal([x, n.integers([n.int('replaced_value_int64', 0)], [])]);
    return { value: where([hit, n.integers(n.ints('imputed_value_int64s')), x]), elem };
  }
  const replaced = n.float('replaced_value_float', 0);
  const isHit = Number.isNaN(replaced) ? sub([n.graph.scalar(1), equal([x, x])]) : equal([x, n.graph.scalar(replaced)]);
  return { value: where([cast(isHit, { to: 'i32' }), n.constant(n.floats('imputed_value_floats')), x]), elem };
}

function arrayFeatureExtractor(n: NodeContext): Operand {
  const x = n.x(0);
  const whole = x.shape.length === 1 ? reshapedTo(x, [1, sizeOf(x.shape)]) : x;
  return { value: gather([whole, reshapedTo(n.x(1), [sizeOf(n.shape(1))])], { axis: whole.shape.length - 1 }), elem: n.elem(0) };
}

/**
 * A list of maps from class to score stays the tensor of scores [N, classes], columns in the order of the node's class labels, text or numbers:
 * models take and give tensors.
 */
function zipMap(n: NodeContext): Operand {
  const scores = n.operand(0);
  const classes = n.texts('classlabels_strings').length || n.ints('classlabels_int64s').length;
  if (scores.value.shape.at(-1) !== classes) throw damaged(`${classes} class labels for scores ${formatShape(scores.value.shape)}`);
  return scores;
}

/** Kernel values of support vector machines between x [N, F] and vectors [V, F]. */
function svmKernel(n: NodeContext, x: Value, vectors: readonly number[]): Value {
  const features = x.shape[1] as number;
  const count = vectors.length / features;
  const products = () => linear([x, panels(permuted(n.constant(vectors, [count, features]), [1, 0]))], { units: count });
  const [gamma = 0, coefficient = 0, degree = 3] = n.floats('kernel_params');
  const kind = n.text('kernel_type', 'LINEAR');
  const inner = () => add([mul([products(), n.graph.scalar(gamma)]), n.graph.scalar(coefficient)]);
  if (kind === 'LINEAR') return products();
  if (kind === 'SIGMOID') return tanh(inner());
  if (kind === 'POLY') {
    const base = inner();
    if (!Number.isInteger(degree) || degree < 1) n.refuse(`degree ${degree}`, { expected: 'a whole number' });
    return table(degree, () => base).reduce((a, b) => mul([a, b]));
  }
  if (kind !== 'RBF') n.refuse(`kernel "${kind}"`, { expected: 'LINEAR, POLY, RBF or SIGMOID' });
  const apart = sub([reshapedTo(x, [x.shape[0] as number, 1, features]), n.constant(vectors, [1, count, features])]);
  return exp(mul([reduceSquares(apart, { axes: [2], keepDims: false }), n.graph.scalar(-gamma)]));
}

function svmRegressor(n: NodeContext): Value {
  const x = rows(n);
  const vectors = n.floats('support_vectors');
  const coefficients = n.floats('coefficients');
  const isLinear = n.int('n_supports', 0) === 0;
  const kernel = isLinear ? x : svmKernel(n, x, vectors);
  const y = linear([kernel, panels(n.constant(coefficients, [coefficients.length, 1])), n.constant([n.floats('rho')[0] ?? 0])], {
    units: 1,
  });
  return n.int('one_class', 0) ? sub([mul([greater([y, n.graph.scalar(0)]), n.graph.scalar(2)]), n.graph.scalar(1)]) : y;
}

/** Term frequencies of n-grams of integers, optionally weighted (ONNX TfIdfVectorizer). */
function tfIdf(n: NodeContext): Operand {
  const pool = n.ints('pool_int64s');
  if (!pool.length) n.refuse('n-grams of strings', { expected: 'pool_int64s' });
  const [counts, indexes] = [n.ints('ngram_counts'), n.ints('ngram_indexes')];
  const [shortest, longest, skips] = [n.int('min_gram_length'), n.int('max_gram_length'), n.int('max_skip_count')];
  const given = n.x(0);
  const x = given.shape.length === 1 ? reshapedTo(given, [1, sizeOf(given.shape)]) : given;
  const [batch, length] = x.shape as [number, number];
  const columns = Math.max(...indexes) + 1;
  let seen = 0;
  let total: Value = n.filled('f32', [batch, columns], 0);
  counts.forEach((start, i) => {
    const size = i + 1;
    const grams = pool.slice(start, counts[i + 1] ?? pool.length);
    const kinds = grams.length / size;
    const targets = indexes.slice(seen, seen + kinds);
    seen += kinds;
    if (size < shortest || size > longest || kinds === 0) return;
    for (let skip = 1; skip <= (size === 1 ? 1 : skips + 1); skip++) {
      const places = length - skip * (size - 1);
      if (places <= 0) break;
      const hits = table(size, (k) => {
        const part = slice(x, { starts: [0, k * skip], sizes: [batch, places] });
        return equal([reshapedTo(part, [batch, places, 1]), n.integers(grams.filter((_, g) => g % size === k))]);
      }).reduce((a, b) => mul([a, b]));
      const found = cast(reduceSum(hits, { axes: [1], keepDims: false }), { to: 'f32' });
      checkTable(kinds * columns);
      const scattered = new Float32Array(kinds * columns);
      targets.forEach((target, g) => {
        scattered[g * columns + target] = 1;
      });
      total = add([total, linear([found, panels(n.constant(scattered, [kinds, columns]))], { units: columns })]);
    }
  });
  const weights = n.floats('weights');
  const mode = n.text('mode', 'TF');
  const frequency = mode === 'IDF' ? greater([total, n.graph.scalar(0)]) : total;
  const weighted = mode !== 'TF' && weights.length ? mul([frequency, n.constant(weights)]) : frequency;
  return { value: given.shape.length === 1 ? reshapedTo(weighted, [columns]) : weighted, elem: 'float32' };
}

/** Vectors of terms from text that is already numbers. */
export const text: Rows = { TfIdfVectorizer: tfIdf };

/** ai.onnx.ml on numbers. */
export const ml: Rows = {
  ArrayFeatureExtractor: arrayFeatureExtractor,
  Binarizer: (n) => ({ value: float(greater([n.x(0), n.scalarLike(n.x(0), n.float('threshold', 0))])), elem: 'float32' }),
  FeatureVectorizer: (n) => ({
    value: concat(
      Array.from({ length: n.arity }, (_, i) => float(n.x(i))),
      { axis: 1 },
    ),
    elem: 'float32',
  }),
  Imputer: imputer,
  LabelEncoder: labelEncoder,
  LinearClassifier: linearClassifier,
  LinearRegressor: (n) => transformed(n, affine(n, n.int('targets', 1))),
  Normalizer: normalizer,
  OneHotEncoder: oneHotEncoder,
  Scaler: scaler,
  SVMRegressor: svmRegressor,
  ZipMap: zipMap,
  ...treeEnsembles,
};
