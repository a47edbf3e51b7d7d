import fc from 'fast-check';
import { expect, it } from 'vitest';
import { unpackHalves } from '../../src/core/halves.ts';
import { packHalves } from '../../src/core/packHalves.ts';

const bytesOf = (words: readonly number[]) => new Uint8Array(Uint32Array.from(words).buffer);

/** Words of all kinds: floats of few bits, of many, zeros of both signs, whole numbers, NaN. */
const words = fc.array(
  fc.oneof(
    fc
      .tuple(fc.integer({ min: 1, max: 200 }), fc.constantFrom(0, 0x80000000, 0x3f800000, 0x33800000, 0x477fe000, 0xb8801000, 0x38000000))
      .map(([count, word]) => new Array<number>(count).fill(word)),
    fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 20 }),
    fc.constantFrom([0x7fc00000], [0x7f800000], [0xff800000], [0x33000000], [0x477ff000], [0x3f800001], [1]),
  ),
  { maxLength: 12 },
);

it('loses nothing, and halves runs of floats that have few bits', () => {
  fc.assert(
    fc.property(words, fc.integer({ min: 0, max: 3 }), (parts, rest) => {
      const image = new Uint8Array([...bytesOf(parts.flat()), ...new Array<number>(rest).fill(7)]);
      const { runs, bytes } = packHalves(image);
      expect(bytes.length).toBe(image.length - 2 * runs.reduce((sum, [, count]) => sum + count, 0));
      expect(unpackHalves(bytes, runs, image.length)).toEqual(image);
    }),
    { numRuns: 300 },
  );
  const zeros = packHalves(new Uint8Array(4000));
  expect(zeros.runs).toEqual([[0, 1000]]);
  expect(zeros.bytes).toHaveLength(2000);
});

it('runs that do not fit are refused', () => {
  const bytes = new Uint8Array(16);
  expect(unpackHalves(bytes, [], 16)).toEqual(bytes);
  for (const runs of [
    [[0, 4]],
    [
      [0, 8],
      [4, 4],
    ],
    [[-1, 8]],
    [[0, 0.5]],
    [[0, 2 ** 40]],
    [[4, 8]],
    [['0', 8]],
    [[0, Number.NaN]],
  ])
    expect(unpackHalves(bytes, runs as never, 32)).toBeUndefined();
  expect(unpackHalves(bytes, [[0, 8]], 32)).toHaveLength(32);
});
