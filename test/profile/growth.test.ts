import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** Bytes of a run and of a model that are no growth: resident memory comes in pages, and the host's own heap breathes. */
const NOISE = { runs: 200, models: 64 * 1024 };

/** A model that keeps state between its calls, in 8 bits. */
const streaming = fileURLToPath(new URL('../../../shared/models/tflite/micro-wake-word-models__vad/model.tflite', import.meta.url));

it('nothing grows over 10,000 runs, nor over 200 models that are made and dropped: float, 8-bit, recurrent, in training', () => {
  const script = fileURLToPath(new URL('growth.mjs', import.meta.url));
  const more = existsSync(streaming) ? [streaming] : [];
  const printed = execFileSync(process.execPath, ['--expose-gc', script, ...more], { encoding: 'utf8' });
  const { 'a leak': leak, ...kinds } = JSON.parse(printed) as Record<string, { readonly runs: number; readonly models: number }>;
  expect(Object.keys(kinds)).toHaveLength(4 + more.length);
  for (const [kind, { runs, models }] of Object.entries(kinds)) {
    expect(runs, `bytes a run, ${kind}`).toBeLessThan(NOISE.runs);
    expect(models, `bytes a model, ${kind}`).toBeLessThan(NOISE.models);
  }
  expect(leak?.runs).toBeGreaterThan(NOISE.runs);
  expect(leak?.models).toBeGreaterThan(NOISE.models);
}, 240_000);
