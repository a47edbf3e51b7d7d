import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load } from '../../src/inference/load.ts';
import type { InferenceModel } from '../../src/inference/model.ts';
import { flavours } from '../ops/lowering.ts';

/** Models that torch exported, with an input and torch's output for it. */
const dir = new URL('../../../shared/bench-models/', import.meta.url);
const isPresent = existsSync(dir);
if (!isPresent) console.log('skipped: ../shared/bench-models is not here');
const files = isPresent ? readdirSync(dir).filter((file) => file.endsWith('.onnx')) : [];

const bytes = (file: string) => new Uint8Array(readFileSync(new URL(file, dir)));
const floats = (file: string) => new Float32Array(bytes(file).slice().buffer);
/** Variants of a model share its input and output. */
const stem = (file: string) => file.replace(/(_int8qdq|_rawexport)?\.onnx$/, '');
const isQuantized = (file: string) => file.endsWith('_int8qdq.onnx');

function output(model: InferenceModel, file: string): Float32Array {
  const [input] = model.inputs;
  const results = model.run({ [input?.name ?? '']: floats(`${stem(file)}.in.f32`) });
  return Object.values(results)[0]?.data as Float32Array;
}

describe.skipIf(!isPresent)('models of torch', () => {
  it.each(files.filter((file) => !isQuantized(file)))('%s: every output within 1e-5 relative of torch', async (file) => {
    const want = floats(`${stem(file)}.out.f32`);
    for (const flavour of flavours) {
      const got = output(await load(bytes(file), { flavour }), file);
      expect(got.length).toBe(want.length);
      // The absolute term is for sums that cancel: f32 rounding of numbers up to 0.5 (measured: 5e-8 at most).
      const worst = want.findIndex((value, i) => !(Math.abs(value - (got[i] as number)) <= 1e-7 + 1e-5 * Math.abs(value)));
      expect(worst < 0 ? 'close' : `${flavour}: ${got[worst]}, torch ${want[worst]}`).toBe('close');
    }
  });

  // What int8 costs these models: onnxruntime is as far from torch (autoencoder 0.0064, encoder 0.05, MobileNetV2 0.015 of the largest output).
  it.each(files.filter(isQuantized))('%s: near torch', async (file) => {
    const want = floats(`${stem(file)}.out.f32`);
    const largest = want.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    for (const flavour of flavours) {
      const got = output(await load(bytes(file), { flavour }), file);
      const worst = want.reduce((top, value, i) => Math.max(top, Math.abs(value - (got[i] as number))), 0);
      expect(got.length).toBe(want.length);
      expect(worst / largest, flavour).toBeLessThan(file.startsWith('encoder') ? 0.08 : 0.02);
    }
  });

  it("the exporter's junk folds away: the raw export is the same graph", async () => {
    const [clean, raw] = await Promise.all([load(bytes('dscnn_kws.onnx')), load(bytes('dscnn_kws_rawexport.onnx'))]);
    const operators = (model: InferenceModel) => model.graph.nodes.map(({ op }) => op).join();
    expect(operators(raw)).toBe(operators(clean));
    expect(raw.memory.totalBytes).toBe(clean.memory.totalBytes);
  });
});
