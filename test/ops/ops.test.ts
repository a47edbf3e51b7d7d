import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { verify } from '../../src/ir/verify.ts';
import { mul } from '../../src/ops/mul.ts';
import { reduceSum } from '../../src/ops/reduceSum.ts';
import { opOf, registry } from '../../src/ops/registry.ts';
import { gradients } from '../../src/passes/autodiff.ts';
import { inplaceInputs } from '../../src/plan/lifetimes.ts';
import { cast, flavours, runKernels, runReference } from './lowering.ts';
import { arrays } from './samples/arrays.ts';
import { detection } from './samples/detection.ts';
import { elementwise } from './samples/elementwise.ts';
import { int8 } from './samples/int8.ts';
import { networks } from './samples/networks.ts';
import { draw, type Sample, shapeOf } from './samples/sample.ts';

const samples = { ...elementwise, ...arrays, ...detection, ...networks, ...int8 };
/** Their effect is on state: `test/train` follows them through whole training runs. */
const updates = [...registry.values()].filter((op) => op.mutates).map((op) => op.name);

/** A graph of the one node, its inputs named x0, x1, …; `wrap` may put something before the operator. */
function graphOf(name: string, { inputs, attrs }: Sample): Graph {
  const graph = new Graph(name);
  const op = registry.get(name);
  if (!op) throw new Error(`no operator ${name}`);
  const values = inputs.map((input, i) => graph.input(`x${i}`, { dtype: input.dtype ?? 'f32', shape: shapeOf(input) }));
  op.all(values, attrs as never).forEach((value, i) => {
    graph.output(`y${i}`, value);
  });
  return graph;
}

/** The inputs whose buffer the operator may take over. */
function overwritable(name: string, sample: Sample): readonly number[] {
  const node = graphOf(name, sample).nodes[0];
  return node ? inplaceInputs(opOf(node), node) : [];
}

const resultOf = (name: string, sample: Sample) => graphOf(name, sample).outputs[0]?.value as Value;

const feedsOf = ({ inputs }: Sample, seed: number): Record<string, Float64Array> => {
  const random = new Random(seed);
  return Object.fromEntries(inputs.map((input, i) => [`x${i}`, draw(input, random)]));
};

function expectClose(got: ArrayLike<number>, expected: Float64Array, { rtol, atol }: { rtol: number; atol: number }, what: string): void {
  expect(got.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] as number;
    const error = Math.abs((got[i] as number) - want);
    if (!(error <= atol + rtol * Math.abs(want)) && !Object.is(got[i], want)) expect.fail(`${what}[${i}] is ${got[i]}, not ${want}`);
  }
}

const toleranceOf = (name: string) => {
  const tolerance = registry.get(name)?.tolerance ?? 'exact';
  return tolerance === 'exact' ? { rtol: 0, atol: 0 } : tolerance;
};

it('every operator has samples, or is followed through training', () => {
  expect([...registry.keys()].filter((name) => !(name in samples) && !updates.includes(name))).toEqual([]);
  expect(Object.keys(samples).filter((name) => !registry.has(name))).toEqual([]);
});

describe.each(Object.entries(samples))('%s', (name, list) => {
  it('infers what its reference returns, and its kernels agree with the reference on every flavour', async () => {
    for (const [index, sample] of list.entries()) {
      const feeds = feedsOf(sample, index + 1);
      const expected = runReference(graphOf(name, sample), feeds);
      const graph = graphOf(name, sample);
      verify(graph, opOf);
      const bits: Record<string, string> = {};
      for (const flavour of flavours) {
        const inputs = Object.fromEntries(graph.inputs.map((value) => [value.name, cast(feeds[value.name] as Float64Array, value)]));
        const outputs = await runKernels(graphOf(name, sample), inputs, flavour);
        for (const { name: output, value } of graph.outputs) {
          const what = `sample ${index} (${JSON.stringify(sample)}) ${output} on ${flavour}`;
          expect((expected[output] as Float64Array).length, what).toBe(sizeOf(value.shape));
          expectClose(
            outputs[output] as Float32Array,
            (expected[output] as Float64Array).map((v) => (value.dtype === 'f32' ? Math.fround(v) : v)),
            toleranceOf(name),
            what,
          );
        }
        bits[flavour] = JSON.stringify(
          Object.values(outputs).map((data) => Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))),
        );
      }
      expect(bits.simd, `sample ${index}: simd and scalar give the same bits`).toBe(bits.scalar);
    }
  });

  const op = registry.get(name);
  if (op?.inplace) {
    it('may overwrite its operands', async () => {
      for (const [index, sample, which] of list.flatMap((sample, i) => overwritable(name, sample).map((at) => [i, sample, at] as const))) {
        // The operand is a copy that dies here; beside it nothing changes.
        const graph = new Graph(name);
        const copyOp = registry.get('copy');
        const values = sample.inputs.map((input, i) => graph.input(`x${i}`, { dtype: input.dtype ?? 'f32', shape: shapeOf(input) }));
        const given = values.map((value, i) => (i === which ? (copyOp?.(value) as typeof value) : value));
        const results = op.all(given, sample.attrs as never);
        results.forEach((value, i) => {
          graph.output(`y${i}`, copyOp?.(value) as typeof value);
        });
        const feeds = feedsOf(sample, index + 1);
        const inputs = Object.fromEntries(values.map((value) => [value.name, cast(feeds[value.name] as Float64Array, value)]));
        const alone = await runKernels(graphOf(name, sample), inputs, 'simd');
        const shared = await runKernels(graph, inputs, 'simd');
        expect(shared, `sample ${index}, input ${which}`).toEqual(alone);
      }
    });
  }
});

