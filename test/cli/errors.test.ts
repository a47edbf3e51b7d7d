import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '../../src/data/index.ts';
import { writeNpy } from '../../src/data/npzWriter.ts';
import * as t from '../../src/index.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), 'thimble-errors-'));
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: root, timeout: 60_000 });
const at = (name: string) => join(root, name);

beforeAll(() => {
  const model = t.sequential([t.input({ shape: [6, 6, 3], name: 'image' }), t.flatten(), t.dense({ units: 3, activation: 'softmax' })]);
  const onnx = t.exportOnnx(model);
  const program = model.export();
  mkdirSync(at('folder'));
  for (const [name, bytes] of Object.entries({
    'good.onnx': onnx,
    'cut.onnx': onnx.subarray(0, onnx.length >> 1),
    'cut.thimble': program.subarray(0, program.length >> 1),
    'cut.safetensors': t.save(model).subarray(0, 400),
    'text.onnx': new TextEncoder().encode('no model'),
    'nothing.onnx': new Uint8Array(),
    'picture.png': encodePng({ width: 6, height: 6, channels: 3, data: new Uint8Array(108) }),
    'nan.npy': writeNpy(t.tensor(new Float32Array(108).fill(Number.NaN), [1, 6, 6, 3])),
    'half.npy': writeNpy(t.tensor(new Float32Array(108).fill(0.5), [1, 6, 6, 3])),
    'wrong.npy': writeNpy(t.tensor(new Int32Array(7), [7])),
  }))
    writeFileSync(at(name), bytes);
});

/** How each command takes a model. */
const commands: readonly (readonly [string, (model: string) => string[]])[] = [
  ['inspect', (model) => ['inspect', model]],
  ['run', (model) => ['run', model, 'half.npy']],
  ['compile', (model) => ['compile', model, '--out', 'out.wasm']],
  ['profile', (model) => ['profile', model]],
  ['quantize', (model) => ['quantize', model, '--out', 'out.onnx']],
  ['bench', (model) => ['bench', model]],
  ['explain', (model) => ['explain', model, 'picture.png']],
  ['evaluate', (model) => ['evaluate', model, 'folder']],
  ['train', (model) => ['train', 'folder', '--base', model]],
];

const models = [
  ['missing.onnx', /^thimble: INPUT: "missing.onnx": cannot be read: ENOENT/],
  ['cut.onnx', /^thimble: FORMAT: "cut.onnx": .*the file is damaged, or not an ONNX model/],
  ['folder', /^thimble: INPUT: "folder": cannot be read: EISDIR/],
  ['cut.thimble', /^thimble: FORMAT: "cut.thimble": the .thimble file is (truncated|damaged)/],
  ['cut.safetensors', /^thimble: FORMAT: .*not a safetensors file/],
  ['text.onnx', /^thimble: FORMAT: "text.onnx": .*the file is damaged, or not an ONNX model/],
  ['nothing.onnx', /^thimble: FORMAT: "nothing.onnx": the model has no graph/],
] as const;

function expectOneLine(args: readonly string[], message: RegExp): void {
  const { status, stdout, stderr } = run(...args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(existsSync(at('out.wasm')) || existsSync(at('out.onnx'))).toBe(false);
}

it.each(models)('%s is one line on the error output', (model, message) => expectOneLine(['inspect', model], message));

describe.each(commands)('thimble %s', (_, args) => {
  it('says in one line what is wrong with a model', () => {
    for (const [model, message] of models.slice(0, 2)) expectOneLine(args(model), message);
  });

  it('takes an option it does not have for a wrong command line', () => {
    const { status, stderr } = run(...args('good.onnx'), '--nonsense');
    expect(status).toBe(2);
    expect(stderr).toMatch(/unknown option '--nonsense'/);
  });
});

describe('what is written', () => {
  it.each([
    ['run', ['run', 'good.onnx', 'half.npy', '--out']],
    ['compile', ['compile', 'good.onnx', '--no-clients', '--out']],
    ['profile', ['profile', 'good.onnx', '--no-what-if', '--runs', '1', '--svg']],
    ['explain', ['explain', 'good.onnx', 'picture.png', '--method', 'occlusion', '--out']],
  ] as const)('by %s does not go into a folder, a folder that is none, or a full disk', (_, args) => {
    const before = readdirSync(root);
    for (const [target, message] of [
      ['folder', /"folder": cannot write: it is a folder; choose/],
      ['good.onnx/out.npy', /cannot (write|make the folder)/],
      ...(existsSync('/dev/full') ? [['/dev/full', /"\/dev\/full": cannot write: ENOSPC/] as const] : []),
    ] as const) {
      const { status, stderr } = run(...args, target);
      expect(status, target).toBe(1);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(message);
    }
    expect(readdirSync(root)).toEqual(before);
    if (existsSync('/dev/full')) expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
  });

  it.each([
    ['train', 'folder', '--base', 'missing.onnx', '--out'],
    ['train', 'folder', '--base', 'missing.onnx', '--onnx'],
    ['train', 'folder', '--base', 'missing.onnx', '--report'],
    ['evaluate', 'missing.thimble', 'folder', '--report'],
    ['quantize', 'missing.onnx', '--out'],
    ['explain', 'missing.onnx', 'picture.png', '--page'],
    ['profile', 'missing.onnx', '--html'],
  ])('by %s %s … is known before the work', (...args) => {
    const { status, stderr } = run(...args, 'nowhere/file.onnx');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^thimble: INPUT: "nowhere\/file.onnx": cannot write: ENOENT.*choose a folder/),
    ]);
  });

  it.skipIf(!existsSync('/dev/full'))('to a full standard output is an error of one line', () => {
    const shell = (command: string) => spawnSync('sh', ['-c', command], { encoding: 'utf8', cwd: root });
    const { status, stderr } = shell(`"${process.execPath}" "${cli}" inspect good.onnx > /dev/full`);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^thimble: cannot print: ENOSPC[^\n]*\n$/)]);
    expect(shell(`"${process.execPath}" "${cli}" inspect good.onnx --json | head -c 1`)).toMatchObject({ stdout: '{', stderr: '' });
  });
});

it('numbers that are none go through, arrays of another type or size do not', () => {
  expect(run('run', 'good.onnx', 'nan.npy').stdout).toMatch(/NaN/);
  expect(JSON.parse(run('run', 'good.onnx', 'half.npy', '--json').stdout).outputs).toBeDefined();
  const { status, stderr } = run('run', 'good.onnx', 'wrong.npy');
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^thimble: INPUT: .*does not fit.*expected float32/)]);
});

it('nothing that is piped has colours or a moving line', () => {
  for (const args of [
    ['inspect', 'good.onnx'],
    ['run', 'good.onnx', 'half.npy'],
    ['profile', 'good.onnx', '--runs', '1'],
    ['bench', 'good.onnx', '--runs', '2'],
    ['compile', 'good.onnx', '--out', 'made/model.wasm'],
    ['quantize', 'good.onnx', '--scheme', 'int8-weights', '--out', 'made/model.onnx'],
  ]) {
    const { status, stdout, stderr } = run(...args);
    expect([args, status, stderr]).toEqual([args, 0, '']);
    for (const control of ['\x1b', '\r']) expect(stdout).not.toContain(control);
  }
});

it('--verbose shows the stack', () => {
  expect(run('--verbose', 'inspect', 'missing.onnx').stderr).toMatch(/\n {4}at /);
});
