import { readFileSync } from 'node:fs';
import { encode as encodePng } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { classify, preprocessing } from '../../src/data/index.ts';
import { load as loadAtEdge } from '../../src/hosts/runtime.ts';
import * as t from '../../src/index.ts';
import { modelFile } from '../formats/onnxFile.ts';

const spec = preprocessing({ width: 6, height: 4, fit: 'cover', mean: [100, 110, 120], deviation: [50, 60, 70] });
const task: t.Task = { input: 'input', output: 'predictions', labels: ['ant', 'bee', 'cow'], scores: 'logits', preprocessing: spec };

const photo = encodePng({
  width: 20,
  height: 10,
  channels: 3,
  data: Uint8Array.from({ length: 600 }, (_, i) => (i * 37) % 256),
});

const network = () => t.sequential([t.input({ shape: [4, 6, 3] }), t.flatten(), t.dense({ units: 3 })], { seed: 5 });

describe('a model that carries its task', () => {
  test('answers a photograph the same through every file and loader', async () => {
    const model = network();
    await model.compile({ flavour: 'simd' });
    const bytes = model.export({ task });
    const models = [await t.load(bytes, { flavour: 'simd' }), await loadAtEdge(bytes, { flavour: 'scalar' })];
    const [first, second] = await Promise.all(models.map((loaded) => classify(loaded, photo)));
    expect(second).toEqual(first);
    expect(first?.map(({ label }) => label).sort()).toEqual(['ant', 'bee', 'cow']);
    const probabilities = (first ?? []).map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    expect(models[0]?.task).toEqual(task);
    const again = await t.load((models[0] as t.InferenceModel).export(), { flavour: 'simd' });
    expect(await classify(again, photo)).toEqual(first);
  });
  test('files with a damaged task are FORMAT errors', async () => {
    const exported = (wrong: object) => () => network().export({ task: { ...task, ...wrong } as t.Task });
    expect(exported({ labels: [1] })).toThrow(/labels are no names/);
    expect(exported({ scores: 'points' })).toThrow(/scores are "points"/);
    expect(exported({ preprocessing: { ...spec, fit: 'squeeze' } })).toThrow(/fit of the preprocessing/);
    const bytes = network().export({ task });
    const text = new TextDecoder('latin1').decode(bytes);
    const damaged = Uint8Array.from(text.replace('"scores":"logits"', '"scores":"logitz"'), (c) => c.charCodeAt(0));
    await expect(loadAtEdge(damaged)).rejects.toMatchObject({ code: 'FORMAT', message: expect.stringContaining('"logitz"') });
    const elsewhere = Uint8Array.from(text.replace('"task":{"input":"input"', '"task":{"input":"imput"'), (c) => c.charCodeAt(0));
    await expect(loadAtEdge(elsewhere)).rejects.toThrow(/no method takes "imput"/);
  });
  test('what it does not take, or does not say, is an error', async () => {
    const plain = await t.load(network().export());
    await expect(classify(plain, photo)).rejects.toThrow(/does not say what it is for.*thimble train/);
    const model = await t.load(network().export({ task }));
    await expect(classify(model, { sampleRate: 8000, samples: new Float32Array(8) })).rejects.toThrow(
      /takes no sounds.*expected a picture/,
    );
    const other = await t.load(network().export({ task: { ...task, labels: ['a', 'b'] } }));
    await expect(classify(other, photo)).rejects.toThrow(/"predictions" does not fit its labels.*2 scores.*3/);
  });
});

test('a model of sounds takes WAV files of its rate', async () => {
  const { sounds } = JSON.parse(readFileSync(new URL('golden/arrays.json', import.meta.url), 'utf8'));
  const wav = new Uint8Array(Buffer.from(sounds['16'].file, 'base64'));
  const model = t.sequential([t.input({ shape: [5] }), t.dense({ units: 2, activation: 'softmax' })]);
  const sound: t.Task = {
    input: 'input',
    output: 'predictions',
    labels: ['no', 'yes'],
    scores: 'probabilities',
    sound: { sampleRate: 8000, length: 5 },
  };
  const verdicts = await classify(await t.load(model.export({ task: sound })), wav);
  expect((verdicts[0]?.probability ?? 0) + (verdicts[1]?.probability ?? 0)).toBeCloseTo(1, 6);
  const slower = await t.load(model.export({ task: { ...sound, sound: { sampleRate: 16000, length: 5 } } }));
  await expect(classify(slower, wav)).rejects.toThrow(/expected 16000 Hz, got 8000 Hz/);
});

describe('metadata of ONNX files', () => {
  const file = modelFile({
    nodes: [{ op: 'Neg', inputs: ['input'], outputs: ['predictions'] }],
    inputs: { input: { type: 'float', dims: [1, 3] } },
    outputs: ['predictions'],
  });
  const text = (field: number, value: string) => {
    const content = new TextEncoder().encode(value);
    return [field * 8 + 2, (content.length & 127) | 128, content.length >> 7, ...content];
  };
  /** Messages of protobuf are concatenated by concatenating their bytes. */
  const withMetadata = (metadata: Readonly<Record<string, string>>) =>
    Uint8Array.from([
      ...file,
      ...Object.entries(metadata).flatMap(([key, value]) => {
        const entry = [...text(1, key), ...text(2, value)];
        return [14 * 8 + 2, (entry.length & 127) | 128, entry.length >> 7, ...entry];
      }),
    ]);
  test('carry the task to load and on into .thimble files', async () => {
    const model = await t.load(withMetadata(t.metadataOf(task)));
    expect(model.task).toEqual(task);
    expect((await loadAtEdge(model.export())).task).toEqual(task);
    expect((await t.load(file)).task).toBeUndefined();
    expect((await t.load(withMetadata({ author: 'me' }))).task).toBeUndefined();
    expect(JSON.parse(t.metadataOf(task).labels as string)).toEqual(task.labels);
  });
  test('that is damaged is a FORMAT error', async () => {
    await expect(t.load(withMetadata({ 'thimble.task': '{' }))).rejects.toMatchObject({ code: 'FORMAT' });
  });
});
