import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadDigits } from '../data/digits.ts';
import { holdOut, takeRows } from '../data/split.ts';
import {
  activation,
  adam,
  confusionMatrix,
  conv2d,
  dense,
  dropout,
  flatten,
  input,
  loadModel,
  type Model,
  maxPooling2d,
  parseBytes,
  quantize,
  save,
  sequential,
  type Tensor,
  ThimbleError,
  writeFileAtomically,
} from '../index.ts';
import type { Sample } from '../report/report.ts';
import { makeFolder } from './source.ts';
import { printMemory, printQuantization, printResults } from './tables.ts';

interface DigitsOptions {
  readonly budget: string;
  readonly epochs: number;
  readonly seed: number;
  readonly out: string;
  readonly json?: boolean;
}

const SIZE = 8;
const PIXELS = SIZE * SIZE;
const CLASSES = Array.from({ length: 10 }, (_, i) => String(i));
/** The same fifth of the images is held back whatever the seed of training. */
const HELD_BACK = { share: 0.2, seed: 2026 };
const REQUIRED_ACCURACY = 0.97;
/** Training images that the ranges of the 8-bit network are found on, and what it may lose on the test images. */
const CALIBRATION = 256;
const ALLOWED_LOSS = 0.005;
const SAMPLES = 24;

/** The network of the main job. */
export const buildModel = (seed: number): Model =>
  sequential(
    [
      input({ shape: [SIZE, SIZE, 1] }),
      conv2d({ filters: 8, kernelSize: 3, padding: 'same', kernelInitializer: 'heNormal' }),
      activation({ activation: 'relu' }),
      maxPooling2d(),
      conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu', kernelInitializer: 'heNormal' }),
      flatten(),
      dropout({ rate: 0.2 }),
      dense({ units: 10 }),
    ],
    { seed },
  );

/** The main job: train within a budget, test, save, load again, report. */
export async function digits({ budget, epochs, seed, out, json = false }: DigitsOptions): Promise<void> {
  const folder = resolve(out);
  makeFolder(folder);
  const { images, labels, count } = await loadDigits();
  const rows = holdOut(count, HELD_BACK.share, HELD_BACK.seed);
  const part = (which: Uint32Array) => ({ x: takeRows(images, PIXELS, which), y: takeRows(labels, 1, which) });
  const [train, test] = [part(rows.train), part(rows.test)];

  const model = buildModel(seed);
  await model.compile({
    optimizer: adam({ learningRate: 0.003 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    batchSize: 32,
    budget,
  });
  await model.preparePartial(train.y.length % model.batchSize);
  if (!json) printMemory(model, parseBytes(budget));

  const started = performance.now();
  const history = await model.fit(train.x, train.y, { epochs, validationData: [test.x, test.y], verbose: json ? 0 : 1 });
  const seconds = (performance.now() - started) / 1000;

  const logits = await model.predict(test.x);
  const predicted = argMaxRows(logits);
  const matrix = confusionMatrix(test.y, predicted, CLASSES.length);
  const modelPath = join(folder, 'digits.safetensors');
  await writeFileAtomically(modelPath, save(model));
  await expectSamePredictions(modelPath, test.x, logits);

  const small = await quantize(model, train.x.subarray(0, CALIBRATION * PIXELS), { test: { data: test.x, labels: test.y } });
  const smallPath = join(folder, 'digits-int8.onnx');
  await writeFileAtomically(smallPath, small.onnx);
  await writeFileAtomically(join(folder, 'digits-int8.thimble'), small.model.export());

  const reportPath = join(folder, 'report.html');
  const summary = model.summary();
  const { renderReport } = await import('../report/report.ts');
  const page = renderReport({
    title: 'Handwritten digits, trained in a thimble',
    subtitle: `${train.y.length} training and ${test.y.length} test images of 8 × 8 pixels, ${epochs} epochs, seed ${seed}`,
    history,
    matrix,
    classNames: CLASSES,
    summary,
    memory: model.memory,
    budget: parseBytes(budget),
    seconds,
    samples: samplesOf(test.x, test.y, predicted, logits),
    quantization: small.report,
  });
  await writeFileAtomically(reportPath, page);

  const recall = CLASSES.map((_, i) => matrix.report(i).recall);
  if (json) {
    const { totalBytes, regions } = model.memory;
    const result = { accuracy: matrix.accuracy, recall, confusion: CLASSES.map((_, i) => CLASSES.map((__, j) => matrix.at(i, j))) };
    console.log(
      JSON.stringify({
        ...result,
        memory: { totalBytes, regions },
        seconds,
        parameters: summary.parameters,
        model: modelPath,
        report: reportPath,
        quantization: { ...small.report, file: smallPath },
      }),
    );
  } else {
    printResults(matrix, CLASSES, seconds);
    printQuantization(small.report);
    console.log(
      `\nsaved, loaded again and predicted the same: ${modelPath}\nin 8 bits: ${smallPath}, digits-int8.thimble\nreport: ${reportPath}`,
    );
  }
  const loss = (small.report.before.accuracy ?? 0) - (small.report.after.accuracy ?? 0);
  if (loss > ALLOWED_LOSS) {
    throw new ThimbleError('INPUT', `the network loses ${(loss * 100).toFixed(2)} points of accuracy in 8 bits`, {
      expected: `at most ${ALLOWED_LOSS * 100}`,
      hint: 'train for more epochs',
    });
  }
  if (matrix.accuracy < REQUIRED_ACCURACY) {
    throw new ThimbleError('INPUT', `test accuracy ${(matrix.accuracy * 100).toFixed(2)} % is below ${REQUIRED_ACCURACY * 100} %`, {
      hint: 'train for more epochs',
    });
  }
}

/** Loads the saved model into a session of its own and compares its outputs bit by bit. */
async function expectSamePredictions(path: string, x: Float32Array, expected: Tensor): Promise<void> {
  const again = await (await loadModel(new Uint8Array(await readFile(path)))).predict(x);
  const differs = again.data.findIndex((value, i) => !Object.is(value, expected.data[i]));
  if (differs >= 0)
    throw new ThimbleError(
      'FORMAT',
      `the loaded model predicts ${again.data[differs]} where the trained one predicts ${expected.data[differs]}`,
      { node: path },
    );
}

function argMaxRows({ shape, data }: Tensor): Int32Array {
  const classes = shape[1] as number;
  return Int32Array.from({ length: shape[0] as number }, (_, i) => {
    const row = data.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

/** Wrong predictions first, then right ones, up to a screenful. */
function samplesOf(x: Float32Array, y: Int32Array, predicted: Int32Array, { data }: Tensor): Sample[] {
  const indexes = Array.from(y.keys());
  const isWrong = (i: number) => y[i] !== predicted[i];
  const chosen = [...indexes.filter(isWrong), ...indexes.filter((i) => !isWrong(i))].slice(0, SAMPLES);
  return chosen.map((i) => {
    const scores = Array.from(data.subarray(i * CLASSES.length, (i + 1) * CLASSES.length));
    const best = predicted[i] as number;
    const total = scores.reduce((sum, score) => sum + Math.exp(score - (scores[best] as number)), 0);
    return {
      pixels: x.subarray(i * PIXELS, (i + 1) * PIXELS),
      width: SIZE,
      truth: String(y[i]),
      predicted: String(best),
      probability: 1 / total,
    };
  });
}
