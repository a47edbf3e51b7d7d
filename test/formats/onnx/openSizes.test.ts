import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load, type Tensor } from '../../../src/index.ts';
import { flavours } from '../../ops/lowering.ts';
import { modelFile } from '../onnxFile.ts';

interface Golden {
  readonly name: string;
  /** An ONNX file in base64. */
  readonly model: string;
  /** Inputs and output are f32 in base64; integers are written as floats. */
  readonly cases: readonly { readonly inputs: Readonly<Record<string, string>>; readonly shape: readonly number[]; readonly y: string }[];
}

/** Written by openSizes.py: operators on results whose size is found at run time, none, some or all of their elements valid. */
const golden: readonly Golden[] = JSON.parse(readFileSync(new URL('openSizes.json', import.meta.url), 'utf8'));

const bytesOf = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));
const floatsOf = (base64: string) => new Float32Array(bytesOf(base64).buffer);

describe.each(golden)('$name', ({ model: file, cases }) => {
  it.each(flavours)('gives what ONNX Runtime gives, whatever the size is, on %s', async (flavour) => {
    const model = await load(bytesOf(file), { flavour });
    for (const { inputs, shape, y } of cases) {
      const feeds = Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, floatsOf(data)]));
      const got = model.run(feeds).y as Tensor;
      const want = floatsOf(y);
      expect(got.shape).toEqual(shape);
      expect(got.data.length).toBe(want.length);
      const error = want.reduce((most, value, i) => Math.max(most, Math.abs((got.data[i] as number) - value) - 1e-5 * Math.abs(value)), 0);
      expect(error).toBeLessThanOrEqual(1e-5);
    }
  });
});

const fileOf = (name: string) => bytesOf(golden.find((one) => one.name === name)?.model ?? '');

it('what is found in constants has a known size', async () => {
  const { outputs, memory } = await load(fileOf('knownSize'));
  expect(outputs[0]?.shape).toEqual([3, 4]);
  // Without a value for the count.
  expect(memory.methods[0]?.arenaBytes).toBeLessThanOrEqual((await load(fileOf('compressedByClosed'))).memory.methods[0]?.arenaBytes ?? 0);
});

it('an operator that cannot leave out the padding is refused by name', async () => {
  const file = modelFile({
    opsets: { '': 17 },
    nodes: [
      { op: 'NonZero', inputs: ['x'], outputs: ['places'] },
      { op: 'CumSum', inputs: ['places', 'axis'], outputs: ['y'] },
    ],
    inputs: { x: { type: 'float', dims: [2, 3] } },
    initializers: { axis: { type: 'int64', dims: [], data: [1] } },
    outputs: ['y'],
  });
  await expect(load(file)).rejects.toMatchObject({
    code: 'UNSUPPORTED_OP',
    message: expect.stringMatching(/CumSum "y".*known at run time only.*end the graph before this node/),
  });
});
