import { buildModel } from '../src/cli/digits.ts';
import * as t from '../src/index.ts';
import { cnn, encoder, mlp } from './train/goldenModels.ts';

/** Networks of every kind of layer, for tests that must hold on all of them. Inputs are small; losses fit the outputs. */
export interface TestNetwork {
  readonly name: string;
  readonly build: () => t.Model;
  readonly compile: t.CompileOptions;
}

const classes = { loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'], batchSize: 8 } as const;

export const testNetworks: readonly TestNetwork[] = [
  {
    name: 'mlp',
    build: () =>
      t.sequential([t.input({ shape: [20] }), t.dense({ units: 17, activation: 'tanh' }), t.dropout({ rate: 0.3 }), t.dense({ units: 5 })]),
    compile: { ...classes, optimizer: t.adam() },
  },
  {
    name: 'cnn',
    build: () =>
      t.sequential([
        t.input({ shape: [9, 8, 2] }),
        t.conv2d({ filters: 6, kernelSize: 3, padding: 'same', useBias: false }),
        t.batchNormalization(),
        t.activation({ activation: 'relu6' }),
        t.maxPooling2d({ padding: 'same' }),
        t.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'hardSwish' }),
        t.conv2d({ filters: 12, kernelSize: 1, activation: 'silu', kernelRegularizer: { l1: 1e-4, l2: 1e-3 } }),
        t.conv2d({ filters: 8, kernelSize: 3, strides: 2, groups: 4, padding: 'same' }),
        t.groupNormalization({ groups: 2 }),
        t.prelu(),
        t.globalAveragePooling2d(),
        t.dense({ units: 5, activation: 'softmax' }),
      ]),
    compile: { ...classes, optimizer: t.sgd({ momentum: 0.9, nesterov: true, globalClipNorm: 1 }) },
  },
  {
    name: 'autoencoder',
    build: () =>
      t.sequential([
        t.input({ shape: [8, 8, 1] }),
        t.zeroPadding2d({ padding: 1 }),
        t.conv2d({ filters: 4, kernelSize: 3, strides: 2, activation: 'elu' }),
        t.averagePooling2d(),
        t.upSampling2d({ size: 2, interpolation: 'bilinear' }),
        t.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same', activation: 'gelu' }),
        t.conv2d({ filters: 1, kernelSize: 1, activation: 'sigmoid' }),
      ]),
    compile: { loss: 'mse', metrics: ['mae'], batchSize: 4, optimizer: t.rmsprop({ clipNorm: 1 }) },
  },
  {
    name: 'residual',
    build() {
      const x = t.input({ shape: [6, 6, 4] });
      const a = t.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' })(x);
      const b = t.add()([x, t.conv2d({ filters: 4, kernelSize: 3, padding: 'same', dilationRate: 2 })(a)]);
      const c = t.concatenate()([b, t.multiply()([a, b])]);
      return t.model({ inputs: [x], output: t.dense({ units: 5 })(t.flatten()(c)) });
    },
    compile: { ...classes, optimizer: t.adagrad({ clipValue: 0.5 }) },
  },
  {
    name: 'encoder',
    build() {
      const tokens = t.input({ shape: [7], dtype: 'i32' });
      const embedded = t.embedding({ inputDim: 11, outputDim: 12 })(tokens);
      const normed = t.layerNormalization()(embedded);
      const middle = t.add()([embedded, t.multiHeadAttention({ numHeads: 3, keyDim: 4 })([normed, normed])]);
      const hidden = t.dense({ units: 24, activation: 'geluTanh' })(t.rmsNormalization()(middle));
      const end = t.add()([middle, t.dense({ units: 12 })(t.dropout({ rate: 0.1 })(hidden))]);
      return t.model({ inputs: [tokens], output: t.dense({ units: 5 })(t.globalAveragePooling1d()(end)) });
    },
    compile: { ...classes, optimizer: t.adamW() },
  },
  {
    name: 'recurrent',
    build: () =>
      t.sequential([
        t.input({ shape: [6, 3] }),
        t.lstm({ units: 5, returnSequences: true }),
        t.gru({ units: 7, returnSequences: true }),
        t.simpleRnn({ units: 4 }),
        t.dense({ units: 5 }),
      ]),
    compile: { ...classes, optimizer: t.adam({ gradientAccumulationSteps: 2 }) },
  },
  { name: 'digits', build: () => buildModel(1), compile: { ...classes, optimizer: t.adam(), budget: '256KB' } },
  {
    name: 'mnist',
    build: () =>
      t.sequential([
        t.input({ shape: [28, 28, 1] }),
        t.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
        t.maxPooling2d(),
        t.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
        t.maxPooling2d(),
        t.flatten(),
        t.dense({ units: 10 }),
      ]),
    compile: { ...classes, optimizer: t.adam() },
  },
  { name: 'golden mlp', build: mlp, compile: { ...classes, optimizer: t.adam() } },
  { name: 'golden cnn', build: cnn, compile: { ...classes, optimizer: t.rmsprop() } },
  { name: 'golden encoder', build: encoder, compile: { ...classes, optimizer: t.adamW() } },
];

/** Random rows that fit a compiled network. */
export function randomRows(model: t.Model, rows: number, seed = 3): { x: t.TypedArray; y: t.TypedArray } {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const [input] = model.network.inputs;
  const size = (shape: readonly number[] = []) => shape.reduce((a, b) => a * b, 1);
  const length = rows * size(input?.shape);
  const x = input?.dtype === 'i32' ? Int32Array.from({ length }, () => next() * 11) : Float32Array.from({ length }, () => next() * 2 - 1);
  const outputs = size(model.network.output.shape);
  const sparse = model.compiled?.loss.labels === 'i32';
  const y = sparse ? Int32Array.from({ length: rows }, () => next() * outputs) : Float32Array.from({ length: rows * outputs }, next);
  return { x, y };
}
