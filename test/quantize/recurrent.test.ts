import { describe, expect, it } from 'vitest';
import { frozenGraph } from '../../src/export/frozen.ts';
import * as t from '../../src/index.ts';
import { planActivations } from '../../src/passes/activationPlan.ts';
import { onnxruntime, runInOnnxruntime } from '../export/onnxruntime.ts';

const [STEPS, WIDTH, UNITS] = [24, 40, 48];

/** Fused, products with weights of few bits round their inputs to 8 bits in onnxruntime. */
const asWritten = { graphOptimizationLevel: 'disabled' };

const cells = { simpleRnn: t.simpleRnn, lstm: t.lstm, gru: t.gru };
const kinds = Object.keys(cells) as (keyof typeof cells)[];

const network = (kind: keyof typeof cells) =>
  t.sequential([t.input({ shape: [STEPS, WIDTH] }), cells[kind]({ units: UNITS }), t.dense({ units: 5 })], { seed: 7 });

const rows = (count: number, first: number) =>
  Float32Array.from({ length: count * STEPS * WIDTH }, (_, i) => Math.sin((first + i) * 12.9898) * Math.cos(i * 0.37) + 0.3);

describe.each(kinds)('%s', (kind) => {
  it('keeps its activations in float, and its products with the input stay part of it', () => {
    const { graph } = frozenGraph(network(kind), 1);
    const plan = planActivations(graph, new Set());
    expect(plan.projections.map(({ op }) => op)).toEqual(['linear']);
    expect(plan.products.map(({ op }) => op)).toEqual(['linear']);
    const [projection] = plan.projections;
    expect(plan.values).not.toContain(projection?.inputs[0]);
    expect(plan.values).not.toContain(projection?.outputs[0]);
  });

  it.each(['int8', 'int8-dynamic', 'int8-weights', 'int4-weights'] as const)(
    'in %s is near the float model, in a smaller file',
    async (scheme) => {
      const { report, onnx, model: small } = await t.quantize(network(kind), rows(40, 0), { scheme, test: { data: rows(20, 9999) } });
      expect(report.after.fileBytes).toBeLessThan(report.before.fileBytes * (kind === 'simpleRnn' ? 0.6 : 0.4));
      // Weights of the input, and of the state.
      const own = report.layers.filter(({ name }) => name !== 'dense');
      expect(own.map(({ op }) => op).sort()).toEqual(['linear', { simpleRnn: 'rnn', lstm: 'lstm', gru: 'gru' }[kind]].sort());
      for (const { sqnr, op } of own) expect(sqnr).toBeGreaterThan(scheme === 'int4-weights' && op === 'linear' ? 20 : 40);
      expect(report.outputs[0]?.sqnr).toBeGreaterThan(scheme === 'int4-weights' ? 18 : 28);
      if (!onnxruntime) return;
      const x = rows(1, 5);
      const here = Float32Array.from((small.run({ input: x }).predictions as t.Tensor).data);
      const { predictions } = await runInOnnxruntime(onnx, 'input', x, [1, STEPS, WIDTH], asWritten);
      const there = (predictions as { data: t.TypedArray }).data;
      const step = (Math.max(...here, 0) - Math.min(...here, 0)) / 255;
      here.forEach((value, i) => void expect(Math.abs(value - (there[i] as number))).toBeLessThanOrEqual(step * 1.001));
    },
  );
});
