import { describe, expect, it } from 'vitest';
import type { FileModel } from '../formats/onnxFile.ts';
import { flavours } from '../ops/lowering.ts';
import { failure, float, list, node, of, open, shift } from './smallModels.ts';

describe('what a model says of itself', () => {
  it('names, element types and shapes of inputs and outputs', async () => {
    const model = await open({
      nodes: [
        node('Cast', ['bytes'], ['f'], { to: 1 }),
        node('Add', ['f', 'x'], ['sum']),
        node('Greater', ['sum', 'x'], ['more']),
        node('ArgMax', ['sum'], ['best'], { axis: 1, keepdims: 0 }),
      ],
      inputs: { bytes: of('uint8', 2, 3), x: float(2, 3) },
      outputs: ['sum', 'more', 'best'],
    });
    expect(model.inputs).toEqual([
      { name: 'bytes', dtype: 'u8', type: 'uint8', shape: [2, 3] },
      { name: 'x', dtype: 'f32', type: 'float32', shape: [2, 3] },
    ]);
    expect(model.outputs).toEqual([
      { name: 'sum', dtype: 'f32', type: 'float32', shape: [2, 3] },
      { name: 'more', dtype: 'bool', type: 'bool', shape: [2, 3] },
      { name: 'best', dtype: 'i32', type: 'int64', shape: [2] },
    ]);
    const results = model.run({ bytes: Uint8Array.of(1, 9, 0, 0, 0, 3), x: new Float32Array(6) });
    expect(list(results.best)).toEqual([1, 2]);
    expect(list(results.more)).toEqual([1, 1, 0, 0, 0, 1]);
  });

  it('its memory before it runs; the linear memory has exactly that many pages', async () => {
    const model = await open(shift, { shapes: { batch: 100 } });
    const { regions, totalBytes, pages } = model.memory;
    expect(regions.io).toBe(2 * 1200);
    expect(model.session.memory.buffer.byteLength).toBe(pages * 65536);
    expect(pages).toBe(Math.ceil(totalBytes / 65536));
  });

  it('runs again and again; results are copies', async () => {
    const model = await open(shift);
    const first = model.run({ x: Float32Array.of(1, 1, 1) }).y;
    const second = model.run({ x: Float32Array.of(5, 5, 5) }).y;
    expect([list(first), list(second)]).toEqual([
      [2, 3, 4],
      [6, 7, 8],
    ]);
  });

  it.each(flavours)('runs on %s kernels', async (flavour) => {
    const model = await open(shift, { flavour });
    expect(model.flavour).toBe(flavour);
    expect(list(model.run({ x: Float32Array.of(1, 2, 3) }).y)).toEqual([2, 4, 6]);
  });
});

