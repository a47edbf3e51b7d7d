import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load, type Tensor, tensor } from '../../../src/index.ts';
import { flavours } from '../../ops/lowering.ts';

interface Recorded {
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly number[];
  /** Elements in base64. */
  readonly data: string;
}

interface Golden {
  readonly name: string;
  /** By how much the result may differ where a tie was rounded otherwise: a step of what is quantized last, 0 where ties do not decide. */
  readonly step: number;
  readonly input: Recorded;
  readonly output: Recorded;
}

/** Written by models.py: networks that onnxruntime.quantization quantized, and what ONNX Runtime computes with them. */
const folder = new URL('./models/', import.meta.url);
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8'));
const names = [...new Set(golden.map(({ name }) => name))];
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder)));
const dataOf = ({ dtype, data }: Recorded) => {
  const { buffer } = Uint8Array.from(Buffer.from(data, 'base64'));
  return dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
};

it('every model has its golden', () => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  expect(files.sort()).toEqual(names.map((name) => `${name}.onnx`).sort());
});

describe.each(names)('%s', (name) => {
  it.each(flavours)('computes what ONNX Runtime computes, on %s', async (flavour) => {
    const model = await load(bytesOf(name), { flavour });
    for (const { input, output, step } of golden.filter((one) => one.name === name)) {
      const { y } = model.run({ x: tensor(dataOf(input), input.shape) }) as { y: Tensor };
      const want = dataOf(output) as Float32Array;
      const largest = want.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const error = want.reduce((most, value, i) => Math.max(most, Math.abs((y.data[i] as number) - value)), 0);
      expect(y.shape).toEqual(output.shape);
      expect(error).toBeLessThanOrEqual(step * 1.0001 + largest * 1e-5);
    }
  });
});

/** Operators of the optimized graph. */
const operators = async (name: string) => (await load(bytesOf(name))).work;

describe('dense layers run on 8-bit kernels', () => {
  it.each(['mlp', 'lstm', 'images', 'transformer'].flatMap((name) => [`${name}_dynamic_QInt8`, `${name}_dynamic_QUInt8`]))(
    '%s: as products of rows that are quantized when it runs',
    async (name) => {
      const work = await operators(name);
      expect(work.linearScaledInt8?.macs).toBeGreaterThan(0);
      for (const op of ['linear', 'matmul', 'linearSumsInt8']) expect(work[op], op).toBeUndefined();
    },
  );

  it.each(['images_dynamic_QInt8', 'images_dynamic_QUInt8'])('%s: so are its convolutions', async (name) => {
    const work = await operators(name);
    expect(work.conv2dScaledInt8?.macs).toBeGreaterThan(0);
    for (const op of ['conv2d', 'planarConv2d', 'depthwiseConv2d', 'roundRows']) expect(work[op], op).toBeUndefined();
  });

  it.each(['mlp', 'images'])('%s of quantized operators: what is left in floats is so in the file', async (name) => {
    const work = await operators(`${name}_QOperator_QUInt8_QInt8`);
    const floats = Object.keys(work).filter((op) => !op.endsWith('Int8'));
    expect(floats.sort()).toEqual(name === 'mlp' ? [] : ['concat', 'lookup', 'reshape', 'softmax', 'transpose']);
  });

  it.each(['mlp', 'images', 'transformer'])('%s with uint8 weights: those that 9 bits take are read twice', async (name) => {
    const work = await operators(`${name}_QOperator_QUInt8_QUInt8`);
    for (const op of ['linear', 'conv2d', 'planarConv2d', 'depthwiseConv2d']) expect(work[op], op).toBeUndefined();
    expect((work.linearInt8?.nodes ?? 0) + (work.linearRowsInt8?.nodes ?? 0)).toBeGreaterThan(0);
  });

  it.each(['embedding_dynamic_QUInt8', 'embedding_QDQ_QInt8_QInt8'])('%s: its table is bytes', async (name) => {
    const model = await load(bytesOf(name));
    // 300 words of 24 numbers.
    expect(model.memory.regions.const).toBeLessThan(300 * 24 * 1.3);
  });

  it('weights take a byte each: no more memory than those of the static form', async () => {
    const [dynamic, fixed] = await Promise.all(
      ['transformer_dynamic_QInt8', 'transformer_QDQ_QInt8_QInt8'].map((name) => load(bytesOf(name))),
    );
    expect(dynamic?.memory.regions.const).toBeLessThan(2 * (fixed?.memory.regions.const as number));
  });
});
