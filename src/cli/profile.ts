import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import {
  fineTuningVariants,
  formatBytes,
  type InferenceModel,
  inferenceVariants,
  load,
  loadModel,
  type MemoryProfile,
  type MethodPlan,
  type Model,
  planIn,
  planOf,
  profileMemory,
  profileMethod,
  quantize,
  type RuntimeModel,
  type Session,
  type StepProfile,
  ThimbleError,
  trainingVariants,
  type VariantProgress,
  type WhatIf,
  writeFileAtomically,
} from '../index.ts';
import type { HostNumbers } from '../report/memoryReport.ts';
import { randomFeeds } from './bench.ts';
import { flavourOption, wholeNumber, withSource } from './options.ts';
import { type Progress, withProgress } from './progress.ts';
import { checkWritable, isSaved, nameOf, openModel, readInput } from './source.ts';
import { shortName, tableOf } from './table.ts';
import { openTrainable, type TrainingOptions, withTraining } from './training.ts';

interface ProfileOptions extends TrainingOptions {
  readonly method: 'infer' | 'train' | 'evaluate';
  readonly html?: string;
  readonly svg?: string;
  readonly runs: number;
  readonly whatIf: boolean;
  readonly json?: boolean;
}

export function registerProfile(program: Command): void {
  const command = withSource(
    program
      .command('profile')
      .description('where every byte and every microsecond of a model goes')
      .argument('<model>', '.onnx, .tflite, .thimble with a plan (as `thimble train` writes), or a model that was saved (.safetensors)'),
  )
    .addOption(flavourOption())
    .addOption(
      new Option('--method <name>', 'which method; .onnx and .tflite files train a head on their features')
        .choices(['infer', 'train', 'evaluate'])
        .default('infer'),
    )
    .option('--html <file>', 'write a page: regions, layers, the arena over time, the peak, what would change it, time of each step')
    .option('--svg <file>', 'write the picture of the arena over time')
    .option('--runs <n>', 'calls to take medians of', wholeNumber, 30)
    .option('--no-what-if', 'do not plan the variants')
    .option('--json', 'print everything as JSON')
    .addHelpText(
      'after',
      `
Examples:
  thimble profile model.onnx
  thimble profile model.onnx --html memory.html --svg memory.svg
  thimble profile digits.safetensors --method train --html training.html
  thimble profile mobilenet.tflite --method train --classes cat,dog --scheme last:2`,
    )
    .action(profile);
  withTraining(command);
}

/** What is profiled, and how to plan its variants. */
interface Subject {
  readonly profile: MemoryProfile;
  readonly times: readonly StepProfile[];
  readonly host: HostNumbers;
  /** What was assumed for its training. */
  readonly assumed?: string | undefined;
  /** As `MemoryPlan` has it. */
  readonly small?: boolean;
  readonly variants: (progress: VariantProgress) => Promise<WhatIf[]>;
}

async function profile(path: string, options: ProfileOptions): Promise<void> {
  checkWritable(options.svg, options.html);
  const bytes = await readInput(path);
  const { subject, whatIf } = await withProgress(`${nameOf(path)}:`, async (progress) => {
    progress.say('importing and planning');
    const found = isSaved(bytes) ? await ofSaved(path, bytes, options, progress) : await ofLoaded(path, options, progress);
    const variants = options.whatIf
      ? await found.variants((change, position, count) => progress.say(`what if ${position + 1}/${count}: ${change}`))
      : [];
    return { subject: found, whatIf: variants };
  });
  const { profile: memory, times, host, assumed, small = false } = subject;
  if (options.svg !== undefined || options.html !== undefined) {
    const { renderMemoryReport, renderMemorySvg } = await import('../report/memoryReport.ts');
    if (options.svg !== undefined) await writeFileAtomically(options.svg, renderMemorySvg(memory));
    if (options.html !== undefined) await writeFileAtomically(options.html, renderMemoryReport({ profile: memory, times, whatIf, host }));
  }
  if (options.json) console.log(JSON.stringify({ ...memory, small, times, whatIf, host, assumed }));
  else print(subject, whatIf, options);
}

/** Methods of programs by the name they have here. */
const programMethods = { infer: ['infer', 'predict'], train: ['train'], evaluate: ['evaluate'] } as const;

