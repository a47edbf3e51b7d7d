import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { packPanels, panelShape } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf } from '../../src/core/shape.ts';
import { Importer } from '../../src/formats/onnx/importer.ts';
import { decodeModel } from '../../src/formats/onnx/proto.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import * as ops from '../../src/ops/index.ts';
import { quantizeIslands } from '../../src/passes/islands.ts';
import { optimize } from '../../src/passes/optimize.ts';
import { prune } from '../../src/passes/prune.ts';
import { wholeNumbers } from '../../src/passes/steps.ts';
import { flavours, runKernels, runReference } from '../ops/lowering.ts';

interface Step {
  readonly scale: number;
  readonly zero: number;
}

/** A network under construction: constants of whole steps, and values that are quantized and dequantized. */
class Network {
  readonly graph = new Graph('infer');
  readonly #random = new Random(5);

  input(...shape: number[]): Value {
    return this.graph.input(`x${this.graph.inputs.length}`, { dtype: 'f32', shape });
  }

  /** Row-major weights: 8-bit numbers from `least` on times a step for each column. */
  rows(shape: Shape, least = -127): Float32Array {
    const columns = shape.at(-1) as number;
    const steps = Array.from({ length: columns }, () => Math.fround(this.#random.uniform(0.002, 0.01)));
    return Float32Array.from(
      { length: sizeOf(shape) },
      (_, i) => Math.floor(this.#random.uniform(least, least + 255)) * (steps[i % columns] as number),
    );
  }

  weights(shape: Shape, packed: 'panels' | 'rows', groups = 1, least?: number): Value {
    const data = this.rows(shape, least);
    if (packed === 'rows') return this.graph.constant({ dtype: 'f32', shape, data });
    return this.graph.constant({ dtype: 'f32', shape: panelShape(shape, groups), data: packPanels(data, shape, groups) });
  }

  bias(count: number): Value {
    return this.graph.constant({
      dtype: 'f32',
      shape: [count],
      data: Float32Array.from({ length: count }, () => this.#random.uniform(-0.3, 0.3)),
    });
  }

  steps(x: Value, scale: number, zero = 0): Value {
    return ops.dequantizeInt8(ops.quantizeInt8(x, { scale, zero }), { scale, zero });
  }
}

interface Case {
  readonly name: string;
  readonly body: (net: Network) => Value;
  /** Operators that are left, but for the quantization of inputs and the dequantization of the output. */
  readonly left: string;
  readonly y: Step;
}
const image = (net: Network, channels = 5, scale = 0.02): Value => net.steps(net.input(2, 7, 6, channels), scale, -20);

const cases: Case[] = [
  {
    name: 'a convolution with bias and relu',
    body: (n) =>
      ops.relu(ops.conv2d([image(n), n.weights([3, 3, 5, 9], 'panels'), n.bias(9)], { kernel: [3, 3], filters: 9, padding: 'same' })),
    left: 'conv2dInt8',
    y: { scale: 0.01, zero: -128 },
  },
  {
    name: 'a grouped convolution, limited in its epilogue',
    body: (n) =>
      ops.conv2d([image(n, 6), n.weights([3, 2, 3, 8], 'panels', 2)], { kernel: [3, 2], filters: 8, groups: 2, low: -0.2, high: 0.7 }),
    left: 'conv2dInt8',
    y: { scale: 0.006, zero: 4 },
  },
  {
    name: 'a depthwise convolution',
    body: (n) =>
      ops.clip(
        ops.depthwiseConv2d([image(n, 9), n.weights([3, 3, 9], 'rows'), n.bias(9)], { kernel: [3, 3], strides: [2, 2], padding: 'same' }),
        { min: 0, max: 6 },
      ),
    left: 'depthwiseConv2dInt8',
    y: { scale: 0.01, zero: -100 },
  },
  {
    name: 'a grouped convolution with uint8 weights: channels that need 9 bits are read twice in each group',
    body: (n) => ops.conv2d([image(n, 6), n.weights([2, 2, 3, 8], 'panels', 2, -201)], { kernel: [2, 2], filters: 8, groups: 2 }),
    left: 'conv2dInt8 gather',
    y: { scale: 0.02, zero: 4 },
  },
  {
    name: 'a depthwise convolution with uint8 weights: in two parts',
    body: (n) => ops.depthwiseConv2d([image(n, 9), n.weights([3, 3, 9], 'rows', 1, -60), n.bias(9)], { kernel: [3, 3], padding: 'same' }),
    left: 'depthwiseConv2dInt8',
    y: { scale: 0.02, zero: -10 },
  },
  {
    name: 'what is moved, and joined in one scale, on its way to a convolution',
    body: (n) => {
      const parts = [image(n, 3), image(n, 6)];
      const some = ops.slice(ops.concat(parts, { axis: 3 }), { starts: [0, 0, 1, 2], sizes: [2, 7, 5, 5] });
      return ops.conv2d([some, n.weights([3, 3, 5, 9], 'panels')], { kernel: [3, 3], filters: 9 });
    },
    left: 'concat conv2dInt8 slice',
    y: { scale: 0.02, zero: 0 },
  },
  {
    name: 'a dense layer behind a flatten',
    body: (n) => ops.linear([ops.reshape(image(n), { shape: [2, -1] }), n.weights([210, 11], 'panels'), n.bias(11)], { units: 11 }),
    left: 'linearRowsInt8',
    y: { scale: 0.05, zero: 3 },
  },
  {
    name: 'a dense layer of many rows',
    body: (n) => ops.linear([n.steps(n.input(2, 3, 17), 0.02, -5), n.weights([17, 11], 'panels'), n.bias(11)], { units: 11 }),
    left: 'linearInt8',
    y: { scale: 0.05, zero: 3 },
  },
  {
    name: 'a sum, a difference and a product of different scales',
    body: (n) => {
      const [a, b] = [n.steps(n.input(3, 17), 0.013, 5), n.steps(n.input(17), 0.02, -9)];
      const sum = n.steps(ops.add([a, b]), 0.017, 1);
      return ops.mul([n.steps(ops.sub([sum, b]), 0.02, 0), sum]);
    },
    left: 'addInt8 addInt8 mulInt8',
    y: { scale: 0.03, zero: -3 },
  },
  { name: 'a function of one number', body: (n) => ops.sigmoid(ops.neg(image(n))), left: 'lookup', y: { scale: 1 / 256, zero: -128 } },
  {
    name: 'pooling in other scales',
    body: (n) =>
      ops.averagePool2d(n.steps(ops.maxPool2d(image(n), { kernel: [2, 2], strides: [1, 1] }), 0.03, 7), {
        kernel: [3, 3],
        strides: [2, 2],
        padding: 'same',
      }),
    left: 'averagePool2dInt8 lookup maxPool2dInt8',
    y: { scale: 0.025, zero: 0 },
  },
  {
    name: 'the mean of an image',
    body: (n) => ops.reduceMean(image(n), { axes: [1, 2] }),
    left: 'averagePool2dInt8',
    y: { scale: 0.004, zero: 11 },
  },
  {
    name: 'what only moves',
    body: (n) => {
      const x = image(n);
      const padded = n.steps(
        ops.pad(x, {
          pads: [
            [0, 0],
            [1, 1],
            [0, 2],
            [0, 0],
          ],
          value: 0,
        }),
        0.02,
        -20,
      );
      const part = n.steps(ops.slice(padded, { starts: [0, 1, 0, 0], sizes: [2, 5, 6, 4] }), 0.02, -20);
      return ops.concat([ops.transpose(part, { perm: [0, 2, 1, 3] }), n.steps(n.input(2, 6, 5, 3), 0.01, 0)], { axis: -1 });
    },
    left: 'concat lookup pad slice transpose',
    y: { scale: 0.02, zero: -20 },
  },
  {
    name: 'a function of several steps, with numbers',
    body: (n) => {
      const x = image(n);
      const g = n.graph;
      const sum = ops.add([g.scalar(1), ops.erf(ops.div([x, g.scalar(1.4)]))]);
      return ops.mul([ops.sub([g.scalar(0.5), ops.square(sum)]), g.scalar(0.5)]);
    },
    left: 'lookup',
    y: { scale: 0.02, zero: 3 },
  },
  {
    name: 'gammas of ones and betas of one number',
    body: (n) => {
      const all = (number: number) => n.graph.constant({ dtype: 'f32', shape: [5], data: new Float32Array(5).fill(number) });
      return ops.add([ops.mul([image(n), all(1)]), all(0.257)]);
    },
    left: 'lookup',
    y: { scale: 0.02, zero: 3 },
  },
  {
    name: 'a constant with a zero point',
    body: (n) => {
      const data = Float32Array.from([-20, 0, 235, 17, 4], (number) => number * 0.01);
      return ops.add([image(n), n.graph.constant({ dtype: 'f32', shape: [5], data })]);
    },
    left: 'addInt8',
    y: { scale: 0.03, zero: -3 },
  },
  {
    name: 'a factor behind a product of matrices',
    body: (n) => {
      const [a, b] = [n.steps(n.input(2, 3, 4, 9), 0.03, 7), n.steps(n.input(2, 1, 9, 11), 0.02, -30)];
      return ops.clip(ops.div([ops.matmul([a, b], { alpha: 0.5 }), n.graph.scalar(1.7)]), { min: -0.5, max: 1.4 });
    },
    left: 'matmulInt8',
    y: { scale: 0.02, zero: -3 },
  },
  {
    name: 'a product of matrices that are turned',
    body: (n) => {
      const heads = (scale: number, zero: number) => ops.reshape(n.steps(n.input(2, 5, 12), scale, zero), { shape: [2, 5, 3, 4] });
      const q = ops.transpose(heads(0.03, 7), { perm: [0, 2, 1, 3] });
      return ops.matmul([q, ops.transpose(heads(0.02, -9), { perm: [0, 2, 3, 1] })]);
    },
    left: 'matmulInt8 transpose transpose',
    y: { scale: 0.02, zero: 5 },
  },
  {
    name: 'a product of a matrix with itself, transposed',
    body: (n) => {
      const x = n.steps(n.input(3, 7, 6), 0.03, 7);
      return ops.matmul([ops.transpose(x, { perm: [0, 2, 1] }), x]);
    },
    left: 'matmulInt8',
    y: { scale: 0.05, zero: -90 },
  },
];

const quantizer = ['quantizeInt8', 'dequantizeInt8', 'reshape'];

test.each(cases)('$name', async ({ body, left, y }) => {
  const build = (): Graph => {
    const net = new Network();
    net.graph.output('y', net.steps(body(net), y.scale, y.zero));
    return net.graph;
  };
  const random = new Random(9);
  const feeds = Object.fromEntries(
    build().inputs.map(({ name, shape }) => [name, Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-2, 2))]),
  );
  const want = runReference(build(), Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, Float64Array.from(data)])))
    .y as Float64Array;
  const quantized = () => {
    const graph = quantizeIslands(build());
    prune(graph);
    return graph;
  };
  const operators = quantized()
    .nodes.map(({ op }) => op)
    .filter((op) => !quantizer.includes(op));
  expect(operators.sort().join(' ')).toBe(left);
  // Inputs are quantized, and the output is dequantized, nothing else.
  expect(quantized().nodes.filter(({ op }) => op === 'dequantizeInt8').length).toBe(1);
  expect(quantized().nodes.filter(({ op }) => op === 'quantizeInt8').length).toBe(build().inputs.length);
  let first: number[] | undefined;
  for (const flavour of flavours) {
    const got = Array.from((await runKernels(quantized(), feeds, flavour)).y as Float32Array);
    first ??= got;
    expect(got, `${flavour} gives the same bits`).toEqual(first);
    const off = got.map((value, i) => Math.abs(value - (want[i] as number)) / y.scale);
    expect(Math.max(...off), 'steps off').toBeLessThanOrEqual(1.001);
    expect(off.filter((steps) => steps > 0.5).length, 'numbers a step off').toBeLessThanOrEqual(got.length * 0.02);
  }
  expect(new Set(first).size, 'different results').toBeGreaterThan(6);
});

