// Every model of ../shared, and those that the project makes itself.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as t from '../src/index.ts';
import { testNetworks } from './networks.ts';

const shared = new URL('../../shared/', import.meta.url);
const isPresent = existsSync(new URL('bench-models/', shared));
const list = (folder: string) => readdirSync(new URL(folder, shared));

/** Paths in ../shared; none where it is absent. */
export const sharedFiles: readonly string[] = isPresent
  ? [
      ...list('bench-models/')
        .filter((file) => /\.(onnx|tflite)$/.test(file))
        .map((file) => `bench-models/${file}`),
      ...list('models/onnx/').map((folder) => `models/onnx/${folder}/model.onnx`),
      ...list('models/tflite/').map((folder) => `models/tflite/${folder}/model.tflite`),
    ]
  : [];
if (!isPresent) console.log('skipped: ../shared is not here');

export const sharedBytes = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, shared)));

/** Extents that a model leaves open. */
const shapes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'models/onnx/silero-vad__data__silero_vad_op18_ifless/model.onnx': { batch: 1, sequence: 512 },
};

export const loadShared = (file: string, options: t.LoadOptions = {}): Promise<t.InferenceModel> =>
  t.load(sharedBytes(file), { shapes: shapes[file] ?? {}, ...options });

/** The project's own networks as ONNX files, in floats. */
export const ownFiles: readonly (readonly [name: string, bytes: () => Uint8Array])[] = testNetworks.map(({ name, build }) => [
  name,
  () => t.exportOnnx(build()),
]);
