import type { Command } from 'commander';
import { verdicts } from '../data/classify.ts';
import { type Feed, type InferenceModel, type Tensor, ThimbleError, writeFileAtomically } from '../index.ts';
import { flavourOption, named, type PictureOptions, type SourceOptions, withPicture, withSource } from './options.ts';
import { checkWritable, openModel } from './source.ts';
import { tableOf } from './table.ts';
import { readFeed, readFeeds, writtenTensors } from './tensors.ts';

interface RunOptions extends SourceOptions, PictureOptions {
  readonly output?: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
}

export function registerRun(program: Command): void {
  withPicture(
    withSource(
      program
        .command('run')
        .description('run a model on files')
        .argument('<model>', '.onnx, .tflite, .thimble, or a model that was saved (.safetensors)')
        .argument(
          '[inputs...]',
          'files for the inputs in their order, or name=file: .npy .npz .json .png .jpg .bmp .wav, others are raw bytes',
          named,
        ),
    ),
  )
    .addOption(flavourOption())
    .option('--out <file>', 'write the outputs: .npz .npy .json, others are raw bytes')
    .option('--output <name>', 'only this output; repeatable', (name: string, before: readonly string[] = []) => [...before, name])
    .option('--json', 'print the outputs as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble run digits.thimble digit.npy
  thimble run mobilenet.onnx cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  thimble run encoder.onnx ids=tokens.npy mask=mask.npy --shape ids=1,64 --shape mask=1,64 --out states.npz
  thimble run keywords.tflite yes.wav --json
  thimble run autoencoder.tflite --signature encode x=frame.npy`,
    )
    .action(runModel);
}

async function runModel(path: string, files: readonly (readonly [string, string])[], options: RunOptions): Promise<void> {
  checkWritable(options.out);
  const model = await openModel(path, options);
  const [signature] = options.signature ?? [];
  const feeds = await feedsOf(model, signature, files, options);
  const started = performance.now();
  const all = model.run(feeds, signature === undefined ? {} : { signature });
  const ms = performance.now() - started;
  const outputs = chosen(all, options.output);
  if (options.out !== undefined) await writeFileAtomically(options.out, await writtenTensors(options.out, outputs));
  const { task } = model;
  const scores = task && outputs[task.output]?.data;
  const ranking = task && scores?.length === task.labels.length ? verdicts(task, scores) : undefined;
  if (options.json) {
    const described = Object.entries(outputs).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: Array.from(data) }]);
    console.log(
      JSON.stringify({ outputs: Object.fromEntries(described), ranking, ms, flavour: model.flavour, flavourReason: model.flavourReason }),
    );
    return;
  }
  console.log(outputTable(outputs));
  for (const { label, probability } of ranking?.slice(0, 5) ?? []) console.log(`${(probability * 100).toFixed(1).padStart(5)} %  ${label}`);
  console.log(
    `${ms.toFixed(2)} ms, the first call included; ${model.flavour} kernels (${model.flavourReason})${options.out ? `; ${options.out}` : ''}`,
  );
}

/** Files for inputs: named ones first, the others in the order of the inputs that are left. */
async function feedsOf(
  model: InferenceModel,
  signature: string | undefined,
  files: readonly (readonly [string, string])[],
  picture: PictureOptions,
): Promise<Record<string, Feed>> {
  const { task } = model;
  const { inputs } = signature === undefined ? model : signatureOf(model, signature);
  const expected = inputs.map(({ name, type, shape }) => `${name} ${type}[${shape.join(',')}]`).join(', ') || 'none';
  const feeds: Record<string, Feed> = {};
  for (const [, file] of files.filter(([name, path]) => name === '' && /\.npz$/i.test(path)))
    Object.assign(feeds, await readFeeds(file, inputs));
  const single = files.filter(([name, path]) => name !== '' || !/\.npz$/i.test(path));
  const taken = new Set([...Object.keys(feeds), ...single.map(([name]) => name)]);
  const left = inputs.filter(({ name }) => !taken.has(name));
  for (const [name, file] of single) {
    const input = name === '' ? left.shift() : inputs.find((candidate) => candidate.name === name);
    if (!input) throw new ThimbleError('INPUT', name ? `the model has no input "${name}"` : `no input is left for "${file}"`, { expected });
    feeds[input.name] = await readFeed(file, input, task, picture, (text) => console.error(text));
  }
  const missing = inputs.filter(({ name }) => feeds[name] === undefined).map(({ name }) => name);
  if (missing.length) throw new ThimbleError('INPUT', `no file for ${missing.map((name) => `"${name}"`).join(', ')}`, { expected });
  return feeds;
}

function signatureOf({ signatures }: InferenceModel, key: string): InferenceModel['signatures'][string] {
  const found = signatures[key];
  if (found) return found;
  throw new ThimbleError('INPUT', `the model has no signature "${key}"`, { expected: Object.keys(signatures).join(', ') || 'none' });
}

function chosen(outputs: Readonly<Record<string, Tensor>>, names: readonly string[] | undefined): Record<string, Tensor> {
  if (!names) return outputs;
  return Object.fromEntries(
    names.map((name) => {
      const found = outputs[name];
      if (!found) throw new ThimbleError('INPUT', `the model has no output "${name}"`, { expected: Object.keys(outputs).join(', ') });
      return [name, found];
    }),
  );
}

/** Numbers that are shown of each output. */
const SHOWN = 6;

function outputTable(outputs: Readonly<Record<string, Tensor>>): string {
  const table = tableOf(['output', 'type', 'shape', 'least', 'most', 'at', 'values']);
  for (const [name, { dtype, shape, data }] of Object.entries(outputs)) {
    let [least, most] = [0, 0];
    for (let i = 1; i < data.length; i++) {
      if ((data[i] as number) < (data[least] as number)) least = i;
      if ((data[i] as number) > (data[most] as number)) most = i;
    }
    const show = (value: number | undefined) => (value === undefined ? '' : dtype === 'f32' ? value.toPrecision(5) : String(value));
    const values = Array.from(data.subarray(0, SHOWN), show).join(' ');
    const more = data.length > SHOWN ? ' …' : '';
    table.push([name, dtype, `[${shape.join(', ')}]`, show(data[least]), show(data[most]), data.length ? most : '', values + more]);
  }
  return table.toString();
}