test('weights without a step stay in float', () => {
  const net = new Network();
  const data = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i + 1));
  expect(wholeNumbers(data, 3)).toBeUndefined();
  const w = net.graph.constant({ dtype: 'f32', shape: panelShape([5, 6]), data: packPanels(data, [5, 6]) });
  net.graph.output('y', ops.quantizeInt8(ops.linear([net.steps(net.input(2, 5), 0.02), w], { units: 6 }), { scale: 0.1, zero: 0 }));
  expect(quantizeIslands(net.graph).nodes.map(({ op }) => op)).toContain('linear');
});

test('a result that something else reads in float stays in float', () => {
  const net = new Network();
  const y = ops.linear([net.steps(net.input(2, 5), 0.02), net.weights([5, 6], 'panels')], { units: 6 });
  net.graph.output('float', y);
  net.graph.output('y', ops.quantizeInt8(y, { scale: 0.1, zero: 0 }));
  expect(quantizeIslands(net.graph).nodes.map(({ op }) => op)).toContain('linear');
});

test('8-bit operators have the names of the float ones they stand for', () => {
  const net = new Network();
  const y = net.graph.named('encoder/dense', () =>
    ops.linear([net.steps(net.input(2, 5), 0.02), net.weights([5, 6], 'panels')], { units: 6 }),
  );
  const gelu = net.graph.named('encoder/gelu', () => ops.gelu(net.steps(y, 0.1)));
  net.graph.output('y', ops.quantizeInt8(gelu, { scale: 0.1, zero: 0 }));
  const graph = quantizeIslands(net.graph);
  prune(graph);
  const named = graph.nodes.map(({ name, op }) => `${name}: ${op}`);
  expect(named).toContain('encoder/dense: linearRowsInt8');
  expect(named).toContain('encoder/gelu: lookup');
});

