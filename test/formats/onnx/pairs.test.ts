import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { load } from '../../../src/index.ts';
import { onnxruntime } from '../../export/onnxruntime.ts';
import { flavours } from '../../ops/lowering.ts';
import { modelFile } from '../onnxFile.ts';

const [a, b] = [new Uint8Array(65536).map((_, i) => i >> 8), new Uint8Array(65536).map((_, i) => i & 255)];
const random = new Random(3);
const float = (value: number) => ({ type: 'float' as const, dims: [], data: [Math.fround(value)] });
const byte = () => ({ type: 'uint8' as const, dims: [], data: [Math.floor(random.uniform(0, 256))] });

/** Steps from fine to coarse; for sums those of y fit what is added, now and then far too well. */
const steps = { QLinearAdd: (as: number, bs: number) => as + bs, QLinearMul: (as: number, bs: number) => 100 * as * bs };

function pairs(op: keyof typeof steps): Uint8Array {
  const [aStep, bStep] = [2 ** random.uniform(-8, 1), 2 ** random.uniform(-8, 1)];
  const yStep = steps[op](aStep, bStep) * 2 ** random.uniform(-2, 1);
  const initializers = { as: float(aStep), az: byte(), bs: float(bStep), bz: byte(), ys: float(yStep), yz: byte() };
  return modelFile({
    opsets: { '': 17, 'com.microsoft': 1 },
    nodes: [{ op, domain: 'com.microsoft', inputs: ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'], outputs: ['y'] }],
    inputs: { a: { type: 'uint8', dims: [a.length] }, b: { type: 'uint8', dims: [b.length] } },
    initializers,
    outputs: ['y'],
  });
}

const bytesOf = (results: object | undefined) => Buffer.from((results as { y: { data: Uint8Array } }).y.data);

// On other processors onnxruntime rounds sums in whole numbers, halves away from zero.
describe.runIf(onnxruntime && process.arch === 'x64').each(['QLinearAdd', 'QLinearMul'] as const)('%s', (op) => {
  const files = Array.from({ length: 20 }, () => pairs(op));
  it.each(flavours)('is that of onnxruntime for every pair of bytes, on %s', async (flavour) => {
    for (const file of files) {
      const session = await onnxruntime?.InferenceSession.create(file, { logSeverityLevel: 3 });
      const tensor = (data: Uint8Array) => new (onnxruntime as NonNullable<typeof onnxruntime>).Tensor('uint8', data, [data.length]);
      const there = await session?.run({ a: tensor(a), b: tensor(b) });
      const here = (await load(file, { flavour })).run({ a, b });
      expect(bytesOf(here).equals(bytesOf(there))).toBe(true);
    }
  });
});
