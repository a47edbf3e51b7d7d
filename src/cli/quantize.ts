import { extname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type InferenceModel,
  loadModel,
  type Model,
  type QuantizationReport,
  type QuantizeOptions,
  quantize as quantizeModel,
  type RangeMethod,
  type Scheme,
  schemes,
  type TensorInfo,
  ThimbleError,
  writeFileAtomically,
} from '../index.ts';
import { readCalibrationData } from './calibrationData.ts';
import { flavourOption, type PictureOptions, type SourceOptions, wholeNumber, withPicture, withSource } from './options.ts';
import { withProgress } from './progress.ts';
import { checkWritable, isSaved, openModel, readInput } from './source.ts';
import { shortName, tableOf } from './table.ts';
import { decibels, sizes } from './tables.ts';

interface Options extends SourceOptions, PictureOptions {
  readonly data?: string;
  readonly out: string;
  readonly scheme: Scheme;
  readonly ranges: RangeMethod;
  readonly percentile: number;
  readonly biasCorrection: boolean;
  readonly equalize?: boolean;
  readonly block: number;
  readonly keep?: readonly string[];
  readonly json?: boolean;
}

export function registerQuantize(program: Command): void {
  withPicture(
    withSource(
      program
        .command('quantize')
        .description('write a model with weights, and activations, in 8 bits; compare it with the one it came from')
        .argument('<model>', '.onnx, .tflite, or a model that was saved (.safetensors)')
        .requiredOption('--out <file>', 'the file to write: .onnx (QuantizeLinear and DequantizeLinear) or .thimble'),
    ),
  )
    .option('--data <dir>', 'folder of typical inputs: .npy, .npz, .raw, pictures or sounds; labels.npy gives the accuracy')
    .addOption(new Option('--scheme <scheme>', 'what becomes small').choices([...schemes]).default('int8'))
    .addOption(
      new Option('--ranges <method>', 'how ranges of activations are chosen')
        .choices(['min-max', 'percentile', 'mse', 'entropy'])
        .default('mse'),
    )
    .option('--percentile <percent>', 'share of the elements in the range, with --ranges percentile', percent, 99.99)
    .option('--keep <layer>', 'a layer to leave in float, * for any characters; repeatable', (name: string, list: string[] = []) => [
      ...list,
      name,
    ])
    .option('--equalize', 'move factors between layers until their channels have like ranges')
    .option('--no-bias-correction', 'leave biases as they are')
    .option('--block <rows>', 'rows that share a step, with 4-bit weights', wholeNumber, 32)
    .addOption(flavourOption())
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble quantize model.onnx --data calibration/ --out model-int8.onnx
  thimble quantize model.onnx --data photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --out model-int8.onnx
  thimble quantize model.onnx --data photos/ --ranges entropy --keep '/features.0/*' --out model.thimble
  thimble quantize model.onnx --scheme int4-weights --out model-int4.onnx`,
    )
    .action(quantize);
}

function percent(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 100)) throw new InvalidArgumentError('A number above 0, at most 100.');
  return value;
}

async function quantize(path: string, options: Options): Promise<void> {
  const { data, out, json = false } = options;
  const extension = extname(out);
  if (extension !== '.onnx' && extension !== '.thimble') {
    throw new ThimbleError('INPUT', `"${out}" is neither an ONNX file nor a program`, {
      expected: 'a name that ends with .onnx or .thimble',
    });
  }
  checkWritable(out);
  const report = await withProgress(`${path}:`, async (progress) => {
    progress.say('loading');
    const { model, inputs, task } = await opened(path, options);
    progress.say('reading the data');
    const files = data === undefined ? undefined : await readCalibrationData(resolve(data), inputs, task, options);
    const settings: QuantizeOptions = {
      scheme: options.scheme,
      ranges: options.ranges,
      percentile: options.percentile,
      biasCorrection: options.biasCorrection,
      equalization: options.equalize ?? false,
      blockSize: options.block,
      keep: options.keep ?? [],
      flavour: options.flavour ?? 'auto',
      ...(files?.labels && { labels: files.labels }),
      ...(options.budget !== undefined && { budget: options.budget }),
      onProgress: (stage) => progress.say(stage),
    };
    const { onnx, model: small, report: found } = await quantizeModel(model, files?.data, settings);
    await writeFileAtomically(out, extension === '.onnx' ? onnx : small.export());
    return found;
  });
  if (json) console.log(JSON.stringify({ ...report, out }));
  else print(report, out);
}

interface Opened {
  readonly model: Model | InferenceModel;
  readonly inputs: readonly TensorInfo[];
  readonly task: InferenceModel['task'];
}

/** A model of a file with its graph: a program (`.thimble`) has none. */
async function opened(path: string, { budget: _, ...options }: Options): Promise<Opened> {
  const bytes = await readInput(path);
  if (!isSaved(bytes)) {
    const model = await openModel(path, options);
    return { model, inputs: model.inputs, task: model.task };
  }
  const model = await loadModel(bytes);
  const inputs = model.network.inputs.map(
    ({ name, dtype, shape }): TensorInfo => ({ name, dtype, type: dtype === 'f32' ? 'float32' : 'int32', shape: [1, ...shape] }),
  );
  return { model, inputs, task: undefined };
}

/** Layers that are listed: `--json` has all. */
const LISTED = 10;

/** What changed, the layers that became small, those with the largest errors first, and those that did not. */
function print(report: QuantizationReport, out: string): void {
  console.log(`${sizes(report)}\n`);
  const { layers, floats } = report;
  const rest = (list: readonly unknown[]) => (list.length > LISTED ? `\nand ${list.length - LISTED} more (--json lists all)` : '');
  const isMeasured = layers.some(({ sqnr }) => !Number.isNaN(sqnr));
  const small = tableOf(['layer', 'operator', 'weights', 'bits', ...(isMeasured ? ['signal to noise'] : [])], [2, 3, 4]);
  for (const { name, op, parameters, bits, sqnr } of layers.slice(0, LISTED))
    small.push([keepable(name), op, parameters.toLocaleString('en-US'), bits, ...(isMeasured ? [decibels(sqnr)] : [])]);
  console.log(
    isMeasured
      ? 'layers with the largest error when each alone is quantized (--keep leaves one in float)'
      : 'quantized layers (give --data to see the error of each)',
  );
  console.log(`${small}${rest(layers)}\n`);
  printNamed(layers.flatMap(({ name, note }) => (note ? [[note, name]] : [])));
  printNamed(floats.map(({ name, reason }) => [`in float, as ${reason}`, name]));
  console.log(`written: ${out}`);
}

/** A layer's name as it is shown: a pattern that `--keep` takes. */
const keepable = (name: string): string => shortName(name, '*');

/** What there is to say, each with the names of the layers it is said of. */
function printNamed(list: readonly (readonly [what: string, name: string])[]): void {
  for (const what of new Set(list.map(([first]) => first))) {
    // A recurrent layer is two: what reads its input, and the state.
    const all = [...new Set(list.filter(([first]) => first === what).map(([, name]) => keepable(name)))];
    const names = all.slice(0, LISTED);
    const more = all.length > LISTED ? ` and ${all.length - LISTED} more` : '';
    console.log(`${what}: ${names.join(', ')}${more}\n`);
  }
}
