import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, preprocess, preprocessing } from '../../src/data/index.ts';
import { writeNpy, writeNpz } from '../../src/data/npzWriter.ts';
import * as t from '../../src/index.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const run = (...args: string[]) => spawnSync(process.execPath, [cli, 'quantize', ...args], { encoding: 'utf8' });
const folder = mkdtempSync(join(tmpdir(), 'thimble-'));
const at = (...parts: string[]) => join(folder, ...parts);

const ROWS = 24;
const pixels = Float32Array.from({ length: ROWS * 48 }, (_, i) => Math.sin(i * 0.7) * Math.cos(i * 0.13));
const build = () =>
  t.sequential(
    [
      t.input({ shape: [4, 4, 3] }),
      t.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', name: 'first' }),
      t.flatten(),
      t.dense({ units: 5, name: 'last' }),
    ],
    { seed: 2 },
  );

beforeAll(async () => {
  const model = build();
  writeFileSync(at('model.onnx'), t.exportOnnx(model));
  await model.compile({ loss: 'sparseCategoricalCrossentropy' });
  writeFileSync(at('model.safetensors'), t.save(model));
  writeFileSync(at('model.thimble'), model.export());
  const scores = (await model.predict(pixels)).data;
  // The classes that it gives: right, all of them.
  const labels = Int32Array.from({ length: ROWS }, (_, row) => {
    const own = scores.subarray(row * 5, (row + 1) * 5) as Float32Array;
    return own.indexOf(own.reduce((a, b) => Math.max(a, b)));
  });
  const tensor = { dtype: 'f32' as const, shape: [ROWS, 4, 4, 3], data: pixels };
  const classes = { dtype: 'i32' as const, shape: [ROWS], data: labels };
  for (const name of ['npy', 'npz', 'raw', 'none', 'half', 'nan', 'turned', 'mixed']) mkdirSync(at(name));
  writeFileSync(at('npy', 'input.npy'), writeNpy(tensor));
  writeFileSync(at('npy', 'labels.npy'), writeNpy(classes));
  writeFileSync(at('npy', 'notes.txt'), 'not data');
  writeFileSync(at('npz', 'batch.npz'), await writeNpz({ input: tensor, y: classes }));
  writeFileSync(at('raw', '1.f32'), new Uint8Array(pixels.buffer.slice(0, ROWS * 96)));
  writeFileSync(at('raw', '2.f32'), new Uint8Array(pixels.buffer.slice(ROWS * 96)));
  writeFileSync(at('raw', 'labels.raw'), new Uint8Array(labels.buffer));
  writeFileSync(at('nan', 'input.npy'), writeNpy({ ...tensor, data: pixels.map((pixel, i) => (i === 50 ? Number.NaN : pixel)) }));
  writeFileSync(at('mixed', 'input.npy'), writeNpy(tensor));
  writeFileSync(at('mixed', 'one.png'), encode({ width: 4, height: 4, channels: 3, data: new Uint8Array(48) }));
  writeFileSync(at('turned', 'input.npy'), writeNpy({ ...tensor, shape: [ROWS, 3, 4, 4] }));
  writeFileSync(at('half', 'input.npy'), writeNpy({ ...tensor, shape: [ROWS * 48] }).subarray(0, 400));
});

