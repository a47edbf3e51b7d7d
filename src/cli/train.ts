import { type Command, Option } from 'commander';
import { augmentation } from '../data/augment.ts';
import type { LabelledImage } from '../data/imageFolder.ts';
import { imageFolder } from '../data/imageFolder.ts';
import { normalized } from '../data/preprocess.ts';
import type { Samples } from '../data/samples.ts';
import { explanationMethods } from '../explain/index.ts';
import {
  type Callback,
  EarlyStopping,
  encode,
  exportOnnx,
  type FineTuning,
  fineTune,
  formatBytes,
  type InferenceModel,
  parseBytes,
  ThimbleError,
  type Train,
  withPlans,
  writeFileAtomically,
} from '../index.ts';
import { registerEvaluate } from './evaluate.ts';
import { asJson, judgementOf, printJudgement } from './judged.ts';
import { flavourOption, numbers, positive, type SourceOptions, share, wholeNumber, withSource } from './options.ts';
import { judge, type PictureChoices, preprocessingFor, printBroken, resized, shown } from './pictures.ts';
import { checkWritable, openModel, readInput } from './source.ts';

interface TrainOptions extends SourceOptions, PictureChoices {
  readonly base: string;
  readonly out: string;
  readonly train: string;
  readonly epochs: number;
  readonly headEpochs: number;
  readonly batch: number;
  readonly learningRate?: number;
  readonly test: number;
  readonly patience?: number;
  readonly augment?: boolean;
  readonly resume?: boolean;
  readonly inferenceOnly?: boolean;
  readonly explain: 'gradcam' | 'all' | 'none';
  readonly report?: string;
  readonly onnx?: string;
  readonly seed: number;
  readonly broken: 'skip' | 'stop';
  readonly json?: boolean;
}

/** Share of the training pictures that early stopping watches. */
const WATCHED = 0.15;

