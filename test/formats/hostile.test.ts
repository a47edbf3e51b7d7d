import { expect, it } from 'vitest';
import { load } from '../../src/inference/load.ts';
import { type FileFunction, type FileModel, type FileNode, type FilePort, modelFile } from './onnxFile.ts';

const vector: FilePort = { type: 'float', dims: [2] };
const int64 = (...data: (number | bigint)[]) => ({ type: 'int64', dims: [data.length], data }) as const;
const scalar = (value: number | bigint) => ({ type: 'int64', dims: [], data: [value] }) as const;
const yes = { type: 'bool', dims: [], data: [1] } as const;
const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: FileNode['attributes'] = {}): FileNode => ({
  op,
  inputs,
  outputs,
  attributes,
});
const identity = (from: string, to: string) => node('Identity', [from], [to]);

/** A loop of `trips` rounds over `body`, which carries x on. */
const loop = (trips: number, body: readonly FileNode[]): FileModel => ({
  nodes: [
    node('Loop', ['trips', 'yes', 'x'], ['y'], {
      body: { graph: { nodes: body, inputs: { i: { type: 'int64', dims: [] }, go: yes, a: vector }, outputs: ['go', 'b'] } },
    }),
  ],
  inputs: { x: vector },
  initializers: { trips: scalar(trips), yes },
  outputs: ['y'],
});

/** f0 calls f1 twice, f1 calls f2 twice, … */
const doubling = (depth: number, last: readonly FileNode[]): FileModel => ({
  nodes: [{ op: 'f0', domain: 'own', inputs: ['x'], outputs: ['y'] }],
  functions: Array.from(
    { length: depth },
    (_, i): FileFunction => ({
      name: `f${i}`,
      domain: 'own',
      inputs: ['a'],
      outputs: ['b'],
      nodes:
        i === depth - 1
          ? last
          : [
              { op: `f${i + 1}`, domain: 'own', inputs: ['a'], outputs: ['m'] },
              { op: `f${i + 1}`, domain: 'own', inputs: ['m'], outputs: ['b'] },
            ],
    }),
  ),
  opsets: { '': 17, own: 1 },
  inputs: { x: vector },
  outputs: ['y'],
});

const one = (op: string, operands: Readonly<Record<string, ReturnType<typeof int64 | typeof scalar>>>, attributes = {}): FileModel => ({
  nodes: [node(op, ['x', ...Object.keys(operands)].slice(op === 'Range' || op === 'ConstantOfShape' ? 1 : 0), ['y'], attributes)],
  inputs: { x: vector },
  initializers: operands,
  outputs: ['y'],
});

