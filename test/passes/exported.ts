// Networks as exporters write them: NCHW between transpositions (as the ONNX importer makes them), functions in small operators.
import { packPanels, panelShape } from '../../src/core/panels.ts';
import { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf } from '../../src/core/shape.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import * as ops from '../../src/ops/index.ts';
import { split } from '../../src/ops/split.ts';

/** Adds the nodes of a network to `graph` and returns its outputs. */
type Body = (graph: Graph, draw: (...shape: number[]) => Value, x: Value) => Value[];

export interface Exported {
  readonly name: string;
  readonly input: Shape;
  readonly body: Body;
  /** Operators that are left when all passes are done, sorted; views are not counted. */
  readonly left: string;
}

export function graphOf({ input, body }: Exported): Graph {
  const graph = new Graph('infer');
  const random = new Random(3);
  const draw = (...shape: number[]) =>
    graph.constant({ dtype: 'f32', shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-1, 1)) });
  const x = graph.input('x', { dtype: 'f32', shape: input });
  body(graph, draw, x).forEach((value, i) => void graph.output(`y${i}`, value));
  return graph;
}

const toNhwc = (x: Value) => ops.transpose(x, { perm: [0, 2, 3, 1] });
const toNchw = (x: Value) => ops.transpose(x, { perm: [0, 3, 1, 2] });

/** Weights in rows → a constant in panels. */
function panels(weights: Value, groups = 1): Value {
  if (weights.origin.kind !== 'const') throw new Error('weights are constants');
  const data = packPanels(weights.origin.data as Float32Array, weights.shape, groups);
  return weights.graph.constant({ dtype: 'f32', shape: panelShape(weights.shape, groups), data });
}

type Draw = Parameters<Body>[1];

const conv = (draw: Draw, x: Value, filters: number, k = 3, attrs: object = {}): Value => {
  const weights = panels(draw(k, k, x.shape[1] as number, filters));
  return toNchw(ops.conv2d([toNhwc(x), weights], { kernel: [k, k], filters, padding: [k >> 1, k >> 1, k >> 1, k >> 1], ...attrs }));
};
const depthwise = (draw: Draw, x: Value): Value =>
  toNchw(ops.depthwiseConv2d([toNhwc(x), draw(3, 3, x.shape[1] as number)], { kernel: [3, 3], padding: [1, 1, 1, 1] }));
/** (x - mean) · scale + shift by channel, as batch normalisation without statistics to learn. */
const batchNorm = (draw: Draw, x: Value): Value => {
  const c = x.shape[1] as number;
  return ops.add([ops.mul([ops.sub([x, draw(1, c, 1, 1)]), draw(1, c, 1, 1)]), draw(1, c, 1, 1)]);
};
const scalar = (x: Value, number: number) => x.graph.scalar(number);
const dense = (draw: Draw, x: Value, units: number): Value =>
  ops.add([ops.linear([x, panels(draw(x.shape.at(-1) as number, units))], { units }), draw(units)]);
const layerNorm = (draw: Draw, x: Value): Value => {
  const mean = (value: Value) => ops.reduceMean(value, { axes: [-1], keepDims: true });
  const centred = ops.sub([x, mean(x)]);
  const deviation = ops.sqrt(ops.add([mean(ops.pow([centred, scalar(x, 2)])), scalar(x, 1e-5)]));
  const columns = x.shape.at(-1) as number;
  return ops.add([ops.mul([ops.div([centred, deviation]), draw(columns)]), draw(columns)]);
};
const erfGelu = (x: Value): Value =>
  ops.mul([ops.mul([x, ops.add([ops.erf(ops.div([x, scalar(x, Math.SQRT2)])), scalar(x, 1)])]), scalar(x, 0.5)]);
const heads = (x: Value, count: number): Value => {
  const [n, t, d] = x.shape as [number, number, number];
  return ops.reshape(x, { shape: [n, t, count, d / count] });
};
const joined = (x: Value): Value => {
  const [n, h, t, d] = x.shape as [number, number, number, number];
  return ops.reshape(ops.transpose(x, { perm: [0, 2, 1, 3] }), { shape: [n, t, h * d] });
};
const scores = (q: Value, k: Value, scale: number): Value => ops.mul([ops.matmul([q, k]), scalar(q, scale)]);

