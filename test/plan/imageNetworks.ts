import { Random } from '../../src/core/random.ts';
import { type Shape, sizeOf } from '../../src/core/shape.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { conv2d } from '../../src/ops/conv2d.ts';
import { depthwiseConv2d } from '../../src/ops/depthwiseConv2d.ts';
import { linear } from '../../src/ops/linear.ts';
import { reduceMean } from '../../src/ops/reduceMean.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { softmax } from '../../src/ops/softmax.ts';
import { transpose } from '../../src/ops/transpose.ts';

/** Layers with random weights: what they take is what counts, and equal ones would lie in one place. */
class Builder {
  readonly graph: Graph;
  readonly #random = new Random(1);

  constructor(name: string) {
    this.graph = new Graph(name);
  }

  weights(...shape: number[]): Value {
    const data = Float32Array.from({ length: sizeOf(shape as Shape) }, () => this.#random.uniform(-1, 1));
    return this.graph.constant({ dtype: 'f32', shape, data });
  }

  panels(depth: number, columns: number): Value {
    return this.weights(1, Math.ceil(columns / 8), depth, 8);
  }

  conv(
    x: Value,
    filters: number,
    { kernel = [1, 1], stride = 1, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = {},
  ): Value {
    const depth = (kernel[0] as number) * (kernel[1] as number) * (x.shape[3] as number);
    const inputs = [x, this.panels(depth, filters), this.weights(filters)];
    const padding = `${kernel}` === '3,3' ? ([1, 1, 1, 1] as const) : 'same';
    return conv2d(inputs, { kernel: kernel as [number, number], filters, padding, strides: [stride, stride], low, high });
  }

  /** The same with the sum of a residual connection in its epilogue. */
  added(x: Value, filters: number, residual: Value): Value {
    return conv2d([x, this.panels(x.shape[3] as number, filters), this.weights(filters), residual], { filters, residual: true });
  }

  depthwise(x: Value, { stride = 1, high = Number.POSITIVE_INFINITY } = {}): Value {
    const channels = x.shape[3] as number;
    const inputs = [x, this.weights(3, 3, channels), this.weights(channels)];
    return depthwiseConv2d(inputs, { kernel: [3, 3], padding: [1, 1, 1, 1], strides: [stride, stride], low: 0, high });
  }

  dense(x: Value, units: number): Value {
    return linear([x, this.panels(x.shape.at(-1) as number, units), this.weights(units)], { units });
  }

  pooled(x: Value): Value {
    return reduceMean(x, { axes: [1, 2], keepDims: false });
  }
}

/** MobileNetV2 1.0 on 224×224 pixels (Sandler et al. 2018, table 2): expansion, channels, repeats, stride. */
export function mobileNetV2(): Graph {
  const b = new Builder('MobileNetV2');
  const image = transpose(b.graph.input('image', { dtype: 'f32', shape: [1, 3, 224, 224] }), { perm: [0, 2, 3, 1] });
  let x = b.conv(image, 32, { kernel: [3, 3], stride: 2, low: 0, high: 6 });
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  for (const [expansion, channels, repeats, first] of stages) {
    for (let i = 0; i < repeats; i++) {
      const before = x;
      const wide = expansion > 1 ? b.conv(x, expansion * (x.shape[3] as number), { low: 0, high: 6 }) : x;
      const filtered = b.depthwise(wide, { stride: i === 0 ? first : 1, high: 6 });
      x = i === 0 ? b.conv(filtered, channels) : b.added(filtered, channels, before);
    }
  }
  b.graph.output('scores', b.dense(b.pooled(b.conv(x, 1280, { low: 0, high: 6 })), 1000));
  return b.graph;
}

/** The keyword spotter of MLPerf Tiny: DS-CNN on 49 × 10 coefficients. */
export function dsCnn(): Graph {
  const b = new Builder('DS-CNN');
  const input = b.graph.input('coefficients', { dtype: 'f32', shape: [1, 1, 49, 10] });
  let x = b.conv(reshape(input, { shape: [1, 49, 10, 1] }), 64, { kernel: [10, 4], stride: 2, low: 0 });
  for (let i = 0; i < 4; i++) x = b.conv(b.depthwise(x), 64, { low: 0 });
  b.graph.output('keywords', softmax(b.dense(b.pooled(x), 12)));
  return b.graph;
}

/** A residual network with branches that live side by side, for the planner: `width` filters, on `size` × `size` pixels. */
export function branches(size: number, width: number): Graph {
  const b = new Builder('branches');
  const image = b.graph.input('image', { dtype: 'f32', shape: [1, size, size, 3] });
  let x = b.conv(image, width, { kernel: [3, 3], low: 0 });
  for (const [scale, stride] of [
    [1, 1],
    [2, 2],
    [3, 1],
    [4, 2],
  ] as const) {
    const deep = b.conv(b.depthwise(b.conv(x, width * scale, { low: 0 }), { stride }), width * scale, { kernel: [3, 3] });
    x = b.added(b.depthwise(x, { stride }), width * scale, deep);
  }
  b.graph.output('y', b.dense(b.pooled(x), 10));
  return b.graph;
}