describe('feeds', () => {
  const typed: FileModel = {
    nodes: [node('Identity', ['a'], ['b']), node('Cast', ['n'], ['m'], { to: 1 })],
    inputs: { a: float(2), n: of('int64', 2) },
    outputs: ['b', 'm'],
  };
  const a = Float32Array.of(1, 2);
  const n = BigInt64Array.of(3n, -4n);

  it('takes typed arrays, 64-bit integers, doubles, and tensors', async () => {
    const model = await open(typed);
    expect(list(model.run({ a, n }).m)).toEqual([3, -4]);
    expect(list(model.run({ a: Float64Array.of(0.5, 2), n: Int32Array.of(7, 8) }).b)).toEqual([0.5, 2]);
    const tensors = { a: { dtype: 'f32', shape: [2], data: a }, n: { dtype: 'i32', shape: [2], data: Int32Array.of(1, 2) } } as const;
    expect(list(model.run(tensors).m)).toEqual([1, 2]);
  });

  it.each([
    ['a missing input', { a }, /no data for "n"/],
    ['all missing', {}, /no data for "a", "n"/],
    ['an unknown input', { a, n, z: a }, /no input "z".*expected a, n/],
    ['too few elements', { a: new Float32Array(1), n }, /input "a" does not fit.*expected float32 \[2\].*got Float32Array, 1 elements/],
    ['too many elements', { a: new Float32Array(3), n }, /input "a" does not fit/],
    ['another shape of as many elements', { a: { dtype: 'f32', shape: [2, 1], data: a }, n }, /got Float32Array, \[2, 1\]/],
    ['integers for floats', { a: Int32Array.of(1, 2), n }, /input "a" does not fit.*Int32Array/],
    ['floats for integers', { a, n: Float32Array.of(1, 2) }, /input "n" does not fit.*expected int64/],
    ['2^31', { a, n: BigInt64Array.of(2n ** 31n, 0n) }, /"n" has a number outside int64.*-2147483648 to 2147483647.*32-bit integers/],
    ['-2^31 - 1', { a, n: BigInt64Array.of(0n, -(2n ** 31n) - 1n) }, /"n" has a number outside int64/],
  ] as const)('INPUT for %s', async (_, feeds, message) => {
    const model = await open(typed);
    expect(() => model.run(feeds as never)).toThrow(message);
    expect(() => model.run(feeds as never)).toThrow(expect.objectContaining({ code: 'INPUT' }));
  });

  it('takes the ends of the 32-bit range as they are', async () => {
    const { nodes, inputs, outputs } = { nodes: [node('Neg', ['n'], ['m'])], inputs: { n: of('int64', 2) }, outputs: ['m'] };
    const model = await open({ nodes, inputs, outputs });
    expect(list(model.run({ n: BigInt64Array.of(2n ** 31n - 1n, -(2n ** 31n) + 1n) }).m)).toEqual([-(2 ** 31) + 1, 2 ** 31 - 1]);
  });

  it.each([
    ['int8', [-129, 0], [128, 0], Int32Array.of(-128, 127)],
    ['uint8', [-1, 0], [256, 0], Int32Array.of(0, 255)],
    ['bool', [-1, 0], [2, 0], Uint8Array.of(0, 1)],
  ] as const)('checks the range of %s', async (type, low, high, ends) => {
    const model = await open({ nodes: [node('Cast', ['n'], ['m'], { to: 1 })], inputs: { n: of(type, 2) }, outputs: ['m'] });
    expect(list(model.run({ n: ends }).m)).toEqual([...ends]);
    for (const wrong of [low, high])
      expect(() => model.run({ n: Int32Array.from(wrong) })).toThrow(
        expect.objectContaining({ code: 'INPUT', message: expect.stringContaining(`outside ${type}`) }),
      );
  });
});

