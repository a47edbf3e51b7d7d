import { basename } from 'node:path';
import type { Command } from 'commander';
import { decodeImage, encodePng, fitted, type Image, preprocess, type Verdict, verdicts } from '../data/index.ts';
import { type Attribution, activationView, Explainer, filterView, type HeatMapOptions, heatMap } from '../explain/index.ts';
import { type InferenceModel, loadModel, type Model, type Task, type Tensor, ThimbleError, writeFileAtomically } from '../index.ts';
import type { Panel } from '../report/explanation.ts';
import { flavourOption, type PictureOptions, type SourceOptions, wholeNumber, withPicture, withSource } from './options.ts';
import { withProgress } from './progress.ts';
import { checkWritable, isSaved, openModel, readInput } from './source.ts';
import { pictureSpec } from './tensors.ts';

interface ExplainOptions extends SourceOptions, PictureOptions {
  readonly method: string;
  readonly out: string;
  readonly page?: string;
  readonly class?: string;
  readonly layer?: string;
  readonly seed: number;
  readonly json?: boolean;
}

type Run = (explainer: Explainer, x: Float32Array, target: number, options: ExplainOptions & Reporting) => Promise<Attribution>;

/** Who is told how far a method is. */
interface Reporting {
  readonly onProgress?: (done: number, total: number) => void;
}

interface MethodRow {
  readonly run: Run;
  readonly kind: NonNullable<HeatMapOptions['kind']>;
  readonly text: string;
}

/** Methods by the name they have on the command line. */
const methods: Readonly<Record<string, MethodRow>> = {
  gradcam: {
    run: (explainer, x, target, { layer }) => explainer.gradCam(x, { target, ...(layer !== undefined && { layer }) }),
    kind: 'magnitude',
    text: 'where the last convolution sees the class',
  },
  saliency: {
    run: (explainer, x, target) => explainer.saliency(x, { target }),
    kind: 'magnitude',
    text: 'how much the score changes with each pixel',
  },
  smoothgrad: {
    run: (explainer, x, target, { seed, onProgress }) => explainer.smoothGrad(x, { target, seed, ...(onProgress && { onProgress }) }),
    kind: 'magnitude',
    text: 'the same, as the mean over noisy copies',
  },
  integrated: {
    run: (explainer, x, target) => explainer.integratedGradients(x, { target }),
    kind: 'signed',
    text: 'what each pixel adds to the score when it comes up from 0: red for, blue against',
  },
  occlusion: {
    run: (explainer, x, target, { onProgress }) => explainer.occlusion(x, { target, ...(onProgress && { onProgress }) }),
    kind: 'signed',
    text: 'how far the score falls when a patch hides the place: red for, blue against',
  },
};

const methodNames = Object.keys(methods).join(', ');

/** Sides of the pictures that are written: a map of 8 pixels is looked at enlarged. */
const PICTURE = 512;
const SHOWN_CLASSES = 5;

/** A picture in front of a model. */
interface Scene {
  readonly explainer: Explainer;
  readonly x: Float32Array;
  /** What the model sees, enlarged. */
  readonly picture: Image;
  readonly target: number;
  readonly scores: Float32Array;
  readonly label: string;
  readonly answers: readonly Verdict[];
}

