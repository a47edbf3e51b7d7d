import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { decodeModel, isTflite } from '../../../src/formats/tflite/schema.ts';
import { importSignatures } from '../../../src/formats/tflite/signatures.ts';
import { inspect, load, ThimbleError } from '../../../src/index.ts';

const folder = new URL('./models/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.tflite'));
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));

/** Imports; what is thrown must be a ThimbleError. Returns its code, or undefined where the file is still a model. */
function outcome(bytes: Uint8Array): string | undefined {
  try {
    const model = decodeModel(bytes);
    const keys = model.signatures.map(({ key }) => key);
    importSignatures(model, bytes.length, [...new Set(keys)], {});
    return undefined;
  } catch (error) {
    if (!(error instanceof ThimbleError)) throw error;
    return error.code;
  }
}

/** One to four changes: a byte, a word near the limits of integers, a stretch of one value, or two words swapped. */
function mutated(original: Uint8Array, random: Random): Uint8Array {
  const bytes = original.slice();
  const pick = (count: number) => Math.floor(random.uniform(0, count));
  const view = new DataView(bytes.buffer);
  for (let n = 1 + pick(4); n > 0; n--) {
    const word = 4 * pick(bytes.length / 4 - 1);
    switch (pick(4)) {
      case 0:
        bytes[pick(bytes.length)] = pick(256);
        break;
      case 1:
        view.setInt32(word, [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), bytes.length, 2 ** 24, 65535][pick(8)] as number, true);
        break;
      case 2:
        bytes.fill([0, 1, 255][pick(3)] as number, word, word + pick(16));
        break;
      default: {
        const other = 4 * pick(bytes.length / 4 - 1);
        const kept = view.getInt32(word, true);
        view.setInt32(word, view.getInt32(other, true), true);
        view.setInt32(other, kept, true);
      }
    }
  }
  return bytes;
}

describe('hostile TFLite files', () => {
  const MUTATIONS = 6000;
  it(`end in a ThimbleError, or a model: ${MUTATIONS} mutations`, () => {
    const random = new Random(7);
    const codes = new Map<string, number>();
    for (let i = 0; i < MUTATIONS; i++) {
      const code = outcome(mutated(bytesOf(files[i % files.length] as string), random)) ?? 'model';
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(codes.get('FORMAT')).toBeGreaterThan(MUTATIONS / 10);
  }, 60_000);

  it('are FORMAT wherever they are cut off in the first 60 bytes, and never a crash anywhere', () => {
    for (const name of files.slice(0, 4)) {
      const bytes = bytesOf(name);
      for (let length = 8; length < bytes.length; length += length < 200 ? 1 : 37) {
        const code = outcome(bytes.slice(0, length));
        if (length < 60) expect(code).toBe('FORMAT');
      }
    }
  });

  it('cannot make the reader decode far more than the file holds', () => {
    // 20,000 subgraphs that are one table with 20,000 operators that are one table: 4·10⁸ operators in 160 KB.
    const count = 20_000;
    const words = new Int32Array(2 * count + 40);
    const bytes = new Uint8Array(words.buffer);
    const view = new DataView(words.buffer);
    const u16 = (at: number, ...values: number[]) => values.forEach((value, i) => void view.setUint16(at + 2 * i, value, true));
    words[0] = 24;
    bytes.set(
      [...'TFL3'].map((c) => c.charCodeAt(0)),
      4,
    );
    // Root at 24: vtable at 8 with fields version (4) and subgraphs (8).
    u16(8, 12, 12, 4, 0, 8);
    words[6] = 24 - 8;
    words[7] = 3;
    words[8] = 60 - 32;
    // Subgraph at 48: vtable at 36 with operators (4).
    u16(36, 12, 8, 0, 0, 0, 4);
    words[12] = 48 - 36;
    const second = 60 + 4 + 4 * count;
    words[13] = second - 52;
    words[15] = count;
    for (let i = 0; i < count; i++) words[16 + i] = 48 - (64 + 4 * i) + 2 ** 32;
    words[second / 4] = count;
    expect(isTflite(bytes)).toBe(true);
    const start = performance.now();
    expect(outcome(bytes)).toBe('FORMAT');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('recognising the format', () => {
  it('is by content: TFL3 at byte 4', async () => {
    const bytes = bytesOf(files[0] as string);
    expect(isTflite(bytes)).toBe(true);
    expect(inspect(bytes).format).toBe('tflite');
    const other = bytes.slice();
    other[7] = 0x34;
    expect(isTflite(other)).toBe(false);
    await expect(load(other)).rejects.toMatchObject({ code: 'FORMAT' });
    const newer = bytes.slice();
    newer.set(new Uint8Array(100), bytes.length - 100);
    expect(() => inspect(newer.subarray(0, 20))).toThrow(ThimbleError);
  });
});
