import { expect, it } from 'vitest';
import { load } from '../../src/hosts/runtime.ts';
import * as t from '../../src/index.ts';
import { fileOf } from '../formats/onnxFile.ts';

it('an ONNX model as a .thimble file keeps its types, and outputs whose size is found at run time', async () => {
  const bytes = fileOf({
    op: 'NonZero',
    version: 13,
    attributes: {},
    inputs: { x: { type: 'int64', dims: [2, 3] } },
    outputs: ['indices'],
  });
  const model = await t.load(bytes, { flavour: 'simd' });
  const edge = await load(model.export(), { flavour: 'simd' });
  expect([edge.inputs, edge.outputs]).toEqual([model.inputs, model.outputs]);
  expect(edge.inputs[0]?.type).toBe('int64');
  const x = BigInt64Array.from([0n, 5n, 0n, -7n, 0n, 1n]);
  expect(edge.run({ x })).toEqual(model.run({ x }));
  expect(edge.run({ x }).indices).toEqual({ dtype: 'i32', shape: [2, 3], data: Int32Array.of(0, 1, 1, 1, 0, 2) });
  expect(() => edge.run({ x: BigInt64Array.from([0n, 1n << 40n, 0n, 0n, 0n, 0n]) })).toThrow(/number outside int64/);
});
