import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import * as t from '../../src/index.ts';
import { type FileModel, modelFile } from '../formats/onnxFile.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'thimble-inspect-'));
const inspect = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'inspect', ...args], { encoding: 'utf8', cwd: folder });
  return { status, stdout, stderr };
};
const write = (name: string, model: FileModel) => writeFileSync(join(folder, name), modelFile(model));

const layers: FileModel = {
  nodes: [
    { op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['h'], attributes: { transB: 1 } },
    { op: 'Relu', inputs: ['h'], outputs: ['y'] },
  ],
  inputs: { x: { type: 'float', dims: ['batch', 'features'] } },
  initializers: {
    w: { type: 'float', dims: [4, 8], data: new Array<number>(32).fill(1) },
    b: { type: 'float', dims: [4], data: [1, 2, 3, 4] },
  },
  outputs: ['y'],
};

beforeAll(() => {
  write('layers.onnx', layers);
  write('strange.onnx', {
    ...layers,
    nodes: [
      ...layers.nodes,
      { op: 'Mystery', name: 'first', domain: 'com.example', inputs: ['h'], outputs: ['m'] },
      { op: 'BitCast', name: 'second', inputs: ['h'], outputs: ['n'], attributes: { to: 2 } },
    ],
    opsets: { '': 26, 'com.example': 1 },
    outputs: ['y', 'm', 'n'],
  });
  writeFileSync(join(folder, 'broken.onnx'), Buffer.from('this is no model'));
});

describe('thimble inspect', () => {
  it('prints operators, parameters, multiply-accumulates and memory', () => {
    const { status, stdout, stderr } = inspect('layers.onnx', '--shapes', 'x=3,8');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/36 parameters, 96 multiply-accumulates/);
    expect(stdout).toMatch(/Gemm +│ +1/);
    expect(stdout).toMatch(/x float32 \[3, 8\]/);
    expect(stdout).toMatch(/arena +│/);
  });

  it('gives the same as JSON, to the byte what load plans', async () => {
    const { status, stdout } = inspect('layers.onnx', '--shape', 'x=3,8', '--json');
    expect(status).toBe(0);
    const found = JSON.parse(stdout);
    const { memory } = await t.load(modelFile(layers), { shapes: { x: [3, 8] } });
    expect(found).toMatchObject({
      file: 'layers.onnx',
      bytes: modelFile(layers).length,
      opsets: { '': 17 },
      inputs: [{ name: 'x', dtype: 'f32', type: 'float32', shape: [3, 8] }],
      outputs: [{ name: 'y', shape: [3, 4] }],
      parameters: 36,
      operators: { Gemm: 1, Relu: 1 },
      unsupported: [],
      problem: null,
      macs: 96,
      memory: { regions: memory.regions, totalBytes: memory.totalBytes, pages: memory.pages },
    });
    expect(found.memory.arenaLowerBound).toBeLessThanOrEqual(found.memory.regions.arena);
  });

  it('lists all that is not supported and still prints what it knows', () => {
    const text = inspect('strange.onnx', '--shape', 'x=3,8');
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/com\.example:Mystery +│ +1 │ not supported/);
    expect(text.stdout).toMatch(/Mystery "first": thimble has no operator com\.example:Mystery/);
    expect(text.stdout).toMatch(/BitCast "second": the bits of float32 as uint8/);
    expect(text.stderr).toBe('thimble: UNSUPPORTED_OP: 2 nodes cannot be imported, listed above\n');
    const { status, stdout } = inspect('strange.onnx', '--shape', 'x=3,8', '--json');
    expect(status).toBe(1);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ parameters: 36, unsupported: ['com.example:Mystery'], macs: null, memory: null });
    expect(found.problem.code).toBe('UNSUPPORTED_OP');
  });

  it('says in one line what is missing', () => {
    const open = inspect('layers.onnx');
    expect(open.status).toBe(1);
    expect(open.stdout).toMatch(/x float32 \[batch, features\]/);
    expect(open.stderr).toMatch(/^thimble: SHAPE: input "x" leaves an extent open .*--shape x=… on the command line\n$/);
    const wrong = inspect('layers.onnx', '--shape', 'x=3,9');
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toMatch(/^thimble: SHAPE: .*\n$/);
    expect(inspect('layers.onnx', '--shape', 'z=3,8').stderr).toMatch(/^thimble: INPUT: shapes: the model has no input .*"z".*\n$/);
    expect(inspect('layers.onnx', '--shape', 'x=3,8', '--budget', '100').stderr).toMatch(/^thimble: BUDGET: .*\n$/);
  });

  it('prints nothing but the error for what is no model, is not there, or is a wrong command line', () => {
    expect(inspect('broken.onnx')).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(/^thimble: FORMAT: .*\n$/) });
    expect(inspect('absent.onnx')).toEqual({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^thimble: INPUT: "absent\.onnx": .*\n$/),
    });
    expect(inspect('layers.onnx', '--shape', 'x').stderr).toMatch(/"x" is not a shape/);
    expect(inspect('layers.onnx', '--nonsense').status).toBe(2);
  });

  it('knows the regions of a .thimble file, which holds no graph', async () => {
    const model = await t.load(modelFile(layers), { shapes: { x: [3, 8] } });
    writeFileSync(join(folder, 'layers.thimble'), model.export());
    const { status, stdout } = inspect('layers.thimble', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ operators: null, parameters: null, macs: null, memory: { regions: model.memory.regions } });
    expect(inspect('layers.thimble').stdout).toMatch(/arena/);
  });

  const shared = new URL('../../../shared/bench-models/mobilenetv2_1.0_224.onnx', import.meta.url);
  if (!existsSync(shared)) console.log('skipped: ../shared/bench-models is not here');
  it.skipIf(!existsSync(shared))('counts the multiply-accumulates of MobileNetV2 as its authors do', () => {
    expect(JSON.parse(inspect(fileURLToPath(shared), '--json').stdout)).toMatchObject({ macs: 300774272, parameters: 3487816 });
  });

  it('says which signatures there are, and run runs one of them', () => {
    const model = new URL('../formats/tflite/models/sig_counter.tflite', import.meta.url).pathname;
    expect(inspect(model).stdout).toContain('--signature chooses: add, read, set');
    expect(inspect(model, '--signature', 'read').stdout).toMatch(/outputs +(count int32 \[\]|sum float32 \[1, 2\])/);
    writeFileSync(join(folder, 'x.json'), '[[2, 3]]');
    const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder });
    expect(run('compile', model, '--signature', 'add', '--signature', 'read', '--target', 'thimble', '--out', 'two.thimble').status).toBe(
      0,
    );
    for (const [file, signature, values] of [
      [model, 'add', [3, 4]],
      ['two.thimble', 'add', [3, 4]],
      ['two.thimble', 'read', [1, 1]],
    ] as const) {
      const { stdout } = run('run', file, '--signature', signature, ...(signature === 'add' ? ['x.json'] : []), '--json');
      expect(JSON.parse(stdout).outputs.sum.data).toEqual(values);
    }
    expect(run('run', 'two.thimble', '--signature', 'set').stderr).toContain('expected add, read');
  });
});