async function ofLoaded(path: string, options: ProfileOptions, progress: Progress): Promise<Subject> {
  const before = process.memoryUsage().rss;
  const training = options.method !== 'infer';
  const { model, assumed, again } = training
    ? await openTrainable(path, options)
    : { model: await openModel(path, options), assumed: undefined, again: undefined };
  const { session, program } = model;
  const name = programMethods[options.method].find((candidate) => program.methods[candidate]);
  if (name === undefined) throw new ThimbleError('INPUT', `the file has no method "${options.method}"`, { node: path });
  const lowered = model.methods[name];
  const plan = lowered ? planOf(lowered) : planIn(program, name);
  if (!plan) {
    throw new ThimbleError('INPUT', 'the .thimble file holds no plan to profile', {
      node: path,
      hint: 'write it by `thimble train` or `thimble compile --target thimble --plan`, or profile the .onnx or .tflite it was made from',
    });
  }
  runOnce(session, name);
  const residentBytes = Math.max(0, process.memoryUsage().rss - before);
  const times = timed(session, plan, options, progress);
  return {
    profile: { ...profileMemory(program, plan), name: nameOf(path) },
    times,
    host: await hostNumbers(model, residentBytes, times),
    assumed,
    small: model.memory.small,
    variants: async (report) => {
      if (again) return fineTuningVariants(again, model, report);
      return training || !lowered ? settled : loadedVariants(path, model, options, report);
    },
  };
}

/** All that can be said of a `.thimble` file, whose memory is settled. */
const settled: WhatIf[] = [
  { change: 'any', reason: 'the memory of a .thimble file is settled: profile the .onnx or .tflite it was made from' },
];

function loadedVariants(path: string, model: InferenceModel, options: ProfileOptions, report: VariantProgress): Promise<WhatIf[]> {
  const reload = async (batch: number) => {
    const shape = Object.fromEntries(model.inputs.map(({ name, shape }) => [name, [batch, ...shape.slice(1)]]));
    return openModel(path, { ...options, shape: { ...options.shape, ...shape } });
  };
  const quantized = async () => (await quantize(model, [randomFeeds(model)], { scheme: 'int8', flavour: 'simd' })).model;
  return inferenceVariants(reload, () => openModel(path, { ...options, budget: 'least' }), quantized, report);
}

async function ofSaved(path: string, bytes: Uint8Array, options: ProfileOptions, progress: Progress): Promise<Subject> {
  const { method } = options;
  const before = process.memoryUsage().rss;
  const model = await loadModel(bytes);
  if (!model.isPlanned) await model.compile();
  const name = method === 'infer' ? 'predict' : method;
  const { built, session } = model;
  const lowered = built.methods[name];
  if (!lowered) {
    throw new ThimbleError('INPUT', `the model has no method "${name}"`, { node: path, expected: Object.keys(built.methods).join(', ') });
  }
  runOnce(session, name);
  const residentBytes = Math.max(0, process.memoryUsage().rss - before);
  const plan = planOf(lowered);
  const times = timed(session, plan, options, progress);
  const { flavour, reason } = session.kernels;
  const host = await hostNumbers({ session, flavour, flavourReason: reason }, residentBytes, times);
  const variants = (report: VariantProgress) => (method === 'infer' ? savedVariants(model, report) : trainingVariants(model, report));
  return { profile: { ...profileMemory(built.program, plan), name: nameOf(path) }, times, host, variants };
}

/** One call on random inputs: labels of class 0 or 1. */
function runOnce(session: Session, name: string): void {
  const inputs = session.program.methods[name]?.inputs ?? [];
  const state = session.stateBytes.slice();
  session.run(name, randomFeeds({ inputs: inputs.map((slot) => ({ ...slot, type: 'float32' })) }));
  session.stateBytes.set(state);
}

/** Times of a method; what training does to the state is undone. */
function timed(session: Session, plan: MethodPlan, { runs }: ProfileOptions, progress: Progress): StepProfile[] {
  const state = session.stateBytes.slice();
  const times = profileMethod(session, plan, { runs, onRun: (done, total) => progress.at(done, total, 'timing') });
  session.stateBytes.set(state);
  return times;
}

/** Batches of the exported model, and its int8 form. */
function savedVariants(model: Model, report: VariantProgress): Promise<WhatIf[]> {
  const reload = (batchSize: number) => load(model.export({ batchSize }));
  const quantized = async () => {
    const exported = await load(model.export());
    return (await quantize(model, [randomFeeds(exported)], { scheme: 'int8', flavour: 'simd' })).model;
  };
  return inferenceVariants(reload, () => load(model.export({ budget: 'least' })), quantized, report);
}

