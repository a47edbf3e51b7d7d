import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { load } from '../../../src/index.ts';
import { onnxruntime } from '../../export/onnxruntime.ts';
import { flavours } from '../../ops/lowering.ts';
import { type FileModel, modelFile } from '../onnxFile.ts';

const random = new Random(3);
const float = (value: number) => ({ type: 'float' as const, dims: [], data: [Math.fround(value)] });
type Byte = 'uint8' | 'int8';
const drawn = (type: Byte) => Math.floor(random.uniform(0, 256)) - (type === 'int8' ? 128 : 0);
const byte = (type: Byte) => ({ type, dims: [], data: [drawn(type)] });
const someStep = () => 2 ** random.uniform(-8, 1);

/** A file of one operator on numbers of `type`, and its inputs. */
interface Case {
  readonly type: Byte;
  readonly file: Uint8Array;
  readonly feeds: Readonly<Record<string, { readonly data: Uint8Array | Int8Array; readonly shape: readonly number[] }>>;
}

/** An operator of ONNX Runtime on `feeds`, its other inputs constants. */
function one(
  op: string,
  type: Byte,
  feeds: Case['feeds'],
  names: readonly string[],
  initializers: NonNullable<FileModel['initializers']>,
  attributes = {},
  domain = 'com.microsoft',
): Case {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, { type, dims: shape }]));
  const nodes = [{ op, domain, attributes, inputs: names, outputs: ['y'] }];
  return { type, feeds, file: modelFile({ opsets: { '': 17, 'com.microsoft': 1 }, nodes, inputs, initializers, outputs: ['y'] }) };
}

const bytes = (type: Byte, length: number) => (type === 'int8' ? new Int8Array(length) : new Uint8Array(length));

/** Every pair of bytes. */
function pairs(op: string, type: Byte, fitting: (aStep: number, bStep: number) => number): Case {
  const numbers = (f: (i: number) => number) => ({ data: bytes(type, 65536).map((_, i) => f(i)), shape: [65536] });
  const [aStep, bStep] = [someStep(), someStep()];
  const yStep = fitting(aStep, bStep) * 2 ** random.uniform(-2, 1);
  const initializers = { as: float(aStep), az: byte(type), bs: float(bStep), bz: byte(type), ys: float(yStep), yz: byte(type) };
  return one(
    op,
    type,
    { a: numbers((i) => i >> 8), b: numbers((i) => i & 255) },
    ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'],
    initializers,
  );
}

/** Every byte and a constant, which has a step and a zero point of its own. */
function withConstant(op: string, type: Byte, fitting: (aStep: number, bStep: number) => number): Case {
  const a = { data: bytes(type, 256).map((_, i) => i), shape: [256] };
  const [aStep, bStep] = [someStep(), someStep()];
  const yStep = fitting(aStep, bStep) * 2 ** random.uniform(-2, 1);
  const steps = { as: float(aStep), bs: float(bStep), ys: float(yStep) };
  const initializers = { ...steps, az: byte(type), b: byte(type), bz: byte(type), yz: byte(type) };
  return one(op, type, { a }, ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'], initializers);
}

/** Images of all bytes, in steps like those of the result: ties are many. */
function pools(op: string, type: Byte, attributes: object): Case {
  const shape = [2, 11, 14, 13];
  const data = bytes(
    type,
    shape.reduce((a, b) => a * b),
  ).map(() => drawn(type));
  const step = someStep();
  const initializers = {
    xs: float(step),
    xz: byte(type),
    ys: float(step * (random.uniform(0, 2) < 1 ? 1 : random.uniform(0.4, 1.2))),
    yz: byte(type),
  };
  return one(op, type, { x: { data, shape } }, ['x', 'xs', 'xz', 'ys', 'yz'], initializers, attributes);
}

const operators: Readonly<Record<string, (type: Byte) => Case>> = {
  QLinearAdd: (type) => pairs('QLinearAdd', type, (a, b) => a + b),
  QLinearMul: (type) => pairs('QLinearMul', type, (a, b) => 100 * a * b),
  'QLinearAdd of a constant': (type) => withConstant('QLinearAdd', type, (a, b) => a + b),
  'QLinearMul of a constant': (type) => withConstant('QLinearMul', type, (a, b) => 100 * a * b),
  QLinearAveragePool: (type) =>
    pools('QLinearAveragePool', type, { kernel_shape: [2 + Math.floor(random.uniform(0, 2)), 2], strides: [2, 1], pads: [1, 0, 1, 1] }),
  Resize: (type) => {
    const shape = [1, 3, 4, 5];
    const x = { data: bytes(type, 60).map(() => drawn(type)), shape };
    const scales = { type: 'float' as const, dims: [4], data: [1, 1, 2, 2] };
    const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    return one('Resize', type, { x }, ['x', '', 'scales'], { scales }, nearest, '');
  },
  QLinearGlobalAveragePool: (type) => pools('QLinearGlobalAveragePool', type, { channels_last: 0 }),
};

const bytesOf = (results: object | undefined) => Buffer.from((results as { y: { data: Uint8Array | Int8Array } }).y.data);

// On other processors onnxruntime rounds sums in whole numbers, halves away from zero.
describe.runIf(onnxruntime && process.arch === 'x64').each(Object.entries(operators))('%s', (_, draw) => {
  const cases = Array.from({ length: 30 }, (_, i) => draw(i % 2 ? 'int8' : 'uint8'));
  it.each(flavours)('gives the bytes that onnxruntime gives, on %s', async (flavour) => {
    const { InferenceSession, Tensor } = onnxruntime as NonNullable<typeof onnxruntime>;
    for (const { file, feeds, type } of cases) {
      const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
      const tensors = Object.entries(feeds).map(([name, { data, shape }]) => [name, new Tensor(type, data, shape)]);
      const there = await session.run(Object.fromEntries(tensors));
      const here = (await load(file, { flavour })).run(Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data])));
      expect(bytesOf(here).equals(bytesOf(there))).toBe(true);
    }
  });
});
