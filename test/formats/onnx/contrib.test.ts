import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load, type Tensor } from '../../../src/index.ts';
import { flavours } from '../../ops/lowering.ts';
import { modelFile } from '../onnxFile.ts';

interface Recorded {
  readonly dtype: 'float32' | 'int32' | 'int64' | 'uint8' | 'int8';
  readonly shape: readonly number[];
  /** Elements in base64. */
  readonly data: string;
}

interface Golden {
  readonly name: string;
  /** An ONNX file in base64. */
  readonly model: string;
  readonly inputs: Readonly<Record<string, Recorded>>;
  readonly outputs: Readonly<Record<string, Recorded>>;
}

/** Written by contrib.py: operators that ONNX Runtime's optimizers put in the place of several, one a file. */
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL('contrib.json', import.meta.url), 'utf8'));

const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));

function dataOf({ dtype, data }: Recorded) {
  const bytes = bytesOf(data);
  if (dtype === 'uint8') return bytes;
  if (dtype === 'int8') return new Int8Array(bytes.buffer);
  if (dtype === 'int64') return Int32Array.from(new BigInt64Array(bytes.buffer), Number);
  return dtype === 'int32' ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}

describe.each(golden)('$name', ({ model: file, inputs, outputs }) => {
  it.each(flavours)('computes what ONNX Runtime computes, on %s', async (flavour) => {
    const model = await load(bytesOf(file), { flavour });
    const results = model.run(Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, dataOf(input)])));
    for (const [name, output] of Object.entries(outputs)) {
      const got = results[name] as Tensor;
      const want = Float64Array.from(dataOf(output));
      expect(got.shape).toEqual(output.shape);
      const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = want.reduce((most, value, i) => Math.max(most, Math.abs((got.data[i] as number) - value)), 0);
      expect(error, name).toBeLessThanOrEqual(output.dtype === 'float32' ? 1e-5 * Math.max(1, largest) : 0);
    }
  });
});

describe('MultiHeadAttention', () => {
  const numbers = (shape: readonly number[]) => Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i));
  const run = async (given: Readonly<Record<string, { readonly dims: number[]; readonly data: Float32Array }>>) => {
    const names = Object.keys(given);
    const file = modelFile({
      opsets: { '': 17, 'com.microsoft': 1 },
      nodes: [{ op: 'MultiHeadAttention', domain: 'com.microsoft', inputs: names, outputs: ['y'], attributes: { num_heads: 2 } }],
      inputs: Object.fromEntries(names.map((name) => [name, { type: 'float', dims: given[name]?.dims as number[] }])),
      outputs: ['y'],
    });
    const model = await load(file, { flavour: 'simd' });
    return [...(model.run(Object.fromEntries(names.map((name) => [name, given[name]?.data as Float32Array]))).y as Tensor).data];
  };
  const packed = { dims: [2, 5, 2, 3, 4], data: numbers([2, 5, 2, 3, 4]) };
  /** Part `i` of [batch, steps, heads, parts, size] as [batch, steps, heads · size]. */
  const part = (i: number) => ({ dims: [2, 5, 8], data: packed.data.filter((_, at) => Math.floor(at / 4) % 3 === i) });

  // ONNX Runtime has it on other processors only: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
  it('takes queries, keys and values in one tensor as it takes them apart', async () => {
    const want = await run({ q: part(0), k: part(1), v: part(2) });
    expect(await run({ packed })).toEqual(want);
    const pairs = { dims: [2, 5, 2, 2, 4], data: packed.data.filter((_, at) => Math.floor(at / 4) % 3 > 0) };
    expect(await run({ q: part(0), pairs })).toEqual(want);
  });
});

it.each([
  ['int8', ['conv2dInt8', 'transpose']],
  // From 0 on at the border, less 128 inside.
  ['uint8', ['cast', 'conv2dInt8', 'lookup', 'transpose']],
])('%s at the border stays bytes, and padding is that of the convolution', async (type, operators) => {
  const file = golden.find(({ name }) => name === `bytes at the border: ${type}`)?.model as string;
  expect(Object.keys((await load(bytesOf(file))).work).sort()).toEqual(operators);
});

it('numbers of 4 bits in bytes are limited as they are quantized', async () => {
  const file = golden.find(({ name }) => name === 'numbers of 4 bits in bytes')?.model as string;
  expect(Object.keys((await load(bytesOf(file))).work).sort()).toEqual(['dequantizeInt8', 'lookup', 'mulInt8', 'quantizeInt8']);
});

it('activations of 16 bits are rounded in floats: no integers in between, no transpositions between layers', async () => {
  const file = golden.find(({ name }) => name === 'activations of 16 bits')?.model as string;
  const { work } = await load(bytesOf(file));
  expect(Object.keys(work).sort()).toEqual(['fakeQuantize', 'maxPool2d', 'planarConv2d', 'transpose']);
  expect([work.fakeQuantize?.nodes, work.transpose?.nodes]).toEqual([2, 1]);
});

describe('weights of few bits', () => {
  const data = (length: number, f: (i: number) => number) => Array.from({ length }, (_, i) => f(i));
  const [depth, units, block] = [128, 64, 32];
  const file = (attributes: Readonly<Record<string, number>> = {}, scales = (depth / block) * units) =>
    modelFile({
      opsets: { '': 17, 'com.microsoft': 1 },
      nodes: [
        {
          op: 'MatMulNBits',
          domain: 'com.microsoft',
          inputs: ['x', 'w', 's'],
          outputs: ['y'],
          attributes: { K: depth, N: units, bits: 4, block_size: block, ...attributes },
        },
      ],
      inputs: { x: { type: 'float', dims: [1, depth] } },
      outputs: ['y'],
      initializers: {
        w: {
          type: 'uint8',
          dims: [units, depth / block, block / 2],
          data: data((depth * units) / 2, (i) => (i * 37 + (i >> 5) * 11) % 256),
        },
        s: { type: 'float', dims: [scales], data: data(scales, (i) => 0.01 + (i % 7) / 500) },
      },
    });

  it('stay in 4 bits where a matrix is large', async () => {
    const { work } = await load(file());
    expect(work.linearWeights?.macs).toBe(depth * units);
    expect(work.linear).toBeUndefined();
  });

  it('that are not of the shape that the node says are damage', async () => {
    await expect(load(file({ K: 130 }))).rejects.toThrow(/bytes of weights/);
    await expect(load(file({}, 5))).rejects.toThrow(/5 scales/);
    await expect(load(file({ block_size: 0 }))).rejects.toThrow(/blocks of 0/);
    await expect(load(file({ K: -128, N: -64 }))).rejects.toMatchObject({ code: 'FORMAT' });
    await expect(load(file({ bits: 3 }))).rejects.toMatchObject({ code: 'UNSUPPORTED_ATTR' });
  });
});
