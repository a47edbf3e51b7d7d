import { packPanels } from '../../src/core/panels.ts';
import type { Safetensors } from '../../src/formats/safetensors.ts';
import * as thimble from '../../src/index.ts';
import type { Variable } from '../../src/ir/variable.ts';

/** A trace, the network it was made with, and where the network's weights are in it. */
export interface GoldenCase {
  readonly file: string;
  readonly build: () => thimble.Model;
  readonly optimizer: () => ReturnType<typeof thimble.sgd>;
}

/** The hyperparameters of the traces (`__metadata__.optimizer`). */
const optimizers = {
  sgd: () => thimble.sgd({ learningRate: 0.1 }),
  momentum: () => thimble.sgd({ learningRate: 0.05, momentum: 0.9 }),
  rmsprop: () => thimble.rmsprop({ learningRate: 0.001, rho: 0.99, epsilon: 1e-8 }),
  adam: () => thimble.adam({ learningRate: 0.01, epsilon: 1e-8 }),
  adamw: () => thimble.adamW({ learningRate: 0.01, epsilon: 1e-8, weightDecay: 0.05 }),
};

const { dense, conv2d, depthwiseConv2d, batchNormalization, activation, maxPooling2d, globalAveragePooling2d, input, sequential } = thimble;

export const mlp = () =>
  sequential([
    input({ shape: [64] }),
    dense({ units: 32, activation: 'tanh', name: 'fc1' }),
    dense({ units: 24, activation: 'sigmoid', name: 'fc2' }),
    dense({ units: 10, name: 'fc3' }),
  ]);

export const cnn = () =>
  sequential([
    input({ shape: [8, 8, 1] }),
    conv2d({ filters: 8, kernelSize: 3, padding: 'same', name: 'conv1' }),
    batchNormalization({ epsilon: 1e-5, momentum: 0.9, unbiased: true, name: 'bn1' }),
    activation({ activation: 'relu' }),
    maxPooling2d(),
    depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false, name: 'dw' }),
    conv2d({ filters: 16, kernelSize: 1, activation: 'relu6', name: 'pw' }),
    conv2d({ filters: 16, kernelSize: 3, strides: 2, padding: [1, 1, 1, 1], activation: 'relu', name: 'conv2' }),
    globalAveragePooling2d(),
    dense({ units: 10, name: 'fc' }),
  ]);

export function encoder(): thimble.Model {
  const x = input({ shape: [8, 8] });
  const embedded = dense({ units: 16, name: 'emb' })(x);
  const normed = thimble.layerNormalization({ epsilon: 1e-5, name: 'ln1' })(embedded);
  const attended = thimble.multiHeadAttention({ numHeads: 2, keyDim: 8, name: 'attention' })([normed, normed]);
  const middle = thimble.add()([embedded, attended]);
  const hidden = dense({ units: 32, activation: 'gelu', name: 'f1' })(thimble.layerNormalization({ epsilon: 1e-5, name: 'ln2' })(middle));
  const end = thimble.add()([middle, dense({ units: 16, name: 'f2' })(hidden)]);
  return thimble.model({ inputs: [x], output: dense({ units: 10, name: 'head' })(thimble.globalAveragePooling1d()(end)) });
}

export const goldenCases: GoldenCase[] = Object.entries({ mlp, cnn, encoder }).flatMap(([network, build]) =>
  Object.entries(optimizers).map(([name, optimizer]) => ({ file: `${network}-${name}`, build, optimizer })),
);

const sources: Readonly<Record<string, string>> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  movingMean: 'running_mean',
  movingVariance: 'running_var',
};

/** PyTorch's data of a weight, in thimble's logical shape and order. */
export function toThimble(
  _: GoldenCase,
  { name, logicalShape }: Variable,
  read: (source: string) => Float32Array,
): { name: string; data: Float32Array } {
  const [layer, weight] = name.split('/') as [string, string];
  const attention = /^(query|key|value|output)(Kernel|Bias)$/.exec(weight);
  const source = attention
    ? `${{ query: 'q', key: 'k', value: 'v', output: 'o' }[attention[1] as 'query']}.${attention[2] === 'Kernel' ? 'weight' : 'bias'}`
    : `${layer}.${sources[weight]}`;
  const data = read(source);
  const matrix = logicalShape.length > 1;
  return { name: source, data: matrix ? outputsLast(data, logicalShape) : data };
}

/** [out, in] or [out, in, kh, kw] → [in, out] or [kh, kw, in, out] (depthwise: [kh, kw, channels]). */
function outputsLast(data: Float32Array, shape: readonly number[]): Float32Array {
  const out = shape.at(-1) as number;
  const inner = data.length / out;
  const [channels, field] =
    shape.length === 4 ? [shape[2] as number, (shape[0] as number) * (shape[1] as number)] : shape.length === 3 ? [1, inner] : [inner, 1];
  return data.map((_, i) => {
    const o = i % out;
    const c = Math.floor(i / out) % channels;
    const tap = Math.floor(i / (out * channels));
    return data[(o * channels + c) * field + tap] as number;
  });
}

/** Copies the trace's `prefix.*` tensors into the model. */
export function setWeights(model: thimble.Model, golden: GoldenCase, trace: Safetensors, prefix: string): void {
  const read = (name: string): Float32Array => {
    const found = trace.tensors.get(`${prefix}.${name}`);
    if (!found) throw new Error(`the trace has no ${prefix}.${name}`);
    return found.data as Float32Array;
  };
  model.setWeights(
    model.weights.map(({ variable }) => {
      const { data } = toThimble(golden, variable, read);
      return variable.layout.kind === 'rows' ? data : packPanels(data, variable.logicalShape, variable.layout.groups);
    }),
  );
}