const bombs: Readonly<Record<string, readonly [FileModel, RegExp]>> = {
  'a loop of 2^62 rounds': [loop(2 ** 62, [node('Add', ['a', 'a'], ['b'])]), /UNSUPPORTED_OP/],
  'a loop of 2^62 empty rounds': [loop(2 ** 62, [identity('a', 'b')]), /UNSUPPORTED_OP/],
  'functions that double 60 times': [doubling(60, [node('Add', ['a', 'a'], ['b'])]), /UNSUPPORTED_OP/],
  'functions that double, and compute nothing': [doubling(60, [identity('a', 'b')]), /UNSUPPORTED_OP/],
  'functions that call each other': [
    {
      ...doubling(2, [{ op: 'f0', domain: 'own', inputs: ['a'], outputs: ['b'] }]),
    },
    /FORMAT/,
  ],
  'an extent of 2^62': [
    { nodes: [node('Relu', ['x'], ['y'])], inputs: { x: { type: 'float', dims: [2 ** 62] } }, outputs: ['y'] },
    /SHAPE/,
  ],
  'extents whose product overflows': [
    { nodes: [node('Relu', ['x'], ['y'])], inputs: { x: { type: 'float', dims: [65536, 65536, 65536, 65536] } }, outputs: ['y'] },
    /SHAPE/,
  ],
  'ConstantOfShape of 2^40 elements': [one('ConstantOfShape', { shape: int64(2 ** 20, 2 ** 20) }), /SHAPE/],
  'a range of 2^40 numbers': [one('Range', { a: scalar(0), b: scalar(2n ** 40n), c: scalar(1) }), /UNSUPPORTED|SHAPE/],
  'a range of 2^30 numbers': [one('Range', { a: scalar(0), b: scalar(2 ** 30), c: scalar(1) }), /SHAPE/],
  'Expand to 2^31 elements': [one('Expand', { shape: int64(2 ** 30, 2) }), /SHAPE/],
  'Tile to 2^40 elements': [one('Tile', { repeats: int64(2 ** 40) }), /SHAPE|UNSUPPORTED/],
  'Split into 2^31 parts': [one('Split', {}, { num_outputs: 2 ** 31 }), /SHAPE/],
  'Pad by 2^40': [one('Pad', { pads: int64(0, 2n ** 40n) }), /SHAPE|UNSUPPORTED/],
  'OneHot of depth 2^31': [
    {
      nodes: [node('OneHot', ['i', 'depth', 'values'], ['y'])],
      inputs: { i: { type: 'int64', dims: [2] } },
      initializers: { depth: scalar(2 ** 31 - 1), values: int64(0, 1) },
      outputs: ['y'],
    },
    /SHAPE/,
  ],
  'a product of constants that takes 2^40 steps': [
    {
      nodes: [
        node('ConstantOfShape', ['n'], ['a']),
        node('MatMul', ['a', 'a'], ['b']),
        node('MatMul', ['b', 'a'], ['c']),
        node('ReduceSum', ['c'], ['d'], { keepdims: 0 }),
        node('Add', ['x', 'd'], ['y']),
      ],
      inputs: { x: vector },
      initializers: { n: int64(8192, 8192) },
      outputs: ['y'],
    },
    /loaded/,
  ],
};

it.each(Object.entries(bombs))('%s: an answer within seconds', { timeout: 20_000 }, async (_, [model, expected]) => {
  const start = performance.now();
  const outcome = await load(modelFile(model)).then(
    () => 'loaded',
    (error) => `${error.code}: ${error.message}`,
  );
  expect(outcome).toMatch(expected);
  expect(performance.now() - start).toBeLessThan(10_000);
});

it('a loop over weights of an enclosing graph has them once', async () => {
  const body = { nodes: [node('Add', ['a', 'w'], ['b'])], inputs: { i: scalar(0), go: yes, a: vector }, outputs: ['go', 'b'] };
  const model = await load(
    modelFile({
      nodes: [node('Loop', ['trips', 'yes', 'x'], ['y'], { body: { graph: body } })],
      inputs: { x: { type: 'float', dims: [1000] } },
      initializers: { trips: scalar(20), yes, w: { type: 'double', dims: [1000], data: new Array<number>(1000).fill(0.5) } },
      outputs: ['y'],
    }),
  );
  expect(model.memory.regions.const).toBeLessThan(4200);
  expect(model.run({ x: new Float32Array(1000) }).y?.data[999]).toBe(10);
});

it('constants that a file makes of a few bytes may be as large as a budget allows', async () => {
  const file = modelFile({
    nodes: [
      node('ConstantOfShape', ['n'], ['w'], { value: { tensor: { type: 'float', dims: [1], data: [0.25] } } }),
      node('MatMul', ['x', 'w'], ['y']),
    ],
    inputs: { x: { type: 'float', dims: [1, 1000] } },
    initializers: { n: int64(1000, 3000) },
    outputs: ['y'],
  });
  await expect(load(file)).rejects.toMatchObject({
    code: 'SHAPE',
    message: expect.stringMatching(/trusted can be loaded with a `budget`/),
  });
  const model = await load(file, { budget: '32MB' });
  expect(model.run({ x: new Float32Array(1000).fill(1) }).y?.data[2999]).toBeCloseTo(250, 3);
});
