// What 8-bit models need beside their weights, and the arenas that TensorFlow Lite Micro gives the same files.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const models = new URL('../../../shared/models/tflite/', import.meta.url);
const tflm = 'https://github.com/tensorflow/tflite-micro/blob/main/tensorflow/lite/micro/examples';
const tiny = 'https://github.com/mlcommons/tiny/blob/master/benchmark/reference_submissions';
const wake = 'https://github.com/esphome/micro-wake-word-models/blob/main/models/v2';

/**
 * `published`: bytes that the model's own example or manifest reserves (kTensorArenaSize, tensor_arena_size), with its source; examples reserve more than is
 * used, micro_speech's arena serves its audio preprocessor too. `used`: what RecordingMicroAllocator counts in the wheel tflite-micro
 * 0.dev20261023182759 on x86-64, whose reference kernels keep no scratch: `runtime.Interpreter.from_file(FILE).print_allocations()`.
 */
export const arenas = [
  { model: 'tflite-micro__hello_world_int8', published: 3000, source: `${tflm}/hello_world/hello_world_test.cc`, used: 1504 },
  { model: 'tflite-micro__micro_speech_quantized', published: 28584, source: `${tflm}/micro_speech/micro_speech_test.cc`, used: 7584 },
  { model: 'tiny__ad01_int8', published: 10 * 1024, source: `${tiny}/anomaly_detection/submitter_implemented.cpp`, used: 3984 },
  { model: 'tiny__kws_ref_model', published: 200 * 1024, source: `${tiny}/keyword_spotting/submitter_implemented.cpp`, used: 24272 },
  {
    model: 'tiny__pretrainedResnet_quant',
    published: 100 * 1024,
    source: `${tiny}/image_classification/submitter_implemented.cpp`,
    used: 55984,
  },
  { model: 'tiny__vww_96_int8', published: 200 * 1024, source: `${tiny}/person_detection/submitter_implemented.cpp`, used: 103680 },
  { model: 'micro-wake-word-models__hey_jarvis', published: 22860, source: `${wake}/hey_jarvis.json`, used: 53136 },
  { model: 'micro-wake-word-models__vad', published: 16772, source: `${wake}/vad.json`, used: 12208 },
  { model: 'tflite-micro__mobilenet_v2_quantized_1x3x224x224', used: 2607168 },
  { model: 'tflite-micro__trained_lstm_int8', used: 4208 },
];

/** Bytes of each region of the model in thimble, and what TensorFlow Lite Micro takes. */
export async function measuredArenas() {
  const { load } = await import('../../dist/index.js');
  const rows = [];
  for (const row of arenas) {
    const file = new URL(`${row.model}/model.tflite`, models);
    if (!existsSync(file)) continue;
    const bytes = readFileSync(file);
    const { regions } = (await load(bytes)).memory;
    const least = (await load(bytes, { budget: 'least' })).memory.regions;
    rows.push({ ...row, ...regions, besideWeights: besideWeights(regions), leastBesideWeights: besideWeights(least) });
  }
  return rows;
}

const besideWeights = ({ arena, io, state, static: records }) => arena + io + state + records;

export async function printArenas() {
  const rows = await measuredArenas();
  if (rows.length === 0) return console.log(`No models in ${fileURLToPath(models)}`);
  const bytes = (n) => (n === undefined ? '–' : n.toLocaleString('en-US')).padStart(11);
  console.log('\nBytes beside the weights, thimble and TensorFlow Lite Micro (sources and how it was measured: bench/memory/arenas.mjs)');
  console.log(`  ${''.padEnd(50)} ${['arena', 'all', 'least', 'TFLM', 'TFLM'].map((head) => head.padStart(11)).join('')}`);
  console.log(`  ${''.padEnd(50)} ${['', '', 'budget', 'published', 'used'].map((head) => head.padStart(11)).join('')}`);
  for (const { model, arena, besideWeights: all, leastBesideWeights: least, published, used } of rows)
    console.log(`  ${model.padEnd(50)} ${[arena, all, least, published, used].map(bytes).join('')}`);
  return rows;
}