const folder = new URL('../../../shared/bench-models/', import.meta.url);
/** What runs in float in each model; transpositions and reshapes are not counted. */
const inFloat: Readonly<Record<string, string>> = {
  autoencoder_ad: '',
  dscnn_kws: 'reduceMean softmax',
  mobilenetv1_0: 'softmax',
  mobilenetv2_1: '',
  resnet8_cifar: 'softmax',
};

describe.skipIf(!existsSync(folder))('8-bit models of onnxruntime’s quantizer (../shared/bench-models)', () => {
  test.each(Object.entries(inFloat))('%s', (name, left) => {
    const file = readdirSync(folder).find((entry) => entry.startsWith(name) && entry.endsWith('_int8qdq.onnx')) as string;
    const bytes = readFileSync(new URL(file, folder));
    const graph = optimize(new Importer(decodeModel(bytes), bytes.length).run({}).graph);
    const float = graph.nodes.filter(
      ({ op, inputs }) => inputs[0]?.dtype === 'f32' && !['quantizeInt8', 'reshape', 'transpose'].includes(op),
    );
    expect(
      float
        .map(({ op }) => op)
        .sort()
        .join(' '),
    ).toBe(left);
  });
});

test('the steps of weights are found to the bit', () => {
  const random = new Random(11);
  const steps = Float32Array.from({ length: 2000 }, () => 2 ** random.uniform(-14, 2));
  const numbers = Array.from({ length: 9 * steps.length }, () => Math.floor(random.uniform(-127, 128)));
  const weights = Float32Array.from(numbers, (number, i) => number * (steps[i % steps.length] as number));
  // The largest of a column says what its step is counted by.
  weights.set(steps.map((step) => 127 * step));
  expect(wholeNumbers(weights, steps.length)?.steps).toEqual(steps);
});

test('the bias of a filter of zeros keeps its digits', () => {
  const net = new Network();
  const rows = net.rows([3, 3, 5, 4]).map((weight, i) => (i % 4 === 2 ? 0 : weight));
  const w = net.graph.constant({ dtype: 'f32', shape: panelShape([3, 3, 5, 4], 1), data: packPanels(rows, [3, 3, 5, 4], 1) });
  const bias = net.graph.constant({ dtype: 'f32', shape: [4], data: Float32Array.of(0.1, 0.2, 0.34, 0) });
  const y = ops.conv2d([net.steps(net.input(1, 4, 4, 5), 1), w, bias], { kernel: [3, 3], filters: 4 });
  net.graph.output('y', ops.quantizeInt8(y, { scale: 0.01, zero: -7 }));
  const whole = quantizeIslands(net.graph);
  prune(whole);
  const { y: bytes } = runReference(whole, { x0: new Float64Array(80).fill(3) });
  expect(whole.nodes.map(({ op }) => op)).toContain('conv2dInt8');
  expect(Array.from(bytes as Float64Array).filter((_, i) => i % 4 === 2)).toEqual([27, 27, 27, 27]);
});
