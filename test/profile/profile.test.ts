import { expect, it } from 'vitest';
import { load, profile } from '../../src/index.ts';
import { fileOf } from '../formats/onnxFile.ts';

it('the profile lists every kernel call with its products and time', async () => {
  const float = (dims: readonly number[]) => ({ type: 'float', dims }) as const;
  const file = fileOf({
    op: 'Conv',
    version: 13,
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    inputs: { x: float([1, 4, 6, 5]), w: float([7, 4, 3, 3]) },
    outputs: ['y'],
  });
  const count = 7 * 4 * 9;
  const constants = { w: { dtype: 'f32', shape: [7, 4, 3, 3], data: new Float32Array(count).fill(0.1) } } as const;
  const model = await load(file, { constants });
  const before = model.run({ x: new Float32Array(120).fill(1) }).y;
  const steps = profile(model, { runs: 3 });
  const { methods } = model.program;
  expect(steps.reduce((sum, { calls }) => sum + calls, 0)).toBe((methods.infer?.calls.length as number) / 2);
  expect(steps.every(({ ms }) => ms >= 0 && Number.isFinite(ms))).toBe(true);
  expect(steps.reduce((sum, { macs }) => sum + macs, 0)).toBe(30 * count);
  expect(steps.find(({ macs }) => macs > 0)).toMatchObject({ op: 'planarConv2d', shape: '[1, 6, 5, 7]' });
  expect(model.run({ x: new Float32Array(120).fill(1) }).y).toEqual(before);
});
