import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspect, load } from '../../../src/index.ts';
import { compare } from '../../conformance/compare.mjs';
import { flavours } from '../../ops/lowering.ts';
import { type Recorded, tensorOf } from './recorded.ts';

interface Golden {
  readonly name: string;
  readonly steps: readonly { readonly inputs: readonly Recorded[]; readonly outputs: readonly Recorded[] }[];
}

const folder = new URL('./models/', import.meta.url);
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8'));
const bytesOf = (name: string) => new Uint8Array(readFileSync(new URL(`${name}.tflite`, folder)));

/** Recorded with TFLite's reference resolver: see models/README.md. */
describe.each(golden)('$name', ({ name, steps }) => {
  it.each(flavours)('computes what TFLite computes, integers to the bit, on %s', async (flavour) => {
    const model = await load(bytesOf(name), { flavour });
    for (const pass of [1, 2]) {
      for (const [i, { inputs, outputs }] of steps.entries()) {
        const results = model.run(Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input)])));
        for (const output of outputs) {
          const reason = compare(results[output.name], tensorOf(output), { rtol: 1e-4, atol: 1e-4 });
          expect(reason, `pass ${pass}, step ${i}, ${output.name}`).toBeUndefined();
        }
      }
      model.reset();
    }
  });
});

describe('names of layers', () => {
  /** The layers of flow_stft with other names of the same length for two of its tensors. */
  async function layersOf(names: Readonly<Record<string, string>>): Promise<Set<string>> {
    let text = Buffer.from(bytesOf('flow_stft')).toString('latin1');
    for (const [from, to] of Object.entries(names)) text = text.replaceAll(from, to);
    const { source } = await load(new Uint8Array(Buffer.from(text, 'latin1')));
    return new Set(source.nodes.map(({ name }) => name.split('/')[0] as string));
  }

  it('are the first of those that the converter joined, where that tells them apart', async () => {
    expect(await layersOf({})).toContain('ExpandDims1');
    expect(await layersOf({ ExpandDims1: 'relu;conv_1', Reshape: 'add;mul' })).toEqual(new Set(['stft', 'Identity', 'relu', 'add']));
    const alike = await layersOf({ ExpandDims1: 'relu;conv_1', Reshape: 'relu;dw' });
    expect(alike).toEqual(new Set(['stft', 'Identity', 'relu;conv_1', 'relu;dw']));
  });
});

describe('hybrid dense layers', () => {
  const hybrid = golden.map(({ name }) => name).filter((name) => /^(fc|LSTM|RNN|SVDF|INT4)_hyb|BMM_hyb_dense/.test(name));

  it.each(hybrid)('%s: keep their weights in 8 bits', async (name) => {
    const { work } = await load(bytesOf(name));
    expect(work.linearDynamicInt8?.nodes).toBeGreaterThan(0);
    expect([work.linear, work.roundRows]).toEqual([undefined, undefined]);
  });
});

describe.each(golden.filter(({ name }) => /^(hybrid|INT4|BMM_hyb_dense|fc_hyb|conv_hyb|depthwise_hyb)/.test(name)))(
  '$name',
  ({ name, steps }) => {
    it.each(['scalar', 'simd'] as const)('has the bits of the reference, also where layers stay in float, on %s', async (flavour) => {
      const model = await load(bytesOf(name), { flavour });
      for (const { inputs, outputs } of steps) {
        const results = model.run(Object.fromEntries(inputs.map((input) => [input.name, tensorOf(input)])));
        for (const output of outputs) expect(results[output.name]?.data, output.name).toEqual(tensorOf(output).data);
      }
    });
  },
);

describe('weights with a scale a block', () => {
  it('stay in 4 bits', async () => {
    const { work } = await load(bytesOf('fc_blocks_64'));
    expect(work.linearWeights?.nodes).toBe(1);
  });
});

describe('hybrid convolutions', () => {
  const hybrid = golden.map(({ name }) => name).filter((name) => /^(conv|depthwise|INT4CONV)_hyb/.test(name));

  it.each(hybrid)('%s: keep their weights in 8 bits', async (name) => {
    const { work } = await load(bytesOf(name));
    expect(work.quantizeRowsInt8?.nodes).toBe(1);
    expect([work.conv2d, work.planarConv2d, work.depthwiseConv2d, work.roundRows]).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('the models', () => {
  it('are all supported, and every golden has its file', () => {
    for (const { name } of golden) {
      const { format, unsupported } = inspect(bytesOf(name));
      expect({ name, format, unsupported }).toEqual({ name, format: 'tflite', unsupported: [] });
    }
  });
});
