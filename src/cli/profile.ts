import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import {
  formatBytes,
  inferenceVariants,
  load,
  loadModel,
  type MemoryProfile,
  type Model,
  profileMemory,
  profileMethod,
  quantize,
  type RuntimeModel,
  type StepProfile,
  ThimbleError,
  trainingVariants,
  type WhatIf,
  writeFileAtomically,
} from '../index.ts';
import type { HostNumbers } from '../report/memoryReport.ts';
import { randomFeeds } from './bench.ts';
import { flavourOption, type SourceOptions, wholeNumber, withSource } from './options.ts';
import { isSaved, nameOf, openModel, readInput } from './source.ts';
import { tableOf } from './table.ts';

interface ProfileOptions extends SourceOptions {
  readonly method: 'infer' | 'train' | 'evaluate';
  readonly html?: string;
  readonly svg?: string;
  readonly runs: number;
  readonly whatIf: boolean;
  readonly json?: boolean;
}

export function registerProfile(program: Command): void {
  withSource(
    program
      .command('profile')
      .description('where every byte and every microsecond of a model goes')
      .argument('<model>', '.onnx, .tflite, or a model that was saved (.safetensors)'),
  )
    .addOption(flavourOption())
    .addOption(
      new Option('--method <name>', 'which method; training needs a model that was saved')
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
  thimble profile digits.safetensors --method train --html training.html`,
    )
    .action(profile);
}

/** What is profiled, and how to plan its variants. */
interface Subject {
  readonly profile: MemoryProfile;
  readonly times: readonly StepProfile[];
  readonly host: HostNumbers;
  readonly variants: () => Promise<WhatIf[]>;
}

async function profile(path: string, options: ProfileOptions): Promise<void> {
  const bytes = await readInput(path);
  const subject = isSaved(bytes) ? await ofSaved(path, bytes, options) : await ofLoaded(path, options);
  const { profile: memory, times, host } = subject;
  const whatIf = options.whatIf ? await subject.variants() : [];
  if (options.svg !== undefined || options.html !== undefined) {
    const { renderMemoryReport, renderMemorySvg } = await import('../report/memoryReport.ts');
    if (options.svg !== undefined) await writeFileAtomically(options.svg, renderMemorySvg(memory));
    if (options.html !== undefined) await writeFileAtomically(options.html, renderMemoryReport({ profile: memory, times, whatIf, host }));
  }
  if (options.json) console.log(JSON.stringify({ ...memory, times, whatIf, host }));
  else print(subject, whatIf, options);
}

async function ofLoaded(path: string, options: ProfileOptions): Promise<Subject> {
  if (options.method !== 'infer') {
    throw new ThimbleError('INPUT', 'the file has no training step', {
      node: path,
      hint: 'profile a model that save wrote after compile with a loss',
    });
  }
  const before = process.memoryUsage().rss;
  const model = await openModel(path, options);
  model.run(randomFeeds(model));
  const residentBytes = Math.max(0, process.memoryUsage().rss - before);
  const times = profileMethod(model.session, model.lowered, options);
  const reload = async (batch: number) => {
    const shape = Object.fromEntries(model.inputs.map(({ name, shape }) => [name, [batch, ...shape.slice(1)]]));
    return openModel(path, { ...options, shape: { ...options.shape, ...shape } });
  };
  const quantized = async () => (await quantize(model, [randomFeeds(model)], { scheme: 'int8', flavour: 'simd' })).model;
  return {
    profile: { ...profileMemory(model.program, model.lowered), name: nameOf(path) },
    times,
    host: await hostNumbers(model, residentBytes, times),
    variants: () => inferenceVariants(reload, quantized),
  };
}

async function ofSaved(path: string, bytes: Uint8Array, options: ProfileOptions): Promise<Subject> {
  const { method } = options;
  const before = process.memoryUsage().rss;
  const model = await loadModel(bytes);
  if (!model.isPlanned) await model.compile();
  const name = method === 'infer' ? 'predict' : method;
  const { built, session } = model;
  const lowered = built.methods[name];
  const slots = built.program.methods[name]?.inputs;
  if (!lowered || !slots) {
    throw new ThimbleError('INPUT', `the model has no method "${name}"`, { node: path, expected: Object.keys(built.methods).join(', ') });
  }
  const state = session.stateBytes.slice();
  session.run(name, randomFeeds({ inputs: slots.map((slot) => ({ ...slot, type: 'float32' })) }));
  const residentBytes = Math.max(0, process.memoryUsage().rss - before);
  const times = profileMethod(session, lowered, options);
  session.stateBytes.set(state);
  const { flavour, reason } = session.kernels;
  const host = await hostNumbers({ session, flavour, flavourReason: reason }, residentBytes, times);
  const variants = () => (method === 'infer' ? savedVariants(model) : trainingVariants(model));
  return { profile: { ...profileMemory(built.program, lowered), name: nameOf(path) }, times, host, variants };
}

/** Batches of the exported model, and its int8 form. */
function savedVariants(model: Model): Promise<WhatIf[]> {
  const reload = (batchSize: number) => load(model.export({ batchSize }));
  const quantized = async () => {
    const exported = await load(model.export());
    return (await quantize(model, [randomFeeds(exported)], { scheme: 'int8', flavour: 'simd' })).model;
  };
  return inferenceVariants(reload, quantized);
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

function print({ profile: memory, times, host }: Subject, whatIf: readonly WhatIf[], { html, svg }: ProfileOptions): void {
  const { kinds, peak, totalBytes, arenaBytes, lowerBoundBytes } = memory;
  const bytes = tableOf(['what for', 'bytes', 'share'], [1, 2]);
  for (const [kind, n] of Object.entries(kinds)) if (n > 0) bytes.push([kind, number(n), `${((n / totalBytes) * 100).toFixed(1)} %`]);
  bytes.push(['total', number(totalBytes), `${formatBytes(host.memoryBytes)} in pages`]);
  console.log(
    `${memory.name}, ${memory.method}: arena ${number(arenaBytes)} bytes, no placement is below ${number(lowerBoundBytes)}\n${bytes}`,
  );
  const largest = peak.buffers.slice(0, 3).map(({ label, bytes: n }) => `${label} ${formatBytes(n)}`);
  console.log(`peak ${number(peak.bytes)} bytes at step ${peak.step} of ${memory.steps.length}, ${peak.node}: ${largest.join(', ')}`);
  const slow = tableOf(['slowest', 'kernel', 'calls', 'µs', 'share', 'GMAC/s'], [2, 3, 4, 5]);
  for (const { node, kernel, calls, ms, macs } of [...times].sort((a, b) => b.ms - a.ms).slice(0, SLOWEST)) {
    slow.push([
      node,
      kernel,
      calls,
      (ms * 1000).toFixed(1),
      `${((ms / host.ms) * 100).toFixed(1)} %`,
      macs ? (macs / ms / 1e6).toFixed(1) : '',
    ]);
  }
  console.log(`${host.ms.toPrecision(3)} ms a call on ${host.flavour} kernels (${host.flavourReason})\n${slow}`);
  if (whatIf.length) {
    const variants = tableOf(['what if', 'total', '', 'arena', 'state'], [1, 2, 3, 4]);
    for (const { change, totalBytes: total, arenaBytes: arena = 0, stateBytes = 0 } of whatIf) {
      if (total !== undefined)
        variants.push([change, number(total), `${(total / totalBytes).toFixed(2)} ×`, number(arena), number(stateBytes)]);
    }
    console.log(variants.toString());
    for (const { change, reason } of whatIf) if (reason !== undefined) console.log(`not possible: ${change}: ${reason.split('\n')[0]}`);
  }
  for (const file of [html, svg]) if (file !== undefined) console.log(file);
}
