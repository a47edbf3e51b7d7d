import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { losses as lossNamespace, metrics } from '../../src/index.ts';
import { areaUnderRoc, confusionMatrix } from '../../src/train/classification.ts';
import { lossOf } from '../../src/train/losses.ts';
import { type Metric, metricOf } from '../../src/train/metrics.ts';

const sparse = lossOf('sparseCategoricalCrossentropy');
const oneHot = lossOf('categoricalCrossentropy');
const binary = lossOf('binaryCrossentropy');
const mse = lossNamespace.meanSquaredError();

const measure = (metric: Metric, labels: Int32Array | Float32Array, predictions: number[], rows: number, loss = sparse): number => {
  metric.update(labels, Float32Array.from(predictions), rows, loss);
  return metric.result();
};

// truth [0,1,2,2,1,0], scores chosen so that predictions are [0,2,2,2,1,1].
const truth = Int32Array.of(0, 1, 2, 2, 1, 0);
const scores = [5, 1, 0, 0, 1, 3, 1, 0, 2, 0, 1, 4, 0, 9, 1, 1, 2, 0];

// Expected values: python3 -c "from sklearn.metrics import *; t=[0,1,2,2,1,0]; p=[0,2,2,2,1,1];
//   [print(f(t,p,average=a)) for f in (precision_score, recall_score, f1_score) for a in ('macro','micro','weighted')]"
describe('classification agrees with scikit-learn 1.3', () => {
  it.each([
    ['accuracy', metrics.accuracy(), 4 / 6],
    ['precision macro', metrics.precision(), (1 + 0.5 + 2 / 3) / 3],
    ['precision weighted', metrics.precision({ average: 'weighted' }), (1 * 2 + 0.5 * 2 + (2 / 3) * 2) / 6],
    ['recall macro', metrics.recall(), (0.5 + 0.5 + 1) / 3],
    ['recall of class 2', metrics.recall({ average: 2 }), 1],
    ['f1 macro', metrics.f1Score(), (2 / 3 + 0.5 + 0.8) / 3],
    ['f1 micro', metrics.f1Score({ average: 'micro' }), 4 / 6],
    ['top 2', metrics.topKAccuracy({ k: 2 }), 1],
    ['top 1', metrics.topKAccuracy({ k: 1 }), 4 / 6],
  ])('%s', (_, metric, expected) => {
    expect(measure(metric, truth, scores, 6)).toBeCloseTo(expected, 6);
  });

  it('one-hot labels mean the same as indexes', () => {
    const labels = Float32Array.from([...truth].flatMap((t) => [0, 1, 2].map((c) => (c === t ? 1 : 0))));
    expect(measure(metrics.f1Score(), labels, scores, 6, oneHot)).toBeCloseTo(measure(metrics.f1Score(), truth, scores, 6), 12);
  });

  it('binary scores have a threshold: 0.5 for probabilities, 0 for logits', () => {
    const labels = Float32Array.of(0, 1, 1, 0);
    expect(measure(metrics.accuracy(), labels, [0.1, 0.9, 0.4, 0.6], 4, binary)).toBe(0.5);
    expect(measure(metrics.accuracy({ threshold: 0 }), labels, [-3, 2, 0.2, -0.1], 4, binary)).toBe(1);
    expect(measure(metrics.recall({ average: 1 }), labels, [0.1, 0.9, 0.4, 0.6], 4, binary)).toBe(0.5);
  });

  it('AUC counts ties half (roc_auc_score([0,0,1,1,1],[.1,.4,.4,.8,.35]) = 0.75)', () => {
    expect(areaUnderRoc([false, false, true, true, true], [0.1, 0.4, 0.4, 0.8, 0.35])).toBeCloseTo(0.75, 12);
    expect(measure(metrics.auc(), Float32Array.of(0, 0, 1, 1, 1), [0.1, 0.4, 0.4, 0.8, 0.35], 5, binary)).toBeCloseTo(0.75, 6);
    expect(areaUnderRoc([true, true], [1, 2])).toBeNaN();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 })), { minLength: 2, maxLength: 30 }), (pairs) => {
        let wins = 0;
        let total = 0;
        for (const [p, s] of pairs)
          for (const [n, o] of pairs) if (p && !n) [wins, total] = [wins + (s > o ? 1 : s === o ? 0.5 : 0), total + 1];
        const area = areaUnderRoc(
          pairs.map(([p]) => p),
          pairs.map(([, s]) => s),
        );
        if (total) expect(area).toBeCloseTo(wins / total, 12);
        else expect(area).toBeNaN();
      }),
    );
  });

  it('the confusion matrix counts, and classes that never occur do not distort the means', () => {
    const matrix = confusionMatrix([0, 1, 1], [0, 1, 0], 4);
    expect([...matrix.counts.slice(0, 8)]).toEqual([1, 0, 0, 0, 1, 1, 0, 0]);
    expect(matrix.average('recall', 'macro')).toBeCloseTo(0.75, 12);
    expect(matrix.report(3)).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 });
    expect(() => matrix.add(4, 0)).toThrow(/class 4/);
  });
});

it('regression metrics, over many batches as over one', () => {
  const t = [1, 2, 3, 4, 5, 6];
  const p = [1.5, 2, 2, 4, 7, 5];
  const expected = { mae: 4.5 / 6, mse: 6.25 / 6, rmse: Math.sqrt(6.25 / 6), r2: 1 - 6.25 / 17.5 };
  for (const [name, value] of Object.entries(expected)) {
    const metric = metricOf(name as 'mae');
    metric.update(Float32Array.from(t.slice(0, 2)), Float32Array.from(p.slice(0, 2)), 2, mse);
    metric.update(Float32Array.from(t.slice(2)), Float32Array.from(p.slice(2)), 4, mse);
    expect(metric.result(), name).toBeCloseTo(value, 6);
    metric.reset();
    expect(metric.result(), name).toBeNaN();
  }
});
