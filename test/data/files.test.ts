import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import { afterAll, describe, expect, test } from 'vitest';
import { csv, csvRows, type DataFile, decodeWav, imageFolder, readIdx, readNpy, readNpz, soundFolder } from '../../src/data/index.ts';

/** Written by numpy and Python's wave module: see golden/arrays.py. */
const golden = JSON.parse(readFileSync(new URL('golden/arrays.json', import.meta.url), 'utf8')) as {
  readonly arrays: Record<string, { file: string; values: number[]; shape: number[] }>;
  readonly npz: { stored: string; deflated: string };
  readonly x: number[];
  readonly sounds: Record<string, { file: string }>;
};
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

describe('.npy', () => {
  test.each(Object.entries(golden.arrays))('%s', (_, { file, values, shape }) => {
    const { data, shape: got } = readNpy(bytesOf(file));
    expect({ shape: got, data: Array.from(data) }).toEqual({
      shape,
      data: values.map((value) => (data instanceof Float32Array ? Math.fround(value) : value)),
    });
  });
  test('damage and 64-bit integers out of range are FORMAT errors', () => {
    const file = bytesOf(golden.arrays['<f4C']?.file as string);
    for (const end of [0, 5, 20, file.length - 1]) expect(() => readNpy(file.subarray(0, end))).toThrow(/npy|truncated/);
    const wide = bytesOf(golden.arrays['<u8C']?.file as string);
    wide[wide.length - 1] = 1;
    expect(() => readNpy(wide)).toThrow(/outside the 32-bit integers.*float32/);
  });
});

describe('.npz', () => {
  test.each(['stored', 'deflated'] as const)('%s', async (kind) => {
    const { x, y } = await readNpz(bytesOf(golden.npz[kind]));
    expect(x).toEqual({ dtype: 'f32', shape: [5, 2], data: Float32Array.from(golden.x) });
    expect(y).toEqual({ dtype: 'i32', shape: [5], data: Int32Array.of(0, 1, 2, 3, 4) });
  });
  test('damage is a FORMAT error', async () => {
    const file = bytesOf(golden.npz.deflated);
    for (const end of [0, 30, file.length - 30]) await expect(readNpz(file.subarray(0, end))).rejects.toMatchObject({ code: 'FORMAT' });
    const damaged = file.slice().fill(0xff, 60, 90);
    await expect(readNpz(damaged)).rejects.toMatchObject({ code: 'FORMAT' });
  });
});

describe('IDX', () => {
  const idx = (type: number, shape: number[], data: number[]) =>
    Uint8Array.from([0, 0, type, shape.length, ...shape.flatMap((n) => [0, 0, 0, n]), ...data]);
  test('bytes, plain and gzipped; big-endian integers', async () => {
    const expected = { dtype: 'u8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(await readIdx(idx(8, [2, 3], [1, 2, 3, 4, 5, 6]))).toEqual(expected);
    expect(await readIdx(new Uint8Array(gzipSync(idx(8, [2, 3], [1, 2, 3, 4, 5, 6]))))).toEqual(expected);
    expect(await readIdx(idx(11, [2], [0xff, 0xfe, 1, 0]))).toEqual({ dtype: 'i32', shape: [2], data: Int32Array.of(-2, 256) });
  });
  test('damage is a FORMAT error', async () => {
    for (const file of [new Uint8Array(), idx(8, [2, 3], [1, 2]), idx(10, [1], [1]), Uint8Array.of(0x1f, 0x8b, 1)])
      await expect(readIdx(file)).rejects.toMatchObject({ code: 'FORMAT' });
  });
});

describe('WAV', () => {
  test.each(Object.entries(golden.sounds))('PCM of %s bits, two channels averaged', (_, { file }) => {
    const { sampleRate, samples } = decodeWav(bytesOf(file));
    expect(sampleRate).toBe(8000);
    expect(samples.length).toBe(3);
    [0.25, -0.75, 0.625].forEach((value, i) => {
      expect(samples[i]).toBeCloseTo(value, 1.6);
    });
  });
  const wav = (code: number, bits: number, data: Uint8Array, extra: number[] = []) => {
    const bytes = new Uint8Array(44 + extra.length + data.length);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode('RIFF....WAVEfmt '));
    view.setUint32(16, 16, true);
    view.setUint16(20, code, true);
    view.setUint16(22, 1, true);
    view.setUint32(24, 16000, true);
    view.setUint16(34, bits, true);
    bytes.set([...extra], 36);
    bytes.set(new TextEncoder().encode('data'), 36 + extra.length);
    view.setUint32(40 + extra.length, data.length, true);
    bytes.set(data, 44 + extra.length);
    return bytes;
  };
  test('float samples, after a chunk of odd size', () => {
    const list = [...new TextEncoder().encode('LIST'), 3, 0, 0, 0, 1, 2, 3, 0];
    const floats = Float32Array.of(0.5, -0.25);
    expect(decodeWav(wav(3, 32, new Uint8Array(floats.buffer), list))).toEqual({ sampleRate: 16000, samples: floats });
  });
  test('other codings and damage are FORMAT errors', () => {
    expect(() => decodeWav(wav(7, 8, new Uint8Array(4)))).toThrow(/coding 7 with 8 bits/);
    expect(() => decodeWav(new Uint8Array())).toThrow(/empty/);
    expect(() => decodeWav(wav(1, 16, new Uint8Array(4)).subarray(0, 30))).toThrow(/no sound/);
  });
});

