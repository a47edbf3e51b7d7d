import { expect, it } from 'vitest';
import * as t from '../../src/index.ts';

const at = (schedule: t.Schedule, ...steps: number[]) => steps.map((step) => t.rateAt(schedule, step));
const close = (got: number[], want: number[]) => want.forEach((value, i) => void expect(got[i]).toBeCloseTo(value, 10));

it('schedules follow their formulas', () => {
  close(at(t.piecewiseConstant([10, 20], [1, 0.5, 0.1]), 0, 10, 11, 20, 21, 99), [1, 1, 0.5, 0.5, 0.1, 0.1]);
  close(at(t.exponentialDecay({ initialLearningRate: 2, decaySteps: 10, decayRate: 0.5 }), 0, 5, 10, 30), [2, 2 * Math.SQRT1_2, 1, 0.25]);
  close(at(t.exponentialDecay({ initialLearningRate: 2, decaySteps: 10, decayRate: 0.5, staircase: true }), 0, 9, 10, 19), [2, 2, 1, 1]);
  close(at(t.cosineDecay({ initialLearningRate: 1, decaySteps: 100, alpha: 0.1 }), 0, 50, 100, 150), [1, 0.55, 0.1, 0.1]);
  const cosine = t.cosineDecay({ initialLearningRate: 1, decaySteps: 100 });
  close(at(t.warmup({ steps: 10, from: 0.2, schedule: cosine }), 0, 5, 10, 60), [0.2, 0.6, 1, 0.5]);
  expect(() => t.piecewiseConstant([1], [1])).toThrow(t.ThimbleError);
});

it('a schedule drives the optimizer by completed steps, and survives save and load', async () => {
  const model = t.sequential([t.input({ shape: [2] }), t.dense({ units: 1 })]);
  await model.compile({ optimizer: t.sgd({ learningRate: t.piecewiseConstant([1], [0.5, 0.25]) }), loss: 'mse', batchSize: 2 });
  const rates: number[] = [];
  for (let i = 0; i < 3; i++) {
    rates.push(model.learningRate);
    await model.trainOnBatch(new Float32Array(4), new Float32Array(2));
  }
  expect(rates).toEqual([0.5, 0.5, 0.25]);
  expect((await t.loadModel(t.save(model))).learningRate).toBe(0.25);
});
