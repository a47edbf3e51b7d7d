import { dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Command, Option } from 'commander';
import { decode, encode, formatBytes, loadModel, type Program, ThimbleError, withPlans, writeFileAtomically } from '../index.ts';
import { clients, compileStandalone } from '../standalone/index.ts';
import { withSource } from './options.ts';
import { withProgress } from './progress.ts';
import { isSaved, makeFolder, nameOf, openModel, readInput } from './source.ts';
import { tableOf } from './table.ts';
import { openTrainable, type TrainingOptions, withTraining } from './training.ts';

interface CompileOptions extends TrainingOptions {
  readonly out: string;
  readonly target: 'wasm' | 'wasi' | 'thimble';
  readonly train?: boolean;
  readonly flavour: 'scalar' | 'simd' | 'relaxed';
  readonly weights: 'embedded' | 'separate';
  readonly clients: boolean;
  readonly plan?: boolean;
  readonly json?: boolean;
}

export function registerCompile(program: Command): void {
  const command = withSource(
    program
      .command('compile')
      .description('turn a model into one file that runs by itself: a WebAssembly module, a WASI command, or a .thimble file')
      .argument('<model>', '.onnx, .tflite, .thimble, or a model that was saved (.safetensors)')
      .requiredOption('--out <file>', 'the file to write; clients and weights go beside it'),
  )
    .addOption(new Option('--target <kind>', 'what to make').choices(['wasm', 'wasi', 'thimble']).default('wasm'))
    .option('--train', 'with the training step; .onnx and .tflite files get one for a head on their features')
    .addOption(new Option('--flavour <kernels>', 'kernels to link').choices(['scalar', 'simd', 'relaxed']).default('simd'))
    .addOption(
      new Option('--weights <where>', 'in the module, or in a file that the host puts into memory')
        .choices(['embedded', 'separate'])
        .default('embedded'),
    )
    .option('--no-clients', 'no sources for C, Go, Rust, Python and JavaScript beside a module')
    .option('--plan', 'a .thimble file that `thimble profile` can read: names and lifetimes of its tensors')
    .option('--json', 'print what was written as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble compile model.onnx --out model.wasm
  thimble compile model.tflite --target wasi --out model.wasm    then: wasmtime model.wasm < in.npy > out.npy
  thimble compile digits.safetensors --train --out digits.wasm
  thimble compile mobilenet.tflite --train --classes cat,dog --out pets.wasm
  thimble compile model.onnx --shape image=1,3,96,96 --budget 512KB --target thimble --out model.thimble`,
    )
    .action(compile);
  withTraining(command);
}

async function compile(path: string, options: CompileOptions): Promise<void> {
  const { out, target, train: training = false, flavour, json = false } = options;
  const separateWeights = options.weights === 'separate';
  if (extname(out) === (target === 'thimble' ? '.wasm' : '.thimble')) {
    throw new ThimbleError('INPUT', `"${out}" is no name for --target ${target}`, {
      expected: target === 'thimble' ? 'a name that ends with .thimble' : 'a name that ends with .wasm, or --target thimble',
    });
  }
  if (separateWeights && target === 'thimble') {
    throw new ThimbleError('INPUT', 'a .thimble file holds its weights', { hint: '--weights separate is for --target wasm' });
  }
  if (options.plan && target !== 'thimble')
    throw new ThimbleError('INPUT', 'only a .thimble file holds a plan', { hint: '--plan is for --target thimble' });
  const { program, assumed } = await withProgress(`${nameOf(path)}:`, (progress) => {
    progress.say('importing and planning');
    return programOf(path, training, options);
  });
  const files: Record<string, Uint8Array | string> = {};
  let memoryBytes = program.totalBytes;
  if (target === 'thimble') files[out] = encode(program);
  else {
    const linked = await withProgress(`${nameOf(path)}:`, (progress) => {
      progress.say('linking');
      return compileStandalone(program, { target, training, flavour, separateWeights });
    });
    const folder = dirname(out);
    const name = nameOf(out);
    files[out] = linked.wasm;
    memoryBytes = linked.memoryBytes;
    if (linked.weights) files[join(folder, `${name}.weights`)] = linked.weights;
    if (target === 'wasm' && options.clients) {
      for (const [file, source] of Object.entries(clients(program, name, { training, separateWeights })))
        files[join(folder, file)] = source;
    }
  }
  makeFolder(dirname(out));
  for (const [file, contents] of Object.entries(files)) await writeFileAtomically(file, contents);

  const sizes = Object.entries(files).map(([file, contents]) => {
    const bytes = Buffer.from(contents as Uint8Array);
    return { file, bytes: bytes.length, gzip: gzipSync(bytes).length };
  });
  if (json) {
    console.log(JSON.stringify({ files: sizes, memoryBytes, regions: program.regions, kernels: program.kernels, assumed }));
    return;
  }
  const table = tableOf(['file', 'bytes', 'gzip'], [1, 2]);
  for (const { file, bytes, gzip } of sizes) table.push([file, bytes.toLocaleString('en-US'), gzip.toLocaleString('en-US')]);
  if (assumed !== undefined) console.log(assumed);
  console.log(`${table}\nmemory when it runs: ${formatBytes(memoryBytes)}, fixed; ${program.kernels.length} kernels`);
}

/** The program of a model file, and what was assumed for its training. @throws INPUT where it cannot train and `training` asks for it. */
async function programOf(
  path: string,
  training: boolean,
  options: CompileOptions,
): Promise<{ program: Program; assumed: string | undefined }> {
  const name = nameOf(path);
  const bytes = await readInput(path);
  if (isSaved(bytes) && training) {
    return { program: decode((await loadModel(bytes)).export({ training, name, ...budgetOf(options) })), assumed: undefined };
  }
  // Training is tried out once, to be sure that it runs.
  const source = { ...options, flavour: training ? 'auto' : 'scalar' } as const;
  const { model, assumed } = training ? await openTrainable(path, source) : { model: await openModel(path, source), assumed: undefined };
  const { plans, ...program } = model.program;
  const planned: Program = options.plan && Object.keys(model.methods).length > 0 ? withPlans(program, model.methods) : program;
  if (options.plan && !planned.plans && !plans) {
    throw new ThimbleError('INPUT', 'the file holds no plan to keep', {
      node: path,
      hint: 'compile the .onnx or .tflite it was made from',
    });
  }
  return { program: { ...planned, ...(options.plan && plans && { plans }), name }, assumed };
}

const budgetOf = ({ budget }: CompileOptions) => (budget === undefined ? {} : { budget });