describe('CSV', () => {
  const text = (content: string) => ({ text: content });
  const rowsOf = async (content: string, piece: number) => {
    const bytes = new TextEncoder().encode(content);
    const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) => bytes.subarray(i * piece, (i + 1) * piece));
    const rows: string[][] = [];
    for await (const row of csvRows(pieces)) rows.push(row);
    return rows;
  };
  test('quotes, doubled quotes, line breaks in quotes, CRLF, empty fields and lines, whatever the pieces', async () => {
    const content = 'a,"b ""x"" ,\n1",\r\n\n,"",ü\nlast,1,2';
    const expected = [
      ['a', 'b "x" ,\n1', ''],
      ['', '', 'ü'],
      ['last', '1', '2'],
    ];
    for (let piece = 1; piece <= content.length; piece++) expect(await rowsOf(content, piece)).toEqual(expected);
    await expect(rowsOf('"a', 2)).rejects.toThrow(/inside quotes/);
  });
  test('classes by name, with a header', async () => {
    const data = await csv(text('length,width,kind\n1,2,dog\n3,4.5,cat\n5,6,dog\n'), { label: 'kind' });
    expect({ columns: data.columns, classes: data.classes, rows: data.rows }).toEqual({
      columns: ['length', 'width'],
      classes: ['cat', 'dog'],
      rows: 3,
    });
    const expected = [
      { x: Float32Array.of(1, 2), y: 1 },
      { x: Float32Array.of(3, 4.5), y: 0 },
      { x: Float32Array.of(5, 6), y: 1 },
    ];
    expect([await data.samples.collect(), await data.samples.collect()]).toEqual([expected, expected]);
  });
  test('classes by number, without a header, in numeric order; targets', async () => {
    const data = await csv(text('10,1\n9,2\n10,3'), { label: 0 });
    expect([data.classes, (await data.samples.collect()).map(({ y }) => y)]).toEqual([
      ['9', '10'],
      [1, 0, 1],
    ]);
    const target = await csv(text('a,b\n1,2.5\n3,4'), { label: -1, target: 'number' });
    expect((await target.samples.collect()).map(({ y }) => y)).toEqual([Float32Array.of(2.5), Float32Array.of(4)]);
  });
  test('errors name the row', async () => {
    await expect(csv(text('a,b\n1,x\n1\n'), { label: 'b' })).rejects.toThrow(/row 2 of the CSV has 1 fields/);
    await expect(csv(text('a,b\n1,x\n'), { label: 'c' })).rejects.toThrow(/no column "c".*a, b/);
    await expect(csv(text('a,b\n1,x\n2,x'), { label: 'b' })).rejects.toThrow(/single class "x"/);
    await expect(csv(text(''), { label: 0 })).rejects.toThrow(/no rows/);
    const bad = await csv(text('a,b\n1,x\n?,y\n'), { label: 'b' });
    await expect(bad.samples.collect()).rejects.toThrow(/row 2 of the CSV has "\?"/);
  });
});

const folders: string[] = [];
function folder(files: Readonly<Record<string, Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'thimble-data-'));
  folders.push(path);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), bytes);
  }
  return path;
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

const png = (grey: number, channels = 3) => encodePng({ width: 2, height: 1, channels, data: new Uint8Array(2 * channels).fill(grey) });