export const exported: readonly Exported[] = [
  {
    name: 'a residual network of convolutions, batch normalisation and relu',
    input: [1, 3, 9, 8],
    body(_, draw, x) {
      const a = ops.relu(batchNorm(draw, conv(draw, x, 8)));
      const b = ops.relu(ops.add([batchNorm(draw, conv(draw, ops.relu(batchNorm(draw, conv(draw, a, 8))), 8)), a]));
      const flat = ops.reshape(ops.averagePool2d(toNhwc(b), { kernel: [9, 8], strides: [1, 1], padding: [0, 0, 0, 0] }), { shape: [1, 8] });
      return [ops.softmax(dense(draw, flat, 5))];
    },
    left: 'averagePool2d conv2d conv2d linear planarConv2d softmax',
  },
  {
    name: 'inverted residuals: pointwise, depthwise, hard-swish, squeeze and excitation',
    input: [1, 8, 6, 7],
    body(graph, draw, x) {
      const hardSwish = (value: Value) =>
        ops.div([ops.mul([value, ops.clip(ops.add([value, graph.scalar(3)]), { min: 0, max: 6 })]), graph.scalar(6)]);
      const wide = hardSwish(batchNorm(draw, conv(draw, x, 16, 1)));
      const deep = ops.clip(batchNorm(draw, depthwise(draw, wide)), { min: 0, max: 6 });
      const pooled = ops.reduceMean(deep, { axes: [2, 3], keepDims: true });
      const gate = ops.hardSigmoid(conv(draw, ops.relu(conv(draw, pooled, 4, 1)), 16, 1));
      return [ops.add([conv(draw, ops.mul([deep, gate]), 8, 1), x])];
    },
    left: 'add conv2d conv2d conv2d conv2d depthwiseConv2d hardSigmoid hardSwish mul reduceMean transpose transpose',
  },
  {
    name: 'padding before a convolution, and a flatten of NCHW before a dense layer',
    input: [2, 1, 7, 6],
    body(graph, draw, x) {
      const padded = ops.pad(x, {
        pads: [
          [0, 0],
          [0, 0],
          [1, 2],
          [0, 1],
        ],
        mode: 'constant',
        value: 0,
      });
      const y = ops.maxPool2d(toNhwc(conv(draw, padded, 4, 3, { padding: [0, 0, 0, 0] })), { kernel: [2, 2], strides: [2, 2] });
      const flat = ops.reshape(toNchw(y), { shape: [2, sizeOf(y.shape) / 2] });
      return [ops.add([ops.linear([flat, panels(draw(flat.shape[1] as number, 3))], { units: 3 }), graph.scalar(1)])];
    },
    left: 'conv2d linear maxPool2d',
  },
  {
    name: 'one-dimensional convolutions between reshapes',
    input: [1, 4, 10],
    body(_, draw, x) {
      const conv1d = (value: Value, filters: number): Value => {
        const [n, c, t] = value.shape as [number, number, number];
        const image = ops.reshape(value, { shape: [n, c, 1, t] });
        const weights = panels(draw(1, 3, c, filters));
        const y = toNchw(ops.conv2d([toNhwc(image), weights], { kernel: [1, 3], filters, padding: [0, 0, 1, 1] }));
        return ops.add([ops.reshape(y, { shape: [n, filters, t] }), draw(1, filters, 1)]);
      };
      return [ops.sigmoid(conv1d(ops.relu(conv1d(ops.relu(conv1d(x, 6)), 6)), 2))];
    },
    left: 'conv2d conv2d planarConv2d sigmoid transpose',
  },
  {
    name: 'an encoder layer: one product for queries, keys and values',
    input: [2, 5, 12],
    body(_, draw, x) {
      const n = layerNorm(draw, x);
      const [q, k, v] = split(dense(draw, n, 36), { axis: -1, sizes: [12, 12, 12] }) as [Value, Value, Value];
      const weights = ops.softmax(
        scores(ops.transpose(heads(q, 3), { perm: [0, 2, 1, 3] }), ops.transpose(heads(k, 3), { perm: [0, 2, 3, 1] }), 0.5),
      );
      const attended = ops.matmul([weights, ops.transpose(heads(v, 3), { perm: [0, 2, 1, 3] })]);
      const a = ops.add([dense(draw, joined(attended), 12), x]);
      return [ops.add([dense(draw, erfGelu(dense(draw, layerNorm(draw, a), 24)), 12), a])];
    },
    left: 'gelu groupNorm groupNorm headAttention linear linear linear linear',
  },
  {
    name: 'attention with a mask over heads of a five-axis tensor, values scaled before',
    input: [1, 6, 8],
    body(graph, draw, x) {
      const qkv = ops.transpose(ops.reshape(dense(draw, x, 24), { shape: [1, 6, 3, 2, 4] }), { perm: [2, 0, 3, 1, 4] });
      const part = (i: number) => ops.gather([qkv, graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(i) })], { axis: 0 });
      const causal = Float32Array.from({ length: 36 }, (_, i) => (i % 6 > Math.floor(i / 6) ? -1e9 : 0));
      const mask = graph.constant({ dtype: 'f32', shape: [1, 1, 6, 6], data: causal });
      const products = scores(ops.mul([part(0), graph.scalar(0.5)]), ops.transpose(part(1), { perm: [0, 1, 3, 2] }), 0.7);
      return [joined(ops.matmul([ops.softmax(ops.add([products, mask])), part(2)]))];
    },
    left: 'gather headAttention linear mul transpose',
  },
  {
    name: 'attention of three axes, batch and heads in one',
    input: [1, 4, 6],
    body(_, draw, x) {
      const own = (value: Value) => ops.reshape(ops.transpose(heads(value, 2), { perm: [0, 2, 1, 3] }), { shape: [2, 4, 3] });
      const [q, k, v] = [dense(draw, x, 6), dense(draw, x, 6), dense(draw, x, 6)].map(own) as [Value, Value, Value];
      const weights = ops.softmax(scores(q, ops.transpose(k, { perm: [0, 2, 1] }), 0.4));
      return [joined(ops.reshape(ops.matmul([weights, v]), { shape: [1, 2, 4, 3] }))];
    },
    left: 'headAttention linear linear linear transpose',
  },
  {
    name: 'scores that others read too stay apart',
    input: [1, 4, 6],
    body(_, draw, x) {
      const weights = ops.softmax(scores(dense(draw, x, 6), ops.transpose(dense(draw, x, 6), { perm: [0, 2, 1] }), 0.4));
      return [ops.matmul([weights, dense(draw, x, 6)]), ops.relu(weights)];
    },
    left: 'linear linear linear matmul matmul relu softmax transpose',
  },
  {
    name: 'SiLU, tanh-GELU, RMS normalisation',
    input: [3, 10],
    body(graph, draw, x) {
      const silu = ops.mul([x, ops.sigmoid(x)]);
      const cube = ops.mul([graph.scalar(0.044715), ops.pow([x, graph.scalar(3)])]);
      const inner = ops.mul([graph.scalar(Math.sqrt(2 / Math.PI)), ops.add([x, cube])]);
      const gelu = ops.mul([ops.mul([graph.scalar(0.5), x]), ops.add([graph.scalar(1), ops.tanh(inner)])]);
      const sum = ops.add([silu, gelu]);
      const square = ops.reduceMean(ops.mul([sum, sum]), { axes: [-1], keepDims: true });
      return [ops.mul([ops.mul([sum, ops.reciprocal(ops.sqrt(ops.add([square, graph.scalar(1e-6)])))]), draw(10)])];
    },
    left: 'add geluTanh groupNorm silu',
  },
  {
    name: 'hard swish of any rising ramp, and of no other',
    input: [3, 10],
    body(_graph, _draw, x) {
      return [0.3, 0, -0.2].map((alpha) => ops.mul([x, ops.hardSigmoid(x, { alpha, beta: 0.5 })]));
    },
    left: 'hardSigmoid hardSigmoid hardSwish mul mul',
  },
];