describe('thimble quantize', () => {
  it('writes the same whatever form the data has, with the accuracy before and after', async () => {
    const files = ['npy', 'npz', 'raw'].map((kind) => {
      const out = at(`${kind}.onnx`);
      const { status, stdout, stderr } = run(at('model.onnx'), '--data', at(kind), '--out', out, '--json');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const report = JSON.parse(stdout);
      expect(report.before.accuracy).toBe(1);
      expect(report.after.accuracy).toBeGreaterThanOrEqual(0.95);
      expect(report.layers.map(({ name }: t.LayerReport) => name).sort()).toEqual(['first/Conv', 'last/Gemm']);
      return readFileSync(out);
    });
    expect(files[1]?.equals(files[0] as Buffer)).toBe(true);
    expect(files[2]?.equals(files[0] as Buffer)).toBe(true);
    const small = await t.load(new Uint8Array(files[0] as Buffer));
    expect(t.inspect(new Uint8Array(files[0] as Buffer)).operators.QuantizeLinear).toBeGreaterThan(2);
    expect(small.run({ input: pixels.subarray(0, 48) }).predictions?.shape).toEqual([1, 5]);
  });

  it('takes pictures, whose folders are their classes', async () => {
    const task = {
      input: 'input',
      output: 'predictions',
      labels: ['blue', 'red'],
      scores: 'logits' as const,
      preprocessing: preprocessing({ width: 4, height: 4 }),
    };
    const model = t.sequential([t.input({ shape: [4, 4, 3] }), t.globalAveragePooling2d(), t.dense({ units: 2 })]);
    // Scores of blue and red are the mean of those channels.
    const kernel = new Float32Array(24);
    kernel.set([0, 1], 0);
    kernel.set([1, 0], 16);
    model.setWeights([kernel, new Float32Array(2)]);
    writeFileSync(at('colours.onnx'), t.exportOnnx(model, { task }));
    for (const [name, colour] of Object.entries({ red: [250, 20, 10], blue: [10, 20, 250] })) {
      mkdirSync(at('photos', name), { recursive: true });
      for (const n of [1, 2]) {
        const data = Uint8Array.from({ length: 48 }, (_, i) => Math.min(255, (colour[i % 3] as number) + n));
        writeFileSync(at('photos', name, `${n}.png`), encode({ width: 4, height: 4, data, channels: 3 }));
      }
    }
    const { status, stdout, stderr } = run(at('colours.onnx'), '--data', at('photos'), '--out', at('colours-int8.onnx'), '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout).after.accuracy).toBe(1);
    expect((await t.load(new Uint8Array(readFileSync(at('colours-int8.onnx'))))).program.task).toEqual(task);

    // Where the model does not say what pictures go through, options do.
    const bare = t.exportOnnx(model);
    writeFileSync(at('bare.onnx'), bare);
    const out = at('bare-int8.onnx');
    expect(run(at('bare.onnx'), '--data', at('photos'), '--mean', '0.5', '--std', '0.25', '--out', out).status).toBe(0);
    const spec = preprocessing({ width: 4, height: 4, mean: 127.5, deviation: 63.75 });
    const pictures = ['blue/1', 'blue/2', 'red/1', 'red/2'].map((name) =>
      decodeImage(new Uint8Array(readFileSync(at('photos', `${name}.png`)))),
    );
    const feeds = (await Promise.all(pictures)).map((picture) => ({ input: preprocess(picture, spec).data }));
    expect(new Uint8Array(readFileSync(out))).toEqual((await t.quantize(await t.load(bare), feeds)).onnx);
  });

  it('tells people what changed, and takes saved models, schemes, layers to keep', async () => {
    const out = at('small.thimble');
    const { status, stdout, stderr } = run(
      at('model.safetensors'),
      '--data',
      at('npy'),
      '--out',
      out,
      '--keep',
      'last',
      '--ranges',
      'percentile',
    );
    expect(status).toBe(0);
    for (const text of ['ONNX file', '.thimble file', 'linear memory', '100.00 %', 'first', 'dB', `written: ${out}`])
      expect(stdout).toContain(text);
    expect(stdout).toContain('in float, as it is named to stay in float: last');
    expect(stderr).toBe('');
    const program = await t.load(new Uint8Array(readFileSync(out)));
    expect(program.run({ input: pixels.subarray(0, 48) }).predictions?.shape).toEqual([1, 5]);
    expect(run(at('model.onnx'), '--scheme', 'int4-weights', '--block', '16', '--out', at('four.onnx')).status).toBe(0);
    expect(t.inspect(new Uint8Array(readFileSync(at('four.onnx')))).opsets['']).toBe(21);
  });

  it('lists the layers without data too, and those of other bits than asked for', () => {
    const { status, stdout } = run(at('model.onnx'), '--scheme', 'int4-weights', '--block', '16', '--out', at('listed.onnx'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/last\/Gemm +│ linear +│ +160 │ +4 │/);
    expect(stdout).toMatch(/first\/Conv +│ conv2d +│ +216 │ +8 │/);
    expect(stdout).toContain('in 8 bits, as 4-bit weights are those of dense layers alone: first/Conv');
    expect(stdout).toContain('give --data to see the error of each');
  });

  it.each([
    [['model.onnx', '--out', 'x.onnx'], 1, /INPUT: scheme int8 needs calibration data; give a hundred typical rows/],
    [
      ['model.onnx', '--data', 'none', '--out', 'x.onnx'],
      1,
      /INPUT: .*none.*: the folder has no data for "input" \(expected input.npy, got an empty folder\)/,
    ],
    [['model.onnx', '--data', 'nowhere', '--out', 'x.onnx'], 1, /INPUT: .*cannot read the folder/],
    [['model.onnx', '--data', 'half', '--out', 'x.onnx'], 1, /FORMAT: .*input.npy/],
    [['model.onnx', '--data', 'nan', '--out', 'x.onnx'], 1, /INPUT: the calibration data of "input" has NaN in call 1/],
    [
      ['model.onnx', '--data', 'turned', '--out', 'x.onnx'],
      1,
      /INPUT: .*"input" does not fit \(expected rows of \[4, 4, 3\], got \[24, 3, 4, 4\]\)/,
    ],
    [['model.onnx', '--data', 'mixed', '--out', 'x.onnx'], 1, /INPUT: .*mixed.*arrays, and pictures or sounds \(got input.npy, one.png\)/],
    [['model.onnx', '--data', 'npy', '--out', 'x.tflite'], 1, /neither an ONNX file nor a program .*\.onnx or \.thimble/],
    [['model.onnx', '--data', 'npy', '--out', 'x.onnx', '--keep', 'middle'], 1, /no layer "middle" to keep/],
    [['model.thimble', '--data', 'npy', '--out', 'x.onnx'], 1, /holds no graph; load the model it was made from/],
    [['missing.onnx', '--data', 'npy', '--out', 'x.onnx'], 1, /INPUT: .*missing.onnx.*cannot be read/],
    [['model.onnx', '--data', 'npy', '--out', 'no/such/x.onnx'], 1, /cannot write/],
    [['model.onnx', '--data', 'npy', '--out', 'x.thimble', '--budget', '500'], 1, /BUDGET/],
    [['model.onnx', '--data', 'npy', '--out', 'x.onnx', '--scheme', 'int3'], 2, /int4-weights/],
    [['model.onnx', '--data', 'npy'], 2, /--out/],
  ] as const)('%j fails with %i and says why', (args, code, message) => {
    const files = readdirSync(folder).length;
    const isPath = /^(model|missing|none|nowhere|half|nan|turned|mixed|npy|x\.|no\/)/;
    const { status, stderr } = run(...args.map((arg) => (isPath.test(arg) ? at(arg) : arg)), '--json');
    expect(stderr).toMatch(message);
    expect(status).toBe(code);
    expect(readdirSync(folder)).toHaveLength(files);
  });
});
