import type { Command } from 'commander';
import { formatBytes, type InferenceModel, type TypedArray } from '../index.ts';
import { flavourOption, type SourceOptions, wholeNumber, withSource } from './options.ts';
import { withProgress } from './progress.ts';
import { openModel } from './source.ts';

interface BenchOptions extends SourceOptions {
  readonly runs: number;
  readonly json?: boolean;
}

export function registerBench(program: Command): void {
  withSource(
    program
      .command('bench')
      .description('time a model on seeded random inputs')
      .argument('<model>', '.onnx, .tflite, .thimble, or a model that was saved (.safetensors)'),
  )
    .addOption(flavourOption())
    .option('--runs <n>', 'calls to time; half as many go before, to warm up', wholeNumber, 50)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExamples:\n  thimble bench model.onnx\n  thimble bench model.onnx --flavour simd --runs 200 --json')
    .action(bench);
}

async function bench(path: string, { runs, json = false, ...source }: BenchOptions): Promise<void> {
  const opening = performance.now();
  const model = await openModel(path, source);
  const feeds = randomFeeds(model);
  const started = performance.now();
  const openMs = started - opening;
  model.run(feeds);
  const firstMs = performance.now() - started;
  const { session, program } = model;
  const method = program.methods.infer ? 'infer' : 'predict';
  const times: number[] = [];
  await withProgress('timing', (progress) => {
    for (let run = -Math.ceil(runs / 2); run < runs; run++) {
      const before = performance.now();
      session.execute(method);
      if (run >= 0) times.push(performance.now() - before);
      progress.at(Math.max(0, run + 1), runs);
    }
  });
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] as number;
  const result = { model: path, flavour: model.flavour, reason: model.flavourReason, runs, openMs, firstMs };
  const timing = { medianMs: at(0.5), p25Ms: at(0.25), p95Ms: at(0.95) };
  const memoryBytes = session.memory.buffer.byteLength;
  if (json) console.log(JSON.stringify({ ...result, ...timing, memoryBytes }));
  else {
    const ms = (value: number) => `${value.toPrecision(3)} ms`;
    console.log(
      `${ms(timing.medianMs)} (a quarter below ${ms(timing.p25Ms)}, 5 % above ${ms(timing.p95Ms)}; ${runs} runs), first call ${ms(firstMs)}, ` +
        `opened in ${ms(openMs)}\n${model.flavour} kernels (${model.flavourReason}), memory ${formatBytes(memoryBytes)}`,
    );
  }
}

/** The same numbers for the same model: a linear congruential generator, small integers for integers. */
export function randomFeeds({ inputs }: Pick<InferenceModel, 'inputs'>): Record<string, TypedArray> {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array };
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const length = shape.reduce((all, n) => all * n, 1);
      const value = () => (dtype === 'f32' ? next() * 2 - 1 : Math.floor(next() * 2));
      const data = new arrays[dtype](length);
      for (let i = 0; i < length; i++) data[i] = value();
      return [name, data];
    }),
  );
}
