import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { load } from '../../../src/index.ts';
import { onnxruntime, runInOnnxruntime } from '../../export/onnxruntime.ts';
import { type FileNode, type FileTensor, modelFile } from '../onnxFile.ts';

/** Channels fill the blocks that onnxruntime has on any x86: others are added in another order in floats. */
const SHAPE = [1, 16, 16, 16];
const LENGTH = SHAPE.reduce((a, b) => a * b);
const random = new Random(8);
type Byte = 'int8' | 'uint8';

/** Operators that onnxruntime computes in floats or on numbers of either type, by what reads their operands and results. */
const operators: Readonly<
  Record<string, { readonly inputs?: readonly string[]; readonly attributes?: FileNode['attributes']; readonly op?: string }>
> = {
  Add: { inputs: ['a', 'b'] },
  Mul: { inputs: ['a', 'b'] },
  'Add of a constant': { op: 'Add', inputs: ['a', 'k'] },
  'Mul of a constant': { op: 'Mul', inputs: ['k', 'a'] },
  AveragePool: { attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  GlobalAveragePool: {},
  Softmax: { attributes: { axis: 3 } },
};

/** What else reads the operand, and the result; whether the operand is moved, or the result limited, on the way. */
const surroundings = [0, 1].flatMap((operandTwice) =>
  [0, 1].flatMap((resultTwice) => ['', 'Transpose', 'Relu'].map((between) => ({ operandTwice, resultTwice, between }))),
);

function quantized(name: string, type: Byte, { operandTwice, resultTwice, between }: (typeof surroundings)[number]): Uint8Array {
  const { op = name, inputs = ['a'], attributes = {} } = operators[name] as (typeof operators)[string];
  // Of steps that are powers of two, many results lie between two numbers.
  const isRound = random.uniform(0, 1) < 0.5;
  const step = (low = 0.01, high = 0.03, round = 2 ** -6) => ({
    type: 'float' as const,
    dims: [],
    data: [isRound ? round : Math.fround(random.uniform(low, high))],
  });
  const least = type === 'int8' ? -128 : 0;
  const byte = (number: number): FileTensor => ({ type, dims: [], data: [least + number] });
  const initializers: Record<string, FileTensor> = {
    ...{
      as: step(),
      bs: step(),
      ks: step(),
      ys: op === 'Softmax' ? step(0.003, 0.005, Math.fround(0.7 / 255)) : step(0.02, 0.06, 2 ** -5),
    },
    ...{ az: byte(Math.floor(random.uniform(100, 150))), bz: byte(Math.floor(random.uniform(100, 150))), kz: byte(31), kq: byte(200) },
    yz: byte(op === 'Softmax' || between === 'Relu' ? 0 : Math.floor(random.uniform(80, 170))),
  };
  const pair = (from: string, to: string, steps: string): FileNode[] => [
    { op: 'QuantizeLinear', inputs: [from, `${steps}s`, `${steps}z`], outputs: [`${to}_number`] },
    { op: 'DequantizeLinear', inputs: [`${to}_number`, `${steps}s`, `${steps}z`], outputs: [to] },
  ];
  const isMoved = between === 'Transpose';
  const nodes: FileNode[] = [
    ...pair('x', isMoved ? 'a0' : 'a', 'a'),
    ...(isMoved ? [{ op: 'Transpose', inputs: ['a0'], outputs: ['a'], attributes: { perm: [0, 1, 3, 2] } }] : []),
    ...pair('v', 'b', 'b'),
    { op: 'DequantizeLinear', inputs: ['kq', 'ks', 'kz'], outputs: ['k'] },
    { op, inputs, attributes, outputs: ['y0'] },
    ...(between === 'Relu' ? [{ op: 'Relu', inputs: ['y0'], outputs: ['y1'] }] : []),
    ...pair(between === 'Relu' ? 'y1' : 'y0', 'y', 'y'),
    ...(operandTwice ? [{ op: 'Neg', inputs: [isMoved ? 'a0' : 'a'], outputs: ['again'] }] : []),
    ...(resultTwice ? [{ op: 'Neg', inputs: ['y'], outputs: ['twice'] }] : []),
    { op: 'Abs', inputs: ['y'], outputs: ['result'] },
    { op: 'Neg', inputs: ['b'], outputs: ['other'] },
  ];
  const port = { type: 'float' as const, dims: SHAPE };
  // The second operand is read once where an operator reads it, else here.
  const other = inputs.includes('b') ? [] : ['other'];
  const outputs = ['result', ...other, ...(operandTwice ? ['again'] : []), ...(resultTwice ? ['twice'] : [])];
  return modelFile({
    opsets: { '': 17 },
    nodes: nodes.filter(({ outputs: [name] }) => name !== 'other' || other.length > 0),
    inputs: { x: port, v: port },
    initializers,
    outputs,
  });
}

// On other processors onnxruntime rounds sums in whole numbers, halves away from zero.
describe.runIf(onnxruntime && process.arch === 'x64').each(Object.keys(operators))('%s between quantizations', (name) => {
  it.each(['int8', 'uint8'] as const)('gives the bits that onnxruntime gives, whatever reads its %s numbers', async (type) => {
    const { InferenceSession, Tensor } = onnxruntime as NonNullable<typeof onnxruntime>;
    for (const surrounding of surroundings) {
      const file = quantized(name, type, surrounding);
      const floats = () => Float32Array.from({ length: LENGTH }, () => random.uniform(-2, 2));
      const feeds = { x: floats(), v: floats() };
      const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
      const there = await session.run(
        Object.fromEntries(Object.entries(feeds).map(([input, data]) => [input, new Tensor('float32', data, SHAPE)])),
      );
      const here = (await load(file)).run(feeds);
      for (const [output, { data }] of Object.entries(there))
        expect(here[output]?.data, `${JSON.stringify(surrounding)} ${output}`).toEqual(data);
    }
  });
});

/** A convolution of channels apart: 9 weights, that often have divisors in common, say little of their step. The bias is in floats. */
function depthwise(): Uint8Array {
  const channels = 64;
  const shape = [channels, 1, 3, 3];
  const float = (dims: readonly number[], low: number, high: number): FileTensor => ({
    type: 'float',
    dims,
    data: Array.from({ length: dims[0] ?? 1 }, () => Math.fround(random.uniform(low, high))),
  });
  const numbers = Array.from({ length: channels }, (_, c) =>
    Array.from({ length: 9 }, () => [3, 5, 6, 10, 1][c % 5] as number).map((times) => times * Math.floor(random.uniform(-6, 7))),
  );
  return modelFile({
    opsets: { '': 17 },
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', 'xs', 'xz'], outputs: ['n'] },
      { op: 'DequantizeLinear', inputs: ['n', 'xs', 'xz'], outputs: ['a'] },
      { op: 'DequantizeLinear', inputs: ['numbers', 'ws', 'wz'], outputs: ['w'], attributes: { axis: 0 } },
      { op: 'Conv', inputs: ['a', 'w', 'bias'], outputs: ['c'], attributes: { group: channels, kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
      { op: 'QuantizeLinear', inputs: ['c', 'ys', 'yz'], outputs: ['m'] },
      { op: 'DequantizeLinear', inputs: ['m', 'ys', 'yz'], outputs: ['y'] },
    ],
    inputs: { x: { type: 'float', dims: [1, channels, 24, 24] } },
    initializers: {
      ...{ xs: float([], 0.01, 0.02), ws: float([channels], 0.01, 0.02), ys: float([], 0.01, 0.05), bias: float([channels], -1, 1) },
      numbers: { type: 'int8', dims: shape, data: numbers.flat() },
      wz: { type: 'int8', dims: [channels], data: new Array<number>(channels).fill(0) },
      ...{ xz: { type: 'uint8', dims: [], data: [117] }, yz: { type: 'uint8', dims: [], data: [131] } },
    },
    outputs: ['y'],
  });
}

describe.runIf(onnxruntime && process.arch === 'x64')('a convolution of few weights and a bias in floats', () => {
  it('has the steps of its file, and the bits that onnxruntime gives', async () => {
    for (let round = 0; round < 8; round++) {
      const file = depthwise();
      const x = Float32Array.from({ length: 64 * 24 * 24 }, () => random.uniform(-2, 2));
      const there = await runInOnnxruntime(file, 'x', x, [1, 64, 24, 24]);
      expect((await load(file)).run({ x }).y?.data).toEqual(there.y?.data);
    }
  });
});

/** A convolution in groups of numbers that are quantized when it runs, by uint8 weights, which take nine bits without their zero point. */
function dynamicGroups(): Uint8Array {
  const shape = [12, 4, 3, 3];
  const data = Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.floor(random.uniform(0, 256)));
  return modelFile({
    opsets: { '': 17 },
    nodes: [
      { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['n', 's', 'z'] },
      {
        op: 'ConvInteger',
        inputs: ['n', 'w', 'z', 'wz'],
        outputs: ['sums'],
        attributes: { group: 3, kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      },
      { op: 'Cast', inputs: ['sums'], outputs: ['floats'], attributes: { to: 1 } },
      { op: 'Mul', inputs: ['s', 'ws'], outputs: ['step'] },
      { op: 'Mul', inputs: ['floats', 'step'], outputs: ['y'] },
    ],
    inputs: { x: { type: 'float', dims: [1, 12, 7, 7] } },
    initializers: {
      w: { type: 'uint8', dims: shape, data },
      wz: { type: 'uint8', dims: [], data: [118] },
      ws: { type: 'float', dims: [], data: [Math.fround(random.uniform(0.01, 0.02))] },
    },
    outputs: ['y'],
  });
}

describe.runIf(onnxruntime && process.arch === 'x64')('a convolution in groups by uint8 weights, quantized when it runs', () => {
  it('is one of bytes, with the bits that onnxruntime gives', async () => {
    const file = dynamicGroups();
    const model = await load(file);
    expect(Object.keys(model.work)).toContain('conv2dScaledInt8');
    const x = Float32Array.from({ length: 12 * 49 }, () => random.uniform(-2, 2));
    const there = await runInOnnxruntime(file, 'x', x, [1, 12, 7, 7]);
    expect(model.run({ x }).y?.data).toEqual(there.y?.data);
  });
});