it.each([
  ['add', ['f32', 'i32']],
  ['mul', ['i32', 'f32']],
  ['div', ['u8', 'u8']],
  ['greater', ['bool', 'i32']],
  ['concat', ['f32', 'i32']],
  ['add', ['i8', 'i8']],
  ['max', ['i8', 'f32']],
  ['gather', ['i8', 'f32']],
  ['linearInt8', ['u8']],
  ['requantize', ['i8']],
] as const)('%s refuses %s', (name, dtypes) => {
  const graph = new Graph(name);
  const values = dtypes.map((dtype, i) => graph.input(`x${i}`, { dtype, shape: [3] }));
  expect(() => registry.get(name)?.(values)).toThrow(/wrong dtype/);
});

describe('gradients by finite differences', () => {
  const STEP = 1e-5;
  /** Their gradient is one by agreement, not the slope (`test/ops/fakeQuantize.test.ts`). */
  const straightThrough = ['fakeQuantize', 'roundRows'];
  const differentiable = Object.entries(samples).filter(
    ([name]) => typeof registry.get(name)?.grad === 'function' && !straightThrough.includes(name),
  );

  it('an operator without a gradient says why', () => {
    for (const op of registry.values()) if (typeof op.grad !== 'function') expect(op.grad.none.length).toBeGreaterThan(5);
  });

  it.each(differentiable)('%s', async (name, list) => {
    const small = list
      .filter(({ inputs }) => inputs.every((input) => sizeOf(input.shape) > 0 && sizeOf(input.shape) <= 700))
      .filter((sample) => sample.inputs.some(({ dtype = 'f32' }) => dtype === 'f32') && resultOf(name, sample).dtype === 'f32')
      .slice(-6);
    expect(small.length).toBeGreaterThan(0);
    for (const [index, sample] of small.entries()) {
      const feeds = feedsOf(sample, index + 100);
      const random = new Random(7);
      const graph = new Graph('gradient');
      const values = sample.inputs.map((input, i) => graph.input(`x${i}`, { dtype: input.dtype ?? 'f32', shape: shapeOf(input) }));
      const op = registry.get(name);
      const y = op?.(values, sample.attrs as never) as (typeof values)[0];
      const factors = Float32Array.from({ length: sizeOf(y.shape) }, () => random.uniform(0.5, 1.5));
      const loss = reduceSum(mul([y, graph.constant({ dtype: 'f32', shape: y.shape, data: factors })]));
      graph.output('loss', loss);
      const wrt = values.filter((value) => value.dtype === 'f32');
      const found = gradients(loss, wrt);
      for (const [value, gradient] of found) graph.output(`d${value.name}`, gradient);
      verify(graph, opOf);
      const analytic = runReference(graph, feeds);
      const lossAt = (moved: Record<string, Float64Array>) => runReference(graph, moved).loss?.[0] as number;
      for (const value of found.keys()) {
        const data = feeds[value.name] as Float64Array;
        const probes = Array.from({ length: Math.min(6, data.length) }, () => Math.floor(random.uniform() * data.length));
        for (const at of probes) {
          const moved = (by: number) => ({ ...feeds, [value.name]: data.map((v, i) => (i === at ? v + by : v)) });
          const numeric = (lossAt(moved(STEP)) - lossAt(moved(-STEP))) / (2 * STEP);
          const exact = analytic[`d${value.name}`]?.[at] as number;
          // Padding of panels is not a parameter: it has no influence and gets no gradient.
          expect(
            Math.abs(numeric - exact),
            `${JSON.stringify(sample)}: d loss / d ${value.name}[${at}] is ${exact}, numerically ${numeric}`,
          ).toBeLessThan(1e-4 * (1 + Math.abs(numeric)));
        }
      }
    }
  });
});