async function hostNumbers(
  { session, flavour, flavourReason }: Pick<RuntimeModel, 'session' | 'flavour' | 'flavourReason'>,
  residentBytes: number,
  times: readonly StepProfile[],
): Promise<HostNumbers> {
  const sizeOf = async (file: string) => (await readFile(new URL(file, import.meta.url)).catch(() => new Uint8Array())).length;
  return {
    runtime: `${process.release.name} ${process.versions.node}, ${process.arch}`,
    flavour,
    flavourReason,
    memoryBytes: session.memory.buffer.byteLength,
    residentBytes,
    kernelBytes: await sizeOf(`./kernels/${flavour}.wasm`),
    scriptBytes: await scriptBytes(),
    ms: times.reduce((sum, { ms }) => sum + ms, 0),
  };
}

/** Bytes of thimble/runtime: its file, and those it imports before it runs. */
async function scriptBytes(): Promise<number> {
  const seen = new Map<string, number>();
  const visit = async (url: URL): Promise<void> => {
    if (seen.has(url.href)) return;
    const text = await readFile(url, 'utf8').catch(() => '');
    seen.set(url.href, Buffer.byteLength(text));
    for (const [, next] of text.matchAll(/(?:from|import)\s*"(\.\.?\/[^"]+\.js)"/g)) await visit(new URL(next as string, url));
  };
  await visit(new URL('./runtime.js', import.meta.url));
  return [...seen.values()].reduce((sum, bytes) => sum + bytes, 0);
}

const number = (n: number): string => n.toLocaleString('en-US');
const SLOWEST = 10;

function print({ profile: memory, times, host, assumed, small }: Subject, whatIf: readonly WhatIf[], { html, svg }: ProfileOptions): void {
  const { kinds, peak, totalBytes, arenaBytes, lowerBoundBytes } = memory;
  if (assumed !== undefined) console.log(`${assumed}\n`);
  if (small) console.log('To fit the budget, some layers have less scratch than they are fastest with.\n');
  const bytes = tableOf(['what for', 'bytes', 'share'], [1, 2]);
  for (const [kind, n] of Object.entries(kinds)) if (n > 0) bytes.push([kind, number(n), `${((n / totalBytes) * 100).toFixed(1)} %`]);
  bytes.push(['total', number(totalBytes), `${formatBytes(host.memoryBytes)} in pages`]);
  console.log(
    `${memory.name}, ${memory.method}: arena ${number(arenaBytes)} bytes, no placement is below ${number(lowerBoundBytes)}\n${bytes}`,
  );
  const largest = peak.buffers.slice(0, 3).map(({ layer, kind, bytes: n }) => `${kind} of ${shortName(layer)} ${formatBytes(n)}`);
  console.log(
    `peak ${number(peak.bytes)} bytes at step ${peak.step} of ${memory.steps.length}, ${shortName(peak.node)}: ${largest.join(', ')}`,
  );
  const slow = tableOf(['slowest', 'kernel', 'calls', 'µs', 'share', 'GMAC/s'], [2, 3, 4, 5]);
  for (const { node, kernel, calls, ms, macs } of [...times].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST)) {
    slow.push([
      shortName(node),
      kernel,
      calls,
      (ms * 1000).toFixed(1),
      `${((ms / host.ms) * 100).toFixed(1)} %`,
      macs ? (macs / ms / 1e6).toFixed(1) : '',
    ]);
  }
  console.log(`${host.ms.toPrecision(3)} ms a call on ${host.flavour} kernels (${host.flavourReason})\n${slow}`);
  if (whatIf.length) {
    const variants = tableOf(['what if', 'total', '', 'arena', 'state', ''], [1, 2, 3, 4]);
    for (const { change, totalBytes: total, arenaBytes: arena = 0, stateBytes = 0, estimate = '' } of whatIf) {
      if (total !== undefined)
        variants.push([change, number(total), `${(total / totalBytes).toFixed(2)} ×`, number(arena), number(stateBytes), estimate]);
    }
    if (variants.length) console.log(variants.toString());
    for (const { change, reason } of whatIf) if (reason !== undefined) console.log(`not possible: ${change}: ${reason.split('\n')[0]}`);
  }
  for (const file of [html, svg]) if (file !== undefined) console.log(file);
}
