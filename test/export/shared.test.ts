import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOnnx, type InferenceModel, load, readTensor, type Tensor, ThimbleError, type TypedArray } from '../../src/index.ts';
import { onnxruntime } from './onnxruntime.ts';

const shared = new URL('../../../shared', import.meta.url).pathname;
const suite = join(shared, 'conformance/onnx-node');
/** One of the suite's tests in five: every operator family is among them, and they take seconds. */
const tests = existsSync(suite) ? readdirSync(suite).filter((_, i) => i % 5 === 0) : [];
const networks = existsSync(join(shared, 'bench-models'))
  ? ['autoencoder_ad', 'dscnn_kws', 'dscnn_kws_rawexport', 'encoder_l4_d128_s64', 'mobilenetv1_0.25_96', 'resnet8_cifar']
  : [];
if (tests.length === 0) console.log('../shared is absent: models of others are not exported');

const read = (...parts: string[]) => new Uint8Array(readFileSync(join(...parts)));
const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array } as const;
/** What onnxruntime takes for element types that thimble holds in others. */
const outside: Record<string, (data: TypedArray) => ArrayBufferView> = {
  int64: (data) => BigInt64Array.from(data, BigInt),
  uint64: (data) => BigUint64Array.from(data, BigInt),
  float64: (data) => Float64Array.from(data),
  int16: (data) => Int16Array.from(data),
  uint16: (data) => Uint16Array.from(data),
  uint32: (data) => Uint32Array.from(data),
};

function expectNear(got: ArrayLike<number | bigint>, want: TypedArray, rtol: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((value, i) => {
    const other = Number(got[i]);
    const isNear = Math.abs(other - value) <= rtol * (1 + Math.abs(value)) || Object.is(other, value);
    if (!isNear) expect.fail(`${what}[${i}] is ${other}, not ${value}`);
  });
}

/** The file of `model` computes what the model does, here and in onnxruntime. */
async function expectSame(model: InferenceModel, feeds: Record<string, TypedArray>): Promise<void> {
  const want = model.run(feeds);
  const bytes = exportOnnx(model);
  const again = (await load(bytes)).run(feeds);
  for (const [name, { data }] of Object.entries(want)) expectNear((again[name] as Tensor).data, data, 1e-5, name);
  const isKnown = [...model.inputs, ...model.outputs].every(({ type }) => !/float16|int4|int2/.test(type));
  if (!onnxruntime || !isKnown) return;
  const { InferenceSession, Tensor: OrtTensor } = onnxruntime;
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const inputs = model.inputs.map(({ name, type, shape }) => {
    const data = feeds[name] as TypedArray;
    return [name, new OrtTensor(type, outside[type]?.(data) ?? data, shape)];
  });
  const there = await session.run(Object.fromEntries(inputs));
  for (const [name, { data }] of Object.entries(want)) expectNear(there[name]?.data ?? [], data, 1e-3, `${name} in onnxruntime`);
}

describe.runIf(networks.length)('networks of others are exported', () => {
  it.each(networks)('%s', async (name) => {
    const model = await load(read(shared, 'bench-models', `${name}.onnx`));
    const [{ name: input, shape, dtype } = { name: '', shape: [], dtype: 'f32' as const }] = model.inputs;
    const length = shape.reduce((a, b) => a * b, 1);
    const data =
      dtype === 'i32' ? Int32Array.from({ length }, (_, i) => i % 50) : Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));
    await expectSame(model, { [input]: data });
  });
});

describe.runIf(tests.length)('models of the ONNX backend suite are exported', () => {
  /** Loads with every input's shape, and as constants those that have to be. */
  async function open(folder: string) {
    const data = join(folder, 'test_data_set_0');
    const files = readdirSync(data).filter((file) => file.startsWith('input_'));
    const tensors = files.map((_, i) => readTensor(read(data, `input_${i}.pb`)));
    const bytes = read(folder, 'model.onnx');
    const named = (which: readonly (typeof tensors)[number][]) => Object.fromEntries(which.map((tensor) => [tensor.name, tensor]));
    const shapes = (which: typeof tensors) => Object.fromEntries(which.map(({ name, shape }) => [name, shape]));
    try {
      return { model: await load(bytes, { shapes: shapes(tensors) }), tensors };
    } catch (error) {
      const names = error instanceof ThimbleError ? (error.names ?? []) : [];
      if (names.length === 0) return undefined;
      const [fixed, free] = [tensors.filter(({ name }) => names.includes(name)), tensors.filter(({ name }) => !names.includes(name))];
      return load(bytes, { shapes: shapes(free), constants: named(fixed) }).then(
        (model) => ({ model, tensors }),
        () => undefined,
      );
    }
  }

  it('and compute the same, or are refused by the name of an operator', async () => {
    const refused: string[] = [];
    let same = 0;
    for (const test of tests) {
      const opened = await open(join(suite, test));
      if (!opened) continue;
      const { model, tensors } = opened;
      const feeds = model.inputs.map(({ name, dtype }) => [name, arrays[dtype].from(tensors.find((x) => x.name === name)?.data ?? [])]);
      try {
        await expectSame(model, Object.fromEntries(feeds));
        same++;
      } catch (error) {
        if (!(error instanceof ThimbleError && error.code === 'UNSUPPORTED_OP')) throw new Error(`${test}: ${(error as Error).message}`);
        refused.push(error.message);
      }
    }
    expect(same).toBeGreaterThan(tests.length * 0.9);
    expect(refused.filter((message) => !/treeEnsemble|shiftRight|shiftLeft|nonMaxSuppression|nonZero|unique/.test(message))).toEqual([]);
  });
});
