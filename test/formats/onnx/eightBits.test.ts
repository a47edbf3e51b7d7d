import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { load } from '../../../src/index.ts';
import { onnxruntime } from '../../export/onnxruntime.ts';
import { flavours } from '../../ops/lowering.ts';
import { type FileModel, modelFile } from '../onnxFile.ts';

const random = new Random(3);
const float = (value: number) => ({ type: 'float' as const, dims: [], data: [Math.fround(value)] });
const byte = () => ({ type: 'uint8' as const, dims: [], data: [Math.floor(random.uniform(0, 256))] });
const someStep = () => 2 ** random.uniform(-8, 1);

/** A file of one operator, and its inputs. */
interface Case {
  readonly file: Uint8Array;
  readonly feeds: Readonly<Record<string, { readonly data: Uint8Array; readonly shape: readonly number[] }>>;
}

/** An operator of ONNX Runtime on `feeds`, its other inputs constants. */
function one(
  op: string,
  feeds: Case['feeds'],
  names: readonly string[],
  initializers: NonNullable<FileModel['initializers']>,
  attributes = {},
): Case {
  const inputs = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, { type: 'uint8' as const, dims: shape }]));
  const nodes = [{ op, domain: 'com.microsoft', attributes, inputs: names, outputs: ['y'] }];
  return { feeds, file: modelFile({ opsets: { '': 17, 'com.microsoft': 1 }, nodes, inputs, initializers, outputs: ['y'] }) };
}

/** Every pair of bytes. */
function pairs(op: string, fitting: (aStep: number, bStep: number) => number): Case {
  const numbers = (f: (i: number) => number) => ({ data: new Uint8Array(65536).map((_, i) => f(i)), shape: [65536] });
  const [aStep, bStep] = [someStep(), someStep()];
  const yStep = fitting(aStep, bStep) * 2 ** random.uniform(-2, 1);
  const initializers = { as: float(aStep), az: byte(), bs: float(bStep), bz: byte(), ys: float(yStep), yz: byte() };
  return one(op, { a: numbers((i) => i >> 8), b: numbers((i) => i & 255) }, ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'], initializers);
}

/** Images of all bytes, in steps like those of the result: ties are many. */
function pools(op: string, attributes: object): Case {
  const shape = [2, 11, 14, 13];
  const data = new Uint8Array(shape.reduce((a, b) => a * b)).map(() => Math.floor(random.uniform(0, 256)));
  const step = someStep();
  const initializers = {
    xs: float(step),
    xz: byte(),
    ys: float(step * (random.uniform(0, 2) < 1 ? 1 : random.uniform(0.4, 1.2))),
    yz: byte(),
  };
  return one(op, { x: { data, shape } }, ['x', 'xs', 'xz', 'ys', 'yz'], initializers, attributes);
}

const operators: Readonly<Record<string, () => Case>> = {
  QLinearAdd: () => pairs('QLinearAdd', (a, b) => a + b),
  QLinearMul: () => pairs('QLinearMul', (a, b) => 100 * a * b),
  QLinearAveragePool: () =>
    pools('QLinearAveragePool', { kernel_shape: [2 + Math.floor(random.uniform(0, 2)), 2], strides: [2, 1], pads: [1, 0, 1, 1] }),
  QLinearGlobalAveragePool: () => pools('QLinearGlobalAveragePool', { channels_last: 0 }),
};

const bytesOf = (results: object | undefined) => Buffer.from((results as { y: { data: Uint8Array } }).y.data);

// On other processors onnxruntime rounds sums in whole numbers, halves away from zero.
describe.runIf(onnxruntime && process.arch === 'x64').each(Object.entries(operators))('%s', (_, draw) => {
  const cases = Array.from({ length: 20 }, draw);
  it.each(flavours)('gives the bytes that onnxruntime gives, on %s', async (flavour) => {
    const { InferenceSession, Tensor } = onnxruntime as NonNullable<typeof onnxruntime>;
    for (const { file, feeds } of cases) {
      const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
      const tensors = Object.entries(feeds).map(([name, { data, shape }]) => [name, new Tensor('uint8', data, shape)]);
      const there = await session.run(Object.fromEntries(tensors));
      const here = (await load(file, { flavour })).run(Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data])));
      expect(bytesOf(here).equals(bytesOf(there))).toBe(true);
    }
  });
});
