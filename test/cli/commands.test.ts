import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode as encodePng } from 'fast-png';
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import { readNpy, readNpz } from '../../src/data/npz.ts';
import { writeNpy, writeNpz } from '../../src/data/npzWriter.ts';
import * as t from '../../src/index.ts';
import { fileOf } from '../formats/onnxFile.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'thimble-cli-'));
const at = (name: string) => join(folder, name);
const thimble = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder });
  return { status, stdout, stderr };
};
const json = (...args: string[]) => {
  const { status, stdout, stderr } = thimble(...args, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
};

let model: t.Model;
const x = Float32Array.from({ length: 12 }, (_, i) => Math.fround(Math.sin(i)));

beforeAll(async () => {
  model = t.sequential([t.input({ shape: [2, 2, 3], name: 'image' }), t.flatten(), t.dense({ units: 4 })], { seed: 5 });
  await model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', batchSize: 2 });
  writeFileSync(at('saved.safetensors'), t.save(model));
  writeFileSync(at('small.thimble'), model.export({ training: true, name: 'small' }));
  writeFileSync(
    at('add.onnx'),
    fileOf({
      op: 'Add',
      version: 14,
      attributes: {},
      inputs: { a: { type: 'float', dims: [2, 3] }, b: { type: 'float', dims: [3] } },
      outputs: ['sum'],
    }),
  );
  writeFileSync(at('x.npy'), writeNpy({ dtype: 'f32', shape: [1, 2, 2, 3], data: x }));
});

describe('thimble compile', () => {
  it('writes a module with clients beside it; the JavaScript one gives the bits of the model', async () => {
    const { files, memoryBytes } = json('compile', 'saved.safetensors', '--train', '--out', 'out/net.wasm');
    expect(readdirSync(at('out')).sort()).toEqual(['net.go', 'net.h', 'net.mjs', 'net.py', 'net.rs', 'net.wasm']);
    expect(files[0]).toEqual({ file: 'out/net.wasm', bytes: readFileSync(at('out/net.wasm')).length, gzip: expect.any(Number) });
    expect(memoryBytes % 65536).toBe(0);
    const { Net } = await import(pathToFileURL(at('out/net.mjs')).href);
    const net = await Net.load(readFileSync(at('out/net.wasm')));
    const expected = (await model.predict(x)).data;
    expect(net.infer({ image: x }).predictions).toEqual(expected);
    const saved = net.state.slice();
    const batch = { image: Float32Array.of(...x, ...x), labels: Int32Array.of(1, 3) };
    const { loss } = net.trainStep(batch);
    expect(net.trainStep({ ...batch, learningRate: Float32Array.of(0) }).loss[0]).toBeLessThan(loss[0]);
    expect(net.infer({ image: x }).predictions).not.toEqual(expected);
    net.restore(saved);
    expect(net.infer({ image: x }).predictions).toEqual(expected);
    net.trainStep(batch);
    net.reset();
    expect(net.infer({ image: x }).predictions).toEqual(expected);
    expect(() => net.infer({ image: x.slice(1) })).toThrow(/11 elements, not 12/);
    expect(() => net.restore(saved.slice(1))).toThrow(/state: \d+ bytes/);
  });

  it('keeps weights outside where it is asked to', async () => {
    thimble('compile', 'small.thimble', '--weights', 'separate', '--out', 'apart/net.wasm');
    const { Net } = await import(pathToFileURL(at('apart/net.mjs')).href);
    const weights = readFileSync(at('apart/net.weights'));
    const net = await Net.load(readFileSync(at('apart/net.wasm')), weights);
    expect(net.infer({ image: x }).predictions).toEqual((await model.predict(x)).data);
    await expect(Net.load(readFileSync(at('apart/net.wasm')), weights.subarray(1))).rejects.toThrow(/weights: \d+ bytes/);
    expect(thimble('compile', 'small.thimble', '--weights', 'separate', '--target', 'thimble', '--out', 'x.thimble').stderr).toMatch(
      /holds its weights/,
    );
  });

  it('writes a .thimble file and a WASI command from ONNX', () => {
    const result = json('compile', 'add.onnx', '--target', 'thimble', '--out', 'add.thimble');
    expect(t.decode(new Uint8Array(readFileSync(at('add.thimble')))).totalBytes).toBe(result.memoryBytes);
    expect(json('compile', 'add.onnx', '--target', 'wasi', '--flavour', 'scalar', '--out', 'command/add.wasm').files).toHaveLength(1);
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(at('command/add.wasm'))));
    expect(new Set(imports.map((entry) => entry.module))).toEqual(new Set(['wasi_snapshot_preview1']));
  });

  it('says what is wrong in one line, and writes nothing', () => {
    const cases: [string[], RegExp, number][] = [
      [['compile', 'add.onnx', '--train', '--out', 'bad.wasm'], /no classifier was found/, 1],
      [['compile', 'add.onnx', '--train', '--classes', 'one', '--out', 'bad.wasm'], /"one" are no classes/, 2],
      [['compile', 'small.thimble', '--plan', '--target', 'thimble', '--out', 'bad.thimble'], /holds no plan/, 1],
      [['profile', 'small.thimble'], /"small.thimble": the .thimble file holds no plan to profile/, 1],
      [['compile', 'add.onnx', '--out', 'bad.thimble'], /no name for --target wasm \(expected .* or --target thimble\)/, 1],
      [['compile', 'add.onnx', '--target', 'thimble', '--out', 'bad.wasm'], /no name for --target thimble/, 1],
      [['compile', 'x.npy', '--out', 'bad.wasm'], /FORMAT/, 1],
      [['compile', 'nowhere.onnx', '--out', 'bad.wasm'], /INPUT: "nowhere.onnx": cannot be read/, 1],
      [['compile', 'add.onnx', '--budget', '100', '--out', 'bad.wasm'], /BUDGET/, 1],
      [['compile', 'add.onnx', '--shape', 'a=', '--out', 'bad.wasm'], /"a=" is not a shape/, 2],
      [['compile', 'add.onnx', '--state', 'a=', '--out', 'bad.wasm'], /"a=" is not a state/, 2],
      [['compile', 'add.onnx', '--state', 'a=nothing', '--out', 'bad.wasm'], /the model has no output "nothing"/, 1],
      [['compile', 'add.onnx'], /required option '--out <file>' not specified/, 2],
      [['compile', 'add.onnx', '--target', 'exe', '--out', 'bad.wasm'], /Allowed choices are wasm, wasi, thimble/, 2],
    ];
    for (const [args, message, code] of cases) {
      const { status, stderr, stdout } = thimble(...args);
      expect({ args, status, stdout }).toEqual({ args, status: code, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(code === 2 ? 2 : 1);
    }
    expect(existsSync(at('bad.wasm'))).toBe(false);
    expect(thimble('--verbose', 'compile', 'nowhere.onnx', '--out', 'x').stderr).toMatch(/\n {4}at /);
  });
});

describe('thimble run', () => {
  const predictions = async () => Array.from((await model.predict(x)).data);

  it('takes .npy, .json, raw bytes and .npz, named or in order', async () => {
    writeFileSync(at('x.json'), JSON.stringify([...x]));
    writeFileSync(at('x.f32'), new Uint8Array(x.buffer));
    writeFileSync(at('x.npz'), writeNpz({ image: { dtype: 'f32', shape: [2, 2, 3], data: x } }));
    for (const input of ['x.npy', 'x.f32', 'x.npz', 'image=x.npy']) {
      const { outputs, flavour } = json('run', 'small.thimble', input, '--flavour', 'simd');
      expect(outputs.predictions).toEqual({ dtype: 'f32', shape: [1, 4], data: await predictions() });
      expect(flavour).toBe('simd');
    }
    expect(thimble('run', 'small.thimble', 'x.json').stderr).toMatch(/"image" does not fit .*got Float32Array, \[12\]/);
    writeFileSync(at('a.json'), '[[1, 2, 3], [4, 5, 6]]');
    writeFileSync(at('b.json'), '[10, 20, 30]');
    for (const files of [
      ['a.json', 'b.json'],
      ['b=b.json', 'a.json'],
    ]) {
      expect(json('run', 'add.onnx', ...files).outputs.sum.data).toEqual([11, 22, 33, 14, 25, 36]);
    }
  });

  it('takes pictures: from 0 to 1, less the mean, in the channels and order asked for', async () => {
    const pixels = Uint8Array.from({ length: 12 }, (_, i) => i * 20);
    writeFileSync(at('x.png'), encodePng({ width: 2, height: 2, channels: 3, data: pixels }));
    const run = async (f: (value: number, channel: number) => number, bgr = false) => {
      const input = Float32Array.from(pixels, (_, i) => f((pixels[bgr ? i - (i % 3) + 2 - (i % 3) : i] as number) / 255, i % 3));
      return Array.from((await model.predict(input)).data);
    };
    const close = (got: number[], wanted: number[]) =>
      expect(Math.max(...got.map((value, i) => Math.abs(value - (wanted[i] as number))))).toBeLessThan(1e-5);
    close(json('run', 'small.thimble', 'x.png').outputs.predictions.data, await run((value) => value));
    const normalized = json('run', 'small.thimble', 'x.png', '--mean', '0.1,0.2,0.3', '--std', '0.5', '--bgr').outputs.predictions.data;
    close(normalized, await run((value, channel) => (value - ([0.1, 0.2, 0.3][channel] as number)) / 0.5, true));
    expect(thimble('run', 'add.onnx', 'x.png', 'b.json').stderr).toMatch(/"a" does not take a picture/);
    // The same pixels as a bitmap: blue first, the lower row first, rows of 8 bytes.
    const bitmap = new DataView(new ArrayBuffer(54 + 16));
    for (const [place, value] of Object.entries({ 2: 70, 10: 54, 14: 40, 18: 2, 22: 2 })) bitmap.setUint32(Number(place), value, true);
    bitmap.setUint16(0, 0x424d);
    bitmap.setUint32(26, 1 + 24 * 65536, true);
    for (const [i, value] of pixels.entries()) bitmap.setUint8(54 + (i < 6 ? 8 : 0) + ((i % 6) - (i % 3)) + 2 - (i % 3), value);
    writeFileSync(at('x.bmp'), bitmap);
    expect(json('run', 'small.thimble', 'x.bmp').outputs).toEqual(json('run', 'small.thimble', 'x.png').outputs);
  });

  it('takes sounds, and says where it takes the beginning only', () => {
    const samples = [0, 8192, -8192, 16384, 5, 6, 7, 8];
    const wav = new DataView(new ArrayBuffer(44 + samples.length * 2));
    for (const [place, tag] of Object.entries({ 0: 0x52494646, 8: 0x57415645, 12: 0x666d7420, 36: 0x64617461 }))
      wav.setUint32(Number(place), tag);
    for (const [place, value] of Object.entries({ 4: 52, 16: 16, 20: 1 + 65536, 24: 8, 28: 16, 32: 2 + 16 * 65536, 40: 16 }))
      wav.setUint32(Number(place), value, true);
    for (const [i, value] of samples.entries()) wav.setInt16(44 + i * 2, value, true);
    writeFileSync(at('x.wav'), wav);
    writeFileSync(at('zeros.json'), '[[0, 0, 0], [1, 1, 1]]');
    const cut = thimble('run', 'add.onnx', 'a=zeros.json', 'b=x.wav', '--json');
    expect(cut.stderr).toBe('input "b" takes 3 samples: the first 0.38 s of 1.00 s\n');
    expect(JSON.parse(cut.stdout).outputs.sum.data).toEqual([0, 0.25, -0.25, 1, 1.25, 0.75]);
    const table = thimble('run', 'add.onnx', 'a=x.wav', 'b=b.json');
    expect([table.status, table.stderr]).toEqual([
      1,
      expect.stringMatching(/INPUT: input "a" does not take a sound \(expected samples along one axis/),
    ]);
  });

  it('writes outputs in the format of the name, and prints a table for people', async () => {
    expect(thimble('run', 'small.thimble', 'x.npy', '--flavour', 'simd', '--out', 'y.npy').stdout).toMatch(/predictions.*f32.*\[1, 4\]/);
    expect(Array.from(readNpy(new Uint8Array(readFileSync(at('y.npy')))).data)).toEqual(await predictions());
    thimble('run', 'small.thimble', 'x.npy', '--flavour', 'simd', '--out', 'y.npz');
    expect(Array.from((await readNpz(new Uint8Array(readFileSync(at('y.npz'))))).predictions?.data ?? [])).toEqual(await predictions());
    thimble('run', 'small.thimble', 'x.npy', '--flavour', 'simd', '--out', 'y.bin');
    expect(Array.from(new Float32Array(readFileSync(at('y.bin')).buffer.slice(0, 16)))).toHaveLength(4);
    const printed = thimble('run', 'small.thimble', 'x.npy').stdout;
    expect(printed).not.toContain('\u001b');
  });

  it('says which inputs there are where files do not fit them', () => {
    expect(thimble('run', 'add.onnx', 'a.json')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no file for "b" \(expected a float32\[2,3\], b/),
    });
    expect(thimble('run', 'add.onnx', 'a.json', 'c=b.json').stderr).toMatch(/no input "c"/);
    expect(thimble('run', 'add.onnx', 'a.json', 'b.json', 'b.json').stderr).toMatch(/no input is left for "b.json"/);
    expect(thimble('run', 'add.onnx', 'a.json', 'b.json', '--output', 'product').stderr).toMatch(/no output "product" \(expected sum\)/);
    writeFileSync(at('ragged.json'), '[[1, 2], [3]]');
    expect(thimble('run', 'add.onnx', 'ragged.json', 'b.json').stderr).toMatch(/rows are of one length/);
    expect(thimble('run', 'add.onnx', 'x.f32', 'b.json').stderr).toMatch(/expected 24 raw bytes, got 48/);
  });
});

it('thimble bench times a model and says what it ran on', () => {
  const result = json('bench', 'small.thimble', '--runs', '5', '--flavour', 'scalar');
  expect(result).toMatchObject({ flavour: 'scalar', reason: 'asked for', runs: 5, memoryBytes: expect.any(Number) });
  expect(result.p25Ms).toBeLessThanOrEqual(result.medianMs);
  expect(thimble('bench', 'small.thimble', '--runs', '2').stdout).toMatch(/ms .*\n\w+ kernels/);
  expect(thimble('bench', 'small.thimble', '--runs', '0').status).toBe(2);
});

describe('thimble profile', () => {
  it('says that a budget took scratch from layers', () => {
    const image = t.sequential([
      t.input({ shape: [16, 16, 16] }),
      t.conv2d({ filters: 16, kernelSize: 3 }),
      t.flatten(),
      t.dense({ units: 4 }),
    ]);
    writeFileSync(at('image.onnx'), t.exportOnnx(image, { batchSize: 1 }));
    const tight = json('profile', 'image.onnx', '--no-what-if', '--runs', '1', '--budget', 'least');
    const fast = json('profile', 'image.onnx', '--no-what-if', '--runs', '1');
    expect([tight.small, fast.small]).toEqual([true, false]);
    expect(tight.arenaBytes).toBeLessThan(fast.arenaBytes);
    const told = /some layers have less scratch/;
    expect(thimble('profile', 'image.onnx', '--no-what-if', '--runs', '1', '--budget', 'least').stdout).toMatch(told);
    expect(thimble('profile', 'image.onnx', '--no-what-if', '--runs', '1').stdout).not.toMatch(told);
  });

  it('writes a page and a picture without outside requests, and all numbers as JSON', () => {
    const result = json('profile', 'saved.safetensors', '--method', 'train', '--runs', '2', '--html', 'p.html', '--svg', 'p.svg');
    expect(Object.values(result.kinds as Record<string, number>).reduce((a, b) => a + b, 0)).toBe(result.totalBytes);
    expect(result.host.memoryBytes).toBe(result.memoryBytes);
    expect(result.host.kernelBytes).toBeGreaterThan(10_000);
    expect(result.host.scriptBytes).toBeGreaterThan(10_000);
    expect(result.whatIf.map(({ change }: { change: string }) => change)).toContain('batch 8');
    const page = readFileSync(at('p.html'), 'utf8');
    const { document } = parseHTML(page);
    const titles = [...document.querySelectorAll('h2')].map((title) => title.textContent);
    expect(titles).toEqual(['Regions', 'Arena over time', 'Peak', 'What if', 'Layers', 'Steps']);
    expect(page.match(/(?:src|href)\s*=\s*["'](?!data:)|@import|url\(/g)).toBeNull();
    expect(document.querySelectorAll('.wide svg g title')).toHaveLength(result.buffers.length);
    const rows = [...document.querySelectorAll('table')].at(-1)?.querySelectorAll('tr') ?? [];
    expect(rows).toHaveLength(result.steps.length + 1);
    const svg = readFileSync(at('p.svg'), 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" .*prefers-color-scheme:dark/s);
    expect(svg.match(/<rect/g)).toHaveLength(result.buffers.length + 1);
  });

  it('prints kinds, peak, slowest steps and variants; says what cannot be profiled', () => {
    const printed = thimble('profile', 'add.onnx', '--runs', '2').stdout;
    for (const text of [
      'inputs and outputs',
      'total',
      'peak',
      'slowest',
      'GMAC/s',
      'the least memory',
      'not possible: int8 weights and activations: scheme int8 has nothing to quantize',
    ])
      expect(printed).toContain(text);
    expect(thimble('profile', 'saved.safetensors', '--runs', '1').stdout).toContain('what if');
    expect(thimble('profile', 'add.onnx', '--no-what-if', '--runs', '2').stdout).not.toContain('what if');
    expect(thimble('profile', 'add.onnx', '--method', 'train').stderr).toMatch(/no classifier was found/);
    expect(thimble('profile', 'small.thimble').stderr).toMatch(/holds no plan to profile; write it by `thimble train`/);
  });
});

it('every command explains itself with examples', () => {
  for (const command of ['run', 'compile', 'profile', 'bench']) {
    const { status, stdout } = thimble(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples:\n {2}thimble ${command} `));
  }
});
