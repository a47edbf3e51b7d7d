// Measures the cases in one interleaved run, in the process it is started in. Usage: node measure.mjs PEERS ONLY; prints progress, and JSON last.
import { cpus } from 'node:os';
import { load } from '../../dist/index.js';
import { ceilings } from '../kernels/ceiling.mjs';
import { cases, excess } from './cases.mjs';
import { openLiteRt } from './runtimes/litert.mjs';
import { openOnnxruntimeNode, openOnnxruntimeWeb } from './runtimes/onnxruntime.mjs';
import { openTfjs } from './runtimes/tfjs.mjs';
import { openThimble } from './runtimes/thimble.mjs';

const [, , peers, only = ''] = process.argv;
const ROUNDS = 21;
/** Milliseconds of the calls of a round. */
const ROUND = 8;
/**
 * Milliseconds of warming up. V8 queues what it compiles better: a runtime of thousands of functions needs seconds until its kernels are fast, so each
 * gets that long before anything is measured, and each model again before its rounds.
 */
const WARM_RUNTIME = 4000;
const WARM_MODEL = 250;

const say = (text) => process.stderr.write(`${text}\n`);

/** The native runtime comes first: its outputs are what QDQ models are held to. LiteRT.js comes last: its shim makes Node look like a browser's worker. */
const runtimes = [];
for (const open of [openOnnxruntimeNode, openThimble, openOnnxruntimeWeb, openTfjs, openLiteRt]) {
  try {
    runtimes.push(...(await open(peers)));
  } catch (error) {
    say(`${open.name.slice(4)} does not start here: ${error.message.split('\n')[0]}`);
  }
}

/** Milliseconds a call, over `count` calls. */
async function timed(run, count) {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const result = run();
    if (typeof result?.then === 'function') await result;
  }
  return (performance.now() - start) / count;
}

/** Runs for `ms` at least. Returns how many calls fill a round. */
async function warm(run, ms) {
  const start = performance.now();
  let calls = 0;
  for (; performance.now() - start < ms || calls < 10; calls++) await run();
  return Math.max(1, Math.round((calls * ROUND) / (performance.now() - start)));
}

/** What a form without golden data is held to: for ONNX the native runtime, which comes first; for TFLite thimble. */
async function reference({ flavour }, form, kind, output) {
  if (kind === 'onnx') return flavour === 'native' ? output : undefined;
  const model = await load(form.bytes).catch(() => undefined);
  return model?.run({ [model.inputs[0].name]: form.input })[model.outputs[0].name].data;
}

/** `runtime` with the form of `item` it reads, its output checked; undefined where it has none or is wrong. */
async function entrant(runtime, item) {
  for (const kind of item.dtype === 'int8' ? ['tflite', 'onnx'] : ['onnx', 'tflite']) {
    const form = item[kind];
    if (!form) continue;
    let loaded;
    try {
      loaded = await runtime.load({ form, bytes: form.bytes, kind, dtype: item.dtype });
    } catch (error) {
      // A runtime that reads both may lack one of them; only the last word counts.
      if (item.dtype !== 'int8' || kind === 'onnx')
        say(`${item.name}: ${runtime.runtime} ${runtime.flavour} cannot run it: ${`${error.message}`.split('\n')[0].slice(0, 160)}`);
      continue;
    }
    if (!loaded) continue;
    const output = Float32Array.from(await loaded.run());
    form.expected ??= await reference(runtime, form, kind, output);
    return { ...runtime, ...loaded, kind, form, output, times: [] };
  }
  return undefined;
}

const tiles = ['simd', 'relaxed'].flatMap((flavour) => {
  try {
    return ceilings(flavour === 'relaxed').map(({ macs, run }) => ({ flavour, macs, run, times: [] }));
  } catch {
    return [];
  }
});

const fields = [];
for (const item of await cases(only)) {
  say(item.name);
  const entrants = [];
  for (const runtime of runtimes) {
    const found = await entrant(runtime, item);
    if (found) entrants.push(found);
  }
  const running = entrants.filter(({ runtime, flavour, kind, form, output }) => {
    if (!form.expected) say(`${item.name}: nothing to check the ${kind} output of ${runtime} ${flavour} against`);
    const off = form.expected ? excess(form, output) : 0;
    if (off <= 1) return true;
    say(`${item.name}: ${runtime} ${flavour} left out, its ${kind} output is ${off.toFixed(1)} times as far off as tolerated`);
    return false;
  });
  fields.push({ item, running });
}
say('warming up');
for (const { running } of fields) for (const { run } of running) await warm(run, WARM_RUNTIME / fields.length);
for (const tile of tiles) tile.count = await warm(tile.run, WARM_MODEL);

const sorted = (times) => [...times].sort((a, b) => a - b);
const median = (times) => sorted(times)[times.length >> 1];
const rows = [];
for (const { item, running } of fields) {
  say(`measuring ${item.name}`);
  for (const one of running) one.count = await warm(one.run, WARM_MODEL);
  for (let round = 0; round < ROUNDS; round++) {
    for (const one of running) one.times.push(await timed(one.run, one.count));
    if (round % 4 === 0) for (const tile of tiles) tile.times.push(await timed(tile.run, tile.count));
  }
  for (const { runtime, flavour, kind, times } of running) {
    const [medianMs, p25Ms] = [median(times), sorted(times)[times.length >> 2]];
    rows.push({
      model: item.name,
      runtime,
      flavour,
      threads: 1,
      format: kind,
      medianMs,
      p25Ms,
      gmacs: item.macs / medianMs / 1e6,
      bytes: item.bytes,
    });
  }
  for (const one of running) await one.close?.();
}
const ceiling = {};
for (const { flavour, macs, times } of tiles) ceiling[flavour] = Math.max(ceiling[flavour] ?? 0, macs / median(times) / 1e6);
console.log(JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model, ceiling, rows }));
process.exit();
