// The models of the benchmark. A case is one network; each form of it ({ bytes, input, shape, expected output }) is for the runtimes that read it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gemv } from './gemv.mjs';
import { tfliteTwin } from './tfliteNetwork.mjs';

const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));
export const modelsFolder = join(shared, 'bench-models');

/** Float networks; `twin`: there is a TFLite file beside the ONNX one. Of the others one is made here. */
const floats = [
  { name: 'mobilenetv2_1.0_224', twin: true },
  { name: 'mobilenetv1_0.25_96' },
  { name: 'resnet8_cifar' },
  { name: 'dscnn_kws' },
  { name: 'autoencoder_ad' },
  // Its twin has weights of its own.
  { name: 'encoder_l4_d128_s64', twin: true, otherWeights: true },
];

/** int8: TFLite models with float inputs and outputs, and the folder with the golden data of the same model with int8 ones. */
const quantized = [
  { name: 'mobilenetv2_1.0_224', tflite: 'mobilenet_v2_quantized_1x3x224x224', golden: 'tflite-micro__mobilenet_v2_quantized_1x3x224x224' },
  { name: 'mobilenetv1_0.25_96', tflite: 'vww_96_int8', golden: 'tiny__vww_96_int8' },
  { name: 'resnet8_cifar', tflite: 'pretrainedResnet_quant', golden: 'tiny__pretrainedResnet_quant', steps: 64 },
  { name: 'dscnn_kws', tflite: 'kws_ref_model', golden: 'tiny__kws_ref_model' },
  { name: 'autoencoder_ad', tflite: 'ad01_int8', golden: 'tiny__ad01_int8' },
  { name: 'encoder_l4_d128_s64' },
];

/** Largest error of a float model, relative to the largest output: runtimes that sum in another order are 4e-4 apart on MobileNetV2. */
const FLOAT_TOLERANCE = 1e-3;
/**
 * Steps of the output's scale by which int8 models may differ: runtimes round differently. ResNet-8 has two likely classes on its golden input, and
 * one step of its logits is a fifth of their softmax.
 */
const STEPS = 8;
/** The same for the QDQ form, whose scale is inside the model, relative to the largest output. */
const INT8_TOLERANCE = 0.1;

const SIZE = 1024;
const GEMV = `gemv_${SIZE}x${SIZE}`;

const floatsOf = (path) => new Float32Array(Uint8Array.from(readFileSync(path)).buffer);

function planesToPixels(data, [, channels, height, width]) {
  const pixels = height * width;
  return Float32Array.from({ length: data.length }, (_, i) => data[(i % channels) * pixels + Math.floor(i / channels)]);
}

/** A golden run of a TFLite model as floats, whatever its own dtypes. */
function golden(folder) {
  const { steps } = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
  const read = ({ file, dtype, quant: [scale, zeroPoint] }) =>
    dtype === 'float32'
      ? floatsOf(join(folder, file))
      : Float32Array.from(new Int8Array(readFileSync(join(folder, file))), (value) => (value - zeroPoint) * scale);
  const [{ inputs, outputs }] = steps;
  return { input: read(inputs[0]), shape: inputs[0].shape, expected: read(outputs[0]), step: outputs[0].quant[0] };
}

async function floatCase({ name, twin, otherWeights }, { input: shape, macs }) {
  const path = (extension) => join(modelsFolder, `${name}.${extension}`);
  const input = floatsOf(path('in.f32'));
  const expected = floatsOf(path('out.f32'));
  const onnx = { bytes: readFileSync(path('onnx')), input, shape, expected, tolerance: FLOAT_TOLERANCE };
  const pixels = shape.length === 4 ? planesToPixels(input, shape) : input;
  const bytes = twin ? readFileSync(path('tflite')) : await tfliteTwin(onnx.bytes, nhwc(shape));
  const tflite = { ...onnx, bytes, input: pixels, shape: nhwc(shape), ...(otherWeights && { expected: undefined }) };
  return { name, dtype: 'f32', macs, onnx, tflite };
}

const nhwc = (shape) => (shape.length === 4 ? [shape[0], shape[2], shape[3], shape[1]] : shape);

async function gemvCase() {
  const { bytes, input, expected } = gemv(SIZE);
  const form = { bytes, input, shape: [1, SIZE], expected, tolerance: FLOAT_TOLERANCE };
  const macs = SIZE * SIZE;
  return { name: GEMV, dtype: 'f32', macs, bytes: 4 * macs, onnx: form, tflite: { ...form, bytes: await tfliteTwin(bytes, form.shape) } };
}

function quantizedCase({ name, tflite, golden: goldenName, steps = STEPS }, { input: shape, macs }) {
  const input = floatsOf(join(modelsFolder, `${name}.in.f32`));
  // What the QDQ model computes is taken from the native runtime.
  const onnx = { bytes: readFileSync(join(modelsFolder, `${name}_int8qdq.onnx`)), input, shape, tolerance: INT8_TOLERANCE };
  const folder = join(shared, 'models/tflite', `${goldenName}`);
  const form = tflite && existsSync(folder) && { bytes: readFileSync(join(modelsFolder, `${tflite}.tflite`)), ...golden(folder) };
  return { name: `${name} int8`, dtype: 'int8', macs, onnx, ...(form && { tflite: { ...form, absolute: steps * form.step } }) };
}

/** All cases whose name contains `only`. @throws where the models are not there. */
export async function cases(only) {
  if (!existsSync(modelsFolder)) throw new Error(`the models are not here: the benchmark reads them from ${modelsFolder}`);
  const manifest = new Map(JSON.parse(readFileSync(join(modelsFolder, 'manifest.json'), 'utf8')).map((entry) => [entry.name, entry]));
  const makers = [
    ...floats.map((entry) => [entry.name, () => floatCase(entry, manifest.get(entry.name))]),
    [GEMV, () => gemvCase()],
    ...quantized.map((entry) => [`${entry.name} int8`, () => quantizedCase(entry, manifest.get(entry.name))]),
  ];
  return Promise.all(makers.filter(([name]) => name.includes(only)).map(([, make]) => make()));
}

/** How far `output` is from what `form` expects, as a share of what it tolerates: above 1 is wrong. */
export function excess(form, output) {
  const { expected, tolerance, absolute } = form;
  if (output.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let error = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]));
    const difference = Math.abs(expected[i] - output[i]);
    error = difference >= error ? difference : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : error;
  }
  return error / (absolute ?? tolerance * largest);
}