describe('shapes', () => {
  it('an open first axis is 1; others are given by input or by the name of a dimension', async () => {
    expect((await open(shift)).inputs[0]?.shape).toEqual([1, 3]);
    expect((await open(shift, { shapes: { batch: 4 } })).outputs[0]?.shape).toEqual([4, 3]);
    expect((await open(shift, { shapes: { x: [7, 3] } })).outputs[0]?.shape).toEqual([7, 3]);
    const open2 = { ...shift, inputs: { x: float('batch', 'width') } };
    expect(await failure(open2)).toMatchObject({
      code: 'SHAPE',
      message: expect.stringMatching(/"x" leaves an extent open .*\[batch, width\].*shapes/),
    });
    expect((await open(open2, { shapes: { batch: 2, width: 3 } })).inputs[0]?.shape).toEqual([2, 3]);
  });

  it('one name has one extent everywhere', async () => {
    const two: FileModel = { nodes: [node('Add', ['a', 'b'], ['y'])], inputs: { a: float(1, 'n'), b: float('n') }, outputs: ['y'] };
    expect((await open(two, { shapes: { n: 5 } })).inputs.map(({ shape }) => shape)).toEqual([[1, 5], [5]]);
  });

  it.each([
    ['what contradicts the file', { x: [2, 4] }, 'SHAPE', /cannot have shape \[2, 4\].*expected \[batch, 3\]/],
    ['another rank', { x: [3] }, 'SHAPE', /cannot have shape \[3\]/],
    ['an unknown name', { y: [2, 3] }, 'INPUT', /no input or open dimension "y".*expected x, batch/],
    ['a negative extent', { x: [-1, 3] }, 'SHAPE', /./],
    ['half an extent', { batch: 0.5 }, 'SHAPE', /./],
  ] as const)('refuses %s', async (_, shapes, code, message) => {
    expect(await failure(shift, { shapes: shapes as never })).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('operands that do not fit are SHAPE, with the node', async () => {
    const wrong = { ...shift, inputs: { x: float(2, 4) } };
    expect(await failure(wrong)).toMatchObject({ code: 'SHAPE', op: expect.anything() });
  });
});

describe('constants', () => {
  const reshape: FileModel = {
    nodes: [node('Reshape', ['x', 'to'], ['y'])],
    inputs: { x: float(6), to: of('int64', 2) },
    outputs: ['y'],
  };
  it('an operand that decides on shapes has to be one: the error names it', async () => {
    expect(await failure(reshape)).toMatchObject({
      code: 'UNSUPPORTED_ATTR',
      names: ['to'],
      message: expect.stringMatching(/Reshape "y": input 1 must be known.*constants: \{ "to": tensor \}/),
    });
    const to = { dtype: 'i32', shape: [2], data: Int32Array.of(3, -1) } as const;
    const model = await open(reshape, { constants: { to } });
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(model.outputs[0]?.shape).toEqual([3, 2]);
  });

  it.each([
    ['an unknown name', { z: { dtype: 'i32', shape: [1], data: Int32Array.of(1) } }, /no input "z"/],
    ['floats for integers', { to: { dtype: 'f32', shape: [2], data: Float32Array.of(3, 2) } }, /"to" does not fit.*expected int64 \[2\]/],
    ['another shape', { to: { dtype: 'i32', shape: [3], data: Int32Array.of(3, 2, 1) } }, /"to" does not fit/],
    ['fewer elements than its shape', { to: { dtype: 'i32', shape: [2], data: Int32Array.of(3) } }, /"to" does not fit/],
  ] as const)('INPUT for %s', async (_, constants, message) => {
    expect(await failure(reshape, { constants: constants as never })).toMatchObject({
      code: 'INPUT',
      message: expect.stringMatching(message),
    });
  });
});

describe('budget', () => {
  it('is checked before anything is allocated, to the byte', async () => {
    const { totalBytes } = (await open(shift)).memory;
    await open(shift, { budget: totalBytes });
    await open(shift, { budget: '64KB' });
    expect(await failure(shift, { budget: totalBytes - 1 })).toMatchObject({
      code: 'BUDGET',
      message: expect.stringMatching(/1 more than the budget/),
    });
  });
});

describe('external data', () => {
  const file = new Uint8Array(Float32Array.of(9, 1, 2, 3, 9).buffer);
  const model = (external: Readonly<Record<string, string>>): FileModel => ({
    ...shift,
    initializers: { b: { type: 'float', dims: [3], data: [], external } },
  });
  const inside = { location: 'data/weights.bin', offset: '4', length: '12' };

  it('comes from a resolver, at once or later, asked once for each file', async () => {
    const asked: string[] = [];
    const two: FileModel = {
      ...model(inside),
      nodes: [node('Add', ['x', 'b'], ['t']), node('Mul', ['t', 'c'], ['y'])],
      initializers: {
        b: { type: 'float', dims: [3], data: [], external: inside },
        c: { type: 'float', dims: [], data: [], external: { location: 'data/weights.bin', offset: '0', length: '4' } },
      },
    };
    const externalData = async (location: string) => {
      asked.push(location);
      return file;
    };
    const loaded = await open(two, { externalData });
    expect(list(loaded.run({ x: new Float32Array(3) }).y)).toEqual([9, 18, 27]);
    expect(asked).toEqual(['data/weights.bin']);
    expect(list((await open(model(inside), { externalData: () => file })).run({ x: new Float32Array(3) }).y)).toEqual([1, 2, 3]);
  });

  it('is the rest of the file where no length is stated', async () => {
    const rest = model({ location: 'w', offset: '8' });
    expect(list((await open(rest, { externalData: () => file })).run({ x: new Float32Array(3) }).y)).toEqual([2, 3, 9]);
  });

  it.each([
    ['no resolver', inside, undefined, 'INPUT', /"b": its data is in the file "data\/weights\.bin"; give load the option `externalData`/],
    ['a resolver without an answer', inside, (): null => null, 'INPUT', /externalData gave no bytes for "data\/weights\.bin"/],
    ['a length that is not the tensor’s', { ...inside, length: '8' }, () => file, 'FORMAT', /3 float32 has 8 bytes/],
    ['a range behind the end', { ...inside, offset: '12' }, () => file, 'FORMAT', /bytes 12 to 24 .* outside its 20 bytes/],
    ['a negative offset', { ...inside, offset: '-4' }, () => file, 'FORMAT', /offset "-4"/],
    ['half an offset', { ...inside, offset: '0.5' }, () => file, 'FORMAT', /offset "0\.5"/],
    ['no location', { length: '12' }, () => file, 'FORMAT', /not a file|no file/],
    ...['../w', '/etc/passwd', 'a/../../w', '..', 'C:\\w', '\\\\host\\w', 'a\\..\\..\\w'].map(
      (location) =>
        [`the location ${location}`, { location }, () => expect.fail('it is asked for'), 'FORMAT', /no file below the folder/] as const,
    ),
  ] as const)('refuses %s', async (_, external, externalData, code, message) => {
    expect(await failure(model(external), { ...(externalData && { externalData: externalData as never }) })).toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});