/** `train`, and `evaluate` for what it made. */
export function registerTrain(program: Command): void {
  registerEvaluate(program);
  withSource(
    program
      .command('train')
      .description('teach a model the classes of a folder of photographs: one sub-folder a class')
      .argument('<folder>', 'the photographs, PNG, JPEG or BMP')
      .requiredOption('--base <model>', 'the model to start from: .onnx or .tflite'),
  )
    .addOption(flavourOption())
    .option('--out <file>', 'the new model', 'my.thimble')
    .option('--train <scheme>', 'head, last:N, bias, all, or auto: as much as the budget allows', 'head')
    .option('--epochs <n>', 'passes over the photographs', wholeNumber, 100)
    .option('--head-epochs <n>', 'passes for the head alone, before more than it is trained', wholeNumber, 100)
    .option('--batch <n>', 'photographs of an update', wholeNumber, 16)
    .option('--learning-rate <rate>', 'of everything trained together, after the head', positive)
    .option('--test <share>', 'photographs of each class held back for the test', share, 0.2)
    .option('--patience <n>', 'stop after so many epochs without improvement on photographs held back from training', wholeNumber)
    .option('--augment', 'mirror, crop and relight the photographs anew each epoch')
    .addOption(new Option('--fit <how>', 'what happens to other proportions').choices(['cover', 'contain', 'stretch']).default('cover'))
    .option('--mean <values>', 'where the base model does not say: from samples of 0 to 1, one for all or one a channel', numbers)
    .option('--std <values>', 'likewise: divided by', numbers)
    .addOption(new Option('--broken <how>', 'what happens at a file that cannot be read').choices(['skip', 'stop']).default('skip'))
    .option('--seed <n>', 'draws the test, the head and the order', wholeNumber, 1)
    .option('--resume', 'go on from the checkpoint of a run that was stopped, or with more epochs')
    .option('--inference-only', 'a smaller new model, without the training step')
    .addOption(
      new Option('--explain <methods>', 'what `thimble explain` can do with the new model besides occlusion; all takes more memory')
        .choices(['gradcam', 'all', 'none'])
        .default('gradcam'),
    )
    .option('--onnx <file>', 'the new model as ONNX too: for `thimble quantize`, and for other runtimes')
    .option('--report <file>', 'a page with curves, confusion matrix, mistakes and memory')
    .option('--json', 'print the results as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble train photos --base mobilenet.tflite --budget 4MB --out pets.thimble --report pets.html
  thimble train photos --base mobilenet.onnx --train auto --augment --patience 10
  thimble run pets.thimble photo.jpg
  thimble compile pets.thimble --train --out pets.wasm`,
    )
    .action(trainModel);
}

async function trainModel(folder: string, options: TrainOptions): Promise<void> {
  const { base, out, seed, shape, signature, flavour, json = false } = options;
  checkWritable(out, options.onnx, options.report);
  // The budget is that of training, which runs other programs than the base model's own.
  const model = await openModel(base, { ...(shape && { shape }), ...(signature && { signature }), ...(flavour && { flavour }) });
  const spec = preprocessingFor(model, options);
  const photographs = await imageFolder(folder, { channels: spec.channels, onBroken: options.broken });
  const { samples, classes } = photographs;
  const { first, last } = samples.split(options.test, { seed });
  const watched = options.patience === undefined ? undefined : first.split(WATCHED, { seed });
  const [training, validation, testing] = [watched?.first ?? first, watched?.last, last].map((part) => part && resized(part, spec));
  const tuning = await fineTune(model, {
    classes,
    train: options.train as Train,
    batchSize: options.batch,
    seed,
    cacheFeatures: !options.augment,
    ...(options.learningRate !== undefined && { learningRate: options.learningRate }),
    ...(options.budget !== undefined && { budget: options.budget }),
    ...(flavour && { flavour }),
  });
  // What has no ONNX form, as an 8-bit backbone, is an error before the work.
  if (options.onnx !== undefined) exportOnnx(tuning.toModel({ preprocessing: spec }));
  if (!json) {
    console.log(
      `${training?.count} photographs to learn from, ${testing?.count} for the test; ${classes.length} classes: ${classes.join(', ')}`,
    );
    console.log(`${tuning.describe()}\n`);
  }
  const checkpoint = `${out.replace(/\.thimble$/, '')}.checkpoint.safetensors`;
  if (options.resume) await resume(tuning, checkpoint);

  const change = options.augment ? augmentation({ flip: true, crop: 0.6, brightness: 0.2, contrast: 0.2, seed }) : undefined;
  const ready = (part: Samples<LabelledImage>, augment = false) =>
    part.map(({ x, y }, position) => ({ x: normalized(augment && change ? change(x, position) : x, spec), y })).batch(options.batch);
  const saving: Callback = { onEpochEnd: () => writeFileAtomically(checkpoint, tuning.save()) };
  const stopping = options.patience === undefined ? [] : [new EarlyStopping({ patience: options.patience, restoreBestWeights: true })];
  const started = performance.now();
  const history = await tuning.fit(ready((training as Samples<LabelledImage>).shuffle(seed), true), {
    epochs: options.epochs,
    headEpochs: options.headEpochs,
    callbacks: [saving, ...stopping],
    verbose: json ? 0 : 1,
    ...(validation && { validationData: ready(validation) }),
    described: true,
  });
  const seconds = (performance.now() - started) / 1000;

  const whole = tuning.toModel({
    preprocessing: spec,
    training: !options.inferenceOnly,
    methods: (model) => explainable(model, options.explain),
  });
  const bytes = encode(withPlans(whole.program, whole.methods));
  await writeFileAtomically(out, bytes);
  if (options.onnx !== undefined) await writeFileAtomically(options.onnx, exportOnnx(whole));
  const test = testing as Samples<LabelledImage>;
  const judgement = judgementOf(classes, await judge(test, spec, async (x) => (await tuning.predict(x)).data));
  if (options.report !== undefined) {
    const { renderPhotographs } = await import('../report/photographs.ts');
    const page = renderPhotographs({
      title: `${classes.join(', ')}: trained in a thimble`,
      subtitle: `${base}, ${tuning.scheme} (${tuning.reason}), ${training?.count} photographs to learn from, seed ${seed}`,
      history,
      ...judgement,
      cards: [
        [
          formatBytes(tuning.bytes.total),
          options.budget === undefined ? 'linear memory in training' : `linear memory, of ${formatBytes(parseBytes(options.budget))}`,
        ],
        [formatBytes(bytes.length), 'the file'],
        [`${seconds.toFixed(1)} s`, 'training time'],
      ],
      memory: [
        ...(tuning.frozen ? [{ title: 'the frozen part', plan: tuning.frozen }] : []),
        { title: 'training', plan: tuning.model.memory },
        { title: 'the new model', plan: whole.memory },
      ],
      samples: await shown(judgement, test),
    });
    await writeFileAtomically(options.report, page);
  }
  if (json) {
    const { scheme, reason, parameters, milliseconds } = tuning;
    console.log(
      JSON.stringify({
        ...asJson(judgement),
        scheme,
        reason,
        bytes: tuning.bytes,
        parameters,
        milliseconds,
        seconds,
        epochs: history.epoch.length,
        broken: photographs.broken,
        model: out,
        checkpoint,
      }),
    );
    return;
  }
  console.log(`\ntrained in ${seconds.toFixed(1)} s; on photographs held back:`);
  printJudgement(judgement);
  printBroken(photographs.broken);
  console.log(`\nmodel: ${out} (${formatBytes(bytes.length)})${options.report === undefined ? '' : `\nreport: ${options.report}`}`);
}

async function resume(tuning: FineTuning, checkpoint: string): Promise<void> {
  try {
    await tuning.restore(await readInput(checkpoint));
  } catch (error) {
    if (!(error instanceof ThimbleError)) throw error;
    throw new ThimbleError(error.code, `cannot resume: ${error.message}`, {
      hint: 'run with the options of the run that was stopped, or without --resume',
    });
  }
}

/** The methods that explain the new model; none where its backbone computes in whole numbers. */
function explainable(model: InferenceModel, which: TrainOptions['explain']): ReturnType<typeof explanationMethods> {
  if (which === 'none') return [];
  try {
    return explanationMethods(model, which === 'gradcam' ? { only: 'gradCam' } : {});
  } catch (error) {
    if (error instanceof ThimbleError && ['INPUT', 'UNSUPPORTED_OP'].includes(error.code)) return [];
    throw error;
  }
}
