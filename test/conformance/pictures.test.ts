import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Image, resize } from '../../src/data/index.ts';
import { load } from '../../src/index.ts';

const shared = new URL('../../../shared/', import.meta.url);
const isPresent = existsSync(shared);
if (!isPresent) console.log('skipped: ../shared is not here');
const bytesOf = (path: string) => new Uint8Array(readFileSync(new URL(path, shared)));

/** An uncompressed Windows bitmap of 8 bits (grey) or 24 (colour), rows from the bottom. */
function bitmap(path: string): Image {
  const bytes = bytesOf(path);
  const view = new DataView(bytes.buffer);
  const [first, width, height, bits] = [
    view.getUint32(10, true),
    view.getInt32(18, true),
    view.getInt32(22, true),
    view.getUint16(28, true),
  ];
  const channels = bits === 8 ? 1 : 3;
  const row = Math.ceil((width * channels) / 4) * 4;
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [x, y, c] = [Math.floor(i / channels) % width, Math.floor(i / (channels * width)), i % channels];
    return bytes[first + (height - 1 - y) * row + x * channels + (channels - 1 - c)] as number;
  });
  return { width, height, channels, data };
}

const largest = (scores: ArrayLike<number>): number => Array.from(scores).indexOf(Math.max(...Array.from(scores)));

/** Classes of ImageNet, with the background as class 0. */
const CATS = [282, 283, 286];
const UNIFORM_OR_SUIT = [653, 835];

describe.skipIf(!isPresent)('pictures are what they show', () => {
  it.each([
    ['person.bmp', 1],
    ['no_person.bmp', 0],
  ] as const)('%s, to person_detect', async (file, expected) => {
    const model = await load(bytesOf('bench-models/person_detect.tflite'));
    const [input] = model.inputs;
    const { data } = bitmap(`inputs/${file}`);
    // The bytes of these bitmaps are signed numbers, in steps of 1 / 127.5 around -1.
    const signed = Float32Array.from(data, (x) => (((x << 24) >> 24) + 1) / 127.5);
    const scores = model.run({ [input?.name as string]: signed });
    const [result] = Object.values(scores);
    expect(largest((result as { data: Float32Array }).data)).toBe(expected);
  });

  it.each([
    ['cat.bmp', CATS],
    ['grace_hopper.bmp', UNIFORM_OR_SUIT],
  ] as const)('%s, to MobileNet in uint8 and in floats', async (file, expected) => {
    const image = resize(bitmap(`inputs/${file}`), 224, 224);
    for (const name of ['mobilenet_v1_0.25_224_quant', 'mobilenet_v1_0.25_224_1_default_1']) {
      const model = await load(bytesOf(`models/tflite/tflite-support__${name}/model.tflite`));
      const [input] = model.inputs;
      const isByte = input?.dtype === 'u8';
      const [result] = Object.values(
        model.run({ [input?.name as string]: isByte ? image.data : Float32Array.from(image.data, (x) => (x - 127.5) / 127.5) }),
      );
      expect(expected, name).toContain(largest((result as { data: Float32Array }).data));
    }
  });
});