describe('imageFolder', () => {
  test('classes are sub-folders; other files and litter are left alone', async () => {
    const path = folder({
      'dog/b.png': png(3),
      'dog/deep/a.png': png(4),
      'cat/1.png': png(1),
      'cat/.DS_Store': png(9),
      'cat/Thumbs.db': png(9),
      LICENSE: png(9),
    });
    const { samples, classes, files, broken } = await imageFolder(path);
    expect(classes).toEqual(['cat', 'dog']);
    expect((await samples.collect()).map(({ x, y, path: from }) => [from, y, x.data[0]])).toEqual([
      ['cat/1.png', 0, 1],
      ['dog/b.png', 1, 3],
      ['dog/deep/a.png', 1, 4],
    ]);
    expect(files.map(({ label }) => label)).toEqual([...(samples.labels as Int32Array)]);
    expect(broken).toEqual([]);
  });
  test('a broken file is listed and left out, or stops', async () => {
    const files = {
      'a/1.png': png(1),
      'a/2.png': png(2).subarray(0, 40),
      'a/3.txt': new TextEncoder().encode('hi'),
      'b/1.png': png(3),
      'b/2.png': new Uint8Array(),
    };
    const skipping = await imageFolder(folder(files));
    expect((await skipping.samples.collect()).length).toBe(2);
    await skipping.samples.collect();
    expect(skipping.broken).toEqual([
      { path: 'a/2.png', reason: expect.stringMatching(/^the PNG is damaged/) },
      { path: 'a/3.txt', reason: expect.stringMatching(/^the file is no PNG, JPEG or BMP/) },
      { path: 'b/2.png', reason: expect.stringMatching(/^the file is empty/) },
    ]);
    const stopping = await imageFolder(folder(files), { onBroken: 'stop' });
    await expect(stopping.samples.collect()).rejects.toThrow(/"a\/2.png": the PNG is damaged/);
  });
  test('mixed channels are an error that says what to do, not a broken file', async () => {
    const path = folder({ 'a/1.png': png(1), 'b/2.png': png(2, 1) });
    await expect((await imageFolder(path)).samples.collect()).rejects.toThrow(
      /"b\/2.png": the image has 1 channels, "a\/1.png" has 3.*channels: 3/,
    );
    expect((await (await imageFolder(path, { channels: 1 })).samples.collect()).map(({ x }) => x.channels)).toEqual([1, 1]);
  });
  test('empty folders and single classes are errors', async () => {
    await expect(imageFolder(folder({}))).rejects.toThrow(/no files in sub-folders/);
    await expect(imageFolder(folder({ '1.png': png(1) }))).rejects.toThrow(/no files in sub-folders.*folder named after it/);
    await expect(imageFolder(folder({ 'a/1.png': png(1) }))).rejects.toThrow(/single class "a"/);
    await expect(imageFolder(folder({ 'a/1.png': png(1), 'b/1.png': png(1) }), { classes: ['a', 'c', 'b'] })).rejects.toThrow(
      /class "c" has no files/,
    );
    await expect(imageFolder(folder({ 'a/1.png': png(1), 'b/1.png': png(1), 'c/1.png': png(1) }), { classes: ['a', 'b'] })).rejects.toThrow(
      /"c" is none of the classes/,
    );
    await expect(imageFolder(join(tmpdir(), 'thimble-no-such-folder'))).rejects.toMatchObject({ code: 'INPUT' });
  });
  test('names that are not Unicode are named', async () => {
    const files: DataFile[] = ['a/1.png', 'b/\ufffd.png'].map((path) => ({ path, bytes: () => png(1) }));
    const named = await imageFolder(files);
    await named.samples.collect();
    expect(named.broken).toEqual([{ path: 'b/\ufffd.png', reason: expect.stringMatching(/its name is not Unicode/) }]);
    await expect(imageFolder([{ path: '\ufffd/1.png', bytes: () => png(1) }, ...files])).rejects.toThrow(/name of the folder.*not Unicode/);
  });
  test('takes files of a browser', async () => {
    const file = (path: string, bytes: Uint8Array) =>
      ({ name: '', webkitRelativePath: path, arrayBuffer: async () => bytes.slice().buffer }) as unknown as File;
    const { samples, classes } = await imageFolder([file('photos/b/1.png', png(2)), file('photos/a/1.png', png(1))]);
    expect([classes, (await samples.collect()).map(({ x }) => x.data[0])]).toEqual([
      ['a', 'b'],
      [1, 2],
    ]);
  });
  test('decodes when a sample is asked for, never more than one at a time', async () => {
    let open = 0;
    let most = 0;
    let reads = 0;
    const files = Array.from(
      { length: 40 },
      (_, i): DataFile => ({
        path: `${i % 2 ? 'a' : 'b'}/${i}.png`,
        bytes: async () => {
          most = Math.max(most, ++open);
          reads++;
          await new Promise((resolve) => setTimeout(resolve, 0));
          open--;
          return png(i);
        },
      }),
    );
    const { samples } = await imageFolder(files);
    expect(reads).toBe(0);
    let seen = 0;
    for await (const _ of samples.shuffle(1)) if (++seen === 5) break;
    expect([reads, most]).toEqual([5, 1]);
  });
});

describe('soundFolder', () => {
  const sound = bytesOf(golden.sounds['16']?.file as string);
  test('cuts and pads at both ends, checks the rate', async () => {
    const path = folder({ 'no/1.wav': sound, 'yes/1.wav': sound });
    const samples = async (length: number) =>
      (await (await soundFolder(path, { sampleRate: 8000, length })).samples.collect()).map(({ x }) => x);
    const [whole] = (await samples(3)) as [Float32Array];
    expect((await samples(1))[0]).toEqual(whole.subarray(1, 2));
    expect((await samples(6))[1]).toEqual(Float32Array.of(0, ...whole, 0, 0));
    await expect((await soundFolder(path, { sampleRate: 16000 })).samples.collect()).rejects.toThrow(/expected 16000 Hz, got 8000 Hz/);
  });
});
