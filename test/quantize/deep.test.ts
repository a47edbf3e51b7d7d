import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import * as t from '../../src/index.ts';
import { onnxruntime, runInOnnxruntime } from '../export/onnxruntime.ts';

type Layer = ReturnType<typeof t.input>;

const SIZE = 24;
const PIXELS = SIZE * SIZE * 3;
const convolution = (filters: number, kernelSize: number, activation?: 'relu' | 'relu6', strides = 1) =>
  t.conv2d({ filters, kernelSize, strides, padding: 'same', ...(activation && { activation }) });

/** As in SqueezeNet: two layers read what one gives. */
function fire(x: Layer, squeeze: number, expand: number): Layer {
  const few = convolution(squeeze, 1, 'relu')(x);
  return t.concatenate()([convolution(expand, 1, 'relu')(few), convolution(expand, 3, 'relu')(few)]);
}

/** As in ResNet: a sum that the layer behind it and the next sum read. */
function residual(x: Layer, filters: number): Layer {
  const own = x.shape.at(-1) === filters ? x : convolution(filters, 1)(x);
  return t.activation({ activation: 'relu' })(t.add()([convolution(filters, 3)(convolution(filters, 3, 'relu')(x)), own]));
}

/** As in MobileNetV2: sums without a limit, so zero points are anywhere. */
function inverted(x: Layer, filters: number): Layer {
  const wide = convolution(4 * filters, 1, 'relu6')(x);
  const spread = t.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu6' })(wide);
  const narrow = convolution(filters, 1)(spread);
  return x.shape.at(-1) === filters ? t.add()([x, narrow]) : narrow;
}

/** As in DenseNet: what was limited is joined with what was not. */
function grown(x: Layer, growth: number): Layer {
  const few = convolution(4 * growth, 1, 'relu')(x);
  return t.concatenate()([x, convolution(growth, 3)(few)]);
}

/** As in RegNet: a gate for each channel. */
function gated(x: Layer, filters: number): Layer {
  const y = convolution(filters, 3, 'relu')(x);
  const gate = t.dense({ units: filters, activation: 'sigmoid' })(t.dense({ units: 8, activation: 'relu' })(t.globalAveragePooling2d()(y)));
  return convolution(filters, 1, 'relu')(t.multiply()([y, t.reshape({ targetShape: [1, 1, filters] })(gate)]));
}

/** Networks of a depth at which one number that is rounded another way changes the result by many steps. */
const networks: Readonly<Record<string, () => t.Model>> = {
  fires() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    let y = t.maxPooling2d()(convolution(16, 3, 'relu')(x));
    for (const squeeze of [8, 8, 12, 12, 16, 16]) y = fire(y, squeeze, 2 * squeeze);
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(y)) });
  },
  growing() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    let y = convolution(12, 3, 'relu')(x);
    for (const transition of [false, false, true, false, true, false, false]) {
      y = grown(y, 6);
      if (transition) y = t.averagePooling2d()(convolution(12, 1, 'relu')(y));
    }
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(y)) });
  },
  gates() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    let y = convolution(16, 3, 'relu', 2)(x);
    for (const filters of [16, 16, 24, 24, 32]) y = gated(y, filters);
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(y)) });
  },
  /** As in detectors: coarse layers are enlarged and added to fine ones. */
  pyramid() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    const fine = convolution(12, 3, 'relu', 2)(x);
    const middle = convolution(12, 3, 'relu', 2)(fine);
    const coarse = convolution(12, 3, 'relu', 2)(middle);
    let y = coarse;
    for (const next of [middle, fine]) y = convolution(12, 3, 'relu')(t.add()([next, t.upSampling2d({ size: 2 })(convolution(12, 1)(y))]));
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(convolution(12, 3, 'relu')(y))) });
  },
  residuals() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    let y = convolution(16, 3, 'relu', 2)(x);
    for (const filters of [16, 16, 24, 24, 32, 32]) y = residual(y, filters);
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(y)) });
  },
  'inverted residuals'() {
    const x = t.input({ shape: [SIZE, SIZE, 3] });
    let y = convolution(8, 3, 'relu6', 2)(x);
    for (const filters of [8, 8, 12, 12, 12, 16, 16, 16]) y = inverted(y, filters);
    return t.model({ inputs: [x], output: t.dense({ units: 10 })(t.globalAveragePooling2d()(y)) });
  },
};

/** Smooth pictures, like photographs in that neighbours are alike. */
function pictures(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  const waves = Array.from({ length: count * 12 }, () => Array.from({ length: 4 }, () => random.uniform(-1, 1)));
  return Float32Array.from({ length: count * PIXELS }, (_, i) => {
    const [picture, pixel, channel] = [Math.floor(i / PIXELS), Math.floor((i % PIXELS) / 3), i % 3];
    const [row, column] = [Math.floor(pixel / SIZE), pixel % SIZE];
    return waves
      .slice(picture * 12 + channel * 4, picture * 12 + channel * 4 + 4)
      .reduce((sum, [a, b, c, d]) => sum + (d as number) * Math.sin(row * (a as number) + column * (b as number) + 6 * (c as number)), 0);
  });
}

/** Operators on 8-bit numbers, and the mean before the classifier, which stays in float. */
const EIGHT_BITS = /QLinear|QGemm|quantize|NhwcMaxPool|Transpose|Flatten|Reshape|Resize|Gather|GlobalAveragePool/i;

/** The operators of a file when onnxruntime has put together what it computes in 8 bits. */
async function fused(onnx: Uint8Array, x: Float32Array): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-'));
  try {
    const path = join(folder, 'fused.onnx');
    await runInOnnxruntime(onnx, 'input', x, [1, SIZE, SIZE, 3], { optimizedModelFilePath: path });
    return Object.keys(t.inspect(readFileSync(path)).operators);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// On other processors onnxruntime rounds sums in whole numbers, halves away from zero.
describe.runIf(onnxruntime && process.arch === 'x64').each(Object.keys(networks))('%s in 8 bits', (name) => {
  it('run on 8-bit kernels in onnxruntime, layer by layer, with the results they have here', async () => {
    const model = (networks[name] as () => t.Model)();
    const { onnx, model: own } = await t.quantize(model, pictures(16, 1));
    const test = pictures(24, 2);
    const first = test.subarray(0, PIXELS);
    const again = t.exportOnnx(own);
    expect(again.length).toBeLessThan(onnx.length * 1.25);
    expect((await t.load(again)).run({ input: first })).toEqual(own.run({ input: first }));
    for (const file of [onnx, again]) expect((await fused(file, first)).filter((op) => !EIGHT_BITS.test(op))).toEqual([]);
    for (let i = 0; i < 24; i++) {
      const x = test.slice(i * PIXELS, (i + 1) * PIXELS);
      const [here] = Object.values(own.run({ input: x })) as [t.Tensor];
      const [there] = Object.values(await runInOnnxruntime(onnx, 'input', x, [1, SIZE, SIZE, 3]));
      expect(here.data, `row ${i}`).toEqual(there?.data);
    }
  });
});