export function registerExplain(program: Command): void {
  withPicture(
    withSource(
      program
        .command('explain')
        .description('show why a model answers as it does: a heat map over the picture, as PNG and as a page with all methods')
        .argument('<model>', '.onnx, .tflite, .thimble, or a model that was saved (.safetensors)')
        .argument('<picture>', 'a PNG, JPEG or BMP file'),
    ),
  )
    .addOption(flavourOption())
    .option('--method <name>', methodNames, 'gradcam')
    .option('--out <file>', 'the heat map as PNG', 'explanation.png')
    .option('--page <file>', 'all methods as panels of an HTML page, with the activation functions')
    .option('--class <name>', 'the class to explain, by label or index; the most probable where left out')
    .option('--layer <name>', 'the layer that gradcam looks at; the last convolution where left out')
    .option('--seed <n>', 'draws the noise of smoothgrad', wholeNumber, 1)
    .option('--json', 'print the results as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble explain my.thimble photo.jpg --method gradcam --out cam.png
  thimble explain mobilenet.onnx cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --class 281 --page why.html`,
    )
    .action(explain);
}

async function explain(modelPath: string, picturePath: string, options: ExplainOptions): Promise<void> {
  const { method: name, out, page, json } = options;
  const method = methods[name];
  if (!method) throw new ThimbleError('INPUT', `no method "${name}"`, { expected: methodNames });
  checkWritable(out, page);
  const scene = await sceneOf(modelPath, picturePath, options);
  const { explainer, target, label, answers, scores } = scene;
  const attribution = await explained(name, method, scene, options);
  await writeFileAtomically(out, encodePng(draw(scene, method, attribution)));
  if (page !== undefined) await writePage(page, `${basename(modelPath)} on ${basename(picturePath)}`, scene, options);

  const memory = Object.fromEntries(Object.entries(await explainer.memory()).map(([method, { totalBytes }]) => [method, totalBytes]));
  const best = answers.slice(0, SHOWN_CLASSES);
  const empty = attribution.values.data.every((value) => value === 0);
  if (json) {
    console.log(
      JSON.stringify({ method: name, class: label, index: target, score: scores[target], answers: best, empty, memory, out, page }),
    );
    return;
  }
  for (const answer of best) console.log(`${percent(answer.probability).padStart(8)}  ${answer.label}`);
  for (const [method, bytes] of Object.entries(memory)) console.log(`${method}: ${bytes.toLocaleString('en-US')} bytes of linear memory`);
  if (empty) console.log(`the map is empty: by ${name}, nothing in the picture speaks for this class`);
  console.log(`why "${label}", by ${name}: ${out}`);
  if (page !== undefined) console.log(`all methods: ${page}`);
}

/** Runs a method with a line that says how far it is. */
const explained = (name: string, method: MethodRow, { explainer, x, target }: Scene, options: ExplainOptions): Promise<Attribution> =>
  withProgress(`${name}:`, (progress) => {
    const onProgress = (done: number, total: number) => progress.at(done, total);
    return method.run(explainer, x, target, { ...options, onProgress });
  });

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const draw = ({ explainer, picture }: Scene, { kind }: MethodRow, { values }: Attribution): Image =>
  heatMap(values, explainer.image, { kind, picture });

async function sceneOf(modelPath: string, picturePath: string, options: ExplainOptions): Promise<Scene> {
  const { budget, flavour } = options;
  const { model, task } = await readModel(modelPath, options);
  const explainer = new Explainer(model, {
    ...(budget !== undefined && { budget }),
    ...(flavour !== undefined && { flavour }),
    ...(task && { input: task.input, output: task.output }),
  });
  const [input] = 'network' in model ? model.network.inputs.map((one) => ({ ...one, shape: [1, ...one.shape] })) : model.inputs;
  if (!input) throw new ThimbleError('INPUT', 'the model has no input', { node: modelPath });
  const spec = task?.preprocessing ?? pictureSpec(input, options);
  const photo = await decodeImage(await readInput(picturePath));
  const x = preprocess(photo, spec).data as Float32Array;
  const scores = await explainer.scores(x);
  const labels = task?.labels ?? Array.from(scores, (_, i) => `class ${i}`);
  const target = targetOf(options.class, labels, scores);
  const answers = answersOf(model, task, labels, scores);
  const scale = Math.max(1, Math.round(PICTURE / Math.max(spec.width, spec.height)));
  const picture = fitted(photo, { ...spec, width: spec.width * scale, height: spec.height * scale, channels: 3 });
  return { explainer, x, picture, target, scores, label: labels[target] ?? `class ${target}`, answers };
}

async function writePage(path: string, what: string, scene: Scene, options: ExplainOptions): Promise<void> {
  const { explainer, x, picture, label, answers } = scene;
  const { renderExplanation } = await import('../report/explanation.ts');
  const panels = [{ title: 'input', text: 'the picture as the model sees it, enlarged', image: picture }];
  const left: string[] = [];
  for (const [title, method] of Object.entries(methods)) {
    const attribution = await orMissing(() => explained(title, method, scene, options));
    if (attribution) panels.push({ title, text: method.text, image: draw(scene, method, attribution) });
    else left.push(title);
  }
  panels.push(...(await layerPanels(explainer, x)));
  const statistics = (await orMissing(() => explainer.activationStatistics(x))) ?? [];
  const missing = left.length ? `; this model cannot be explained by ${left.join(', ')}` : '';
  const subtitle = `${what}: why “${label}”${missing}`;
  await writeFileAtomically(
    path,
    renderExplanation({ title: `Why ${label}?`, subtitle, verdicts: answers.slice(0, SHOWN_CLASSES), panels, statistics }),
  );
}

/** The filters of the first convolution, and what they make of the picture. */
async function layerPanels(explainer: Explainer, x: Float32Array): Promise<Panel[]> {
  const [first] = (await orMissing(async () => explainer.convolutions)) ?? [];
  if (first === undefined) return [];
  const filters = await orMissing(async () => filterView(explainer.filters(first)));
  const maps = await orMissing(async () => activationView((await explainer.activations(x, [first]))[first] as Tensor));
  return [
    ...(filters
      ? [
          {
            title: `filters of ${first}`,
            text: 'three channels in their own colours; else a line a filter, red above 0, blue below',
            image: filters,
          },
        ]
      : []),
    ...(maps ? [{ title: `what ${first} gives`, text: 'a tile a channel, all in one scale', image: maps }] : []),
  ];
}

/** What `make` gives, or undefined where the model has no such method: an operator without a gradient, no graph, no convolution. */
async function orMissing<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof ThimbleError && ['INPUT', 'UNSUPPORTED_OP'].includes(error.code)) return undefined;
    throw error;
  }
}

/** A model file of any kind, with its graph where it has one. */
async function readModel(
  path: string,
  { shape, signature, flavour }: SourceOptions,
): Promise<{ model: Model | InferenceModel; task: Task | undefined }> {
  const bytes = await readInput(path);
  if (isSaved(bytes)) return { model: await loadModel(bytes), task: undefined };
  const model = await openModel(path, { ...(shape && { shape }), ...(signature && { signature }), ...(flavour && { flavour }) });
  return { model, task: model.task };
}

/** The class to explain: by its label, by its index, or the one the model is for. */
function targetOf(given: string | undefined, labels: readonly string[], scores: Float32Array): number {
  if (given === undefined) return scores.indexOf(scores.reduce((best, score) => Math.max(best, score), Number.NEGATIVE_INFINITY));
  const index = labels.includes(given) ? labels.indexOf(given) : Number(given);
  if (Number.isInteger(index) && index >= 0 && index < scores.length) return index;
  throw new ThimbleError('INPUT', `the model has no class "${given}"`, {
    expected: `${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}`,
  });
}

/** Each class with its probability. Of scores in whole numbers, whose scale is not known, it is their share of 256: what softmax gives in 8 bits. */
function answersOf(model: Model | InferenceModel, task: Task | undefined, labels: readonly string[], scores: Float32Array): Verdict[] {
  const outputs = 'network' in model ? [] : model.outputs;
  const { dtype } = (task ? outputs.find(({ name }) => name === task.output) : outputs[0]) ?? { dtype: 'f32' };
  const shares = dtype === 'i8' || dtype === 'u8' ? scores.map((score) => (score + (dtype === 'i8' ? 128 : 0)) / 256) : scores;
  const kind = shares !== scores || areProbabilities(scores) ? 'probabilities' : 'logits';
  return verdicts({ input: '', output: '', labels, scores: kind }, shares);
}

/** Scores that are probabilities already: of a program, whose logits are not to be had. */
const areProbabilities = (scores: Float32Array): boolean =>
  scores.every((score) => score >= 0 && score <= 1) && Math.abs(scores.reduce((sum, score) => sum + score, 0) - 1) < 1e-3;
