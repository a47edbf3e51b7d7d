import { describe, expect, it } from 'vitest';
import type { ThimbleError } from '../../src/core/errors.ts';
import { type LoadOptions, load } from '../../src/inference/load.ts';
import { type Attribute, type FileModel, type FileNode, type FilePort, type FileTensor, modelFile } from '../formats/onnxFile.ts';
import { flavours } from '../ops/lowering.ts';

const float = (...dims: (number | string)[]): FilePort => ({ type: 'float', dims });
const of = (type: FilePort['type'], ...dims: (number | string)[]): FilePort => ({ type, dims });
const weights = (dims: readonly number[], data: readonly number[]): FileTensor => ({ type: 'float', dims, data });
const int64 = (...data: (number | bigint)[]): FileTensor => ({ type: 'int64', dims: [data.length], data });
const scalar = (type: FilePort['type'], value: number | bigint): FileTensor => ({ type, dims: [], data: [value] });
const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): FileNode => ({
  op,
  inputs,
  outputs,
  attributes,
});

const open = (model: FileModel, options?: LoadOptions) => load(modelFile(model), options);
const failure = (model: FileModel, options?: LoadOptions): Promise<ThimbleError> =>
  open(model, options).then(
    () => expect.fail('it loads'),
    (error) => error,
  );
const list = (tensor: { readonly data: ArrayLike<number> } | undefined) => Array.from(tensor?.data ?? []);

/** y = x + b over a batch. */
const shift: FileModel = {
  nodes: [node('Add', ['x', 'b'], ['y'])],
  inputs: { x: float('batch', 3) },
  initializers: { b: weights([3], [1, 2, 3]) },
  outputs: ['y'],
};

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

describe('operator sets', () => {
  const withOpset = (version: number, nodes: readonly FileNode[], initializers: FileModel['initializers'] = {}): FileModel => ({
    opsets: { '': version },
    nodes,
    inputs: { x: float(2, 3) },
    initializers,
    outputs: ['y'],
  });
  const x = Float32Array.of(1, 2, 3, 4, 5, 6);

  it('attributes of older sets are operands of newer ones: both give the same', async () => {
    const pairs: readonly (readonly [FileModel, FileModel])[] = [
      [
        withOpset(9, [node('Slice', ['x'], ['y'], { axes: [1], starts: [1], ends: [3] })]),
        withOpset(13, [node('Slice', ['x', 's', 'e', 'a'], ['y'])], { s: int64(1), e: int64(3), a: int64(1) }),
      ],
      [
        withOpset(11, [node('ReduceSum', ['x'], ['y'], { axes: [1], keepdims: 0 })]),
        withOpset(13, [node('ReduceSum', ['x', 'a'], ['y'], { keepdims: 0 })], { a: int64(1) }),
      ],
      [
        withOpset(6 + 1, [node('Clip', ['x'], ['y'], { min: { float: 2 }, max: { float: 5 } })]),
        withOpset(12, [node('Clip', ['x', 'l', 'h'], ['y'])], { l: scalar('float', 2), h: scalar('float', 5) }),
      ],
      [
        withOpset(11, [node('Unsqueeze', ['x'], ['y'], { axes: [0] })]),
        withOpset(13, [node('Unsqueeze', ['x', 'a'], ['y'])], { a: int64(0) }),
      ],
      [
        withOpset(10, [node('Pad', ['x'], ['y'], { pads: [0, 1, 0, 0], value: { float: 7 } })]),
        withOpset(13, [node('Pad', ['x', 'p', 'v'], ['y'])], { p: int64(0, 1, 0, 0), v: scalar('float', 7) }),
      ],
      [withOpset(9, [node('TopK', ['x'], ['y', 'i'], { k: 2 })]), withOpset(11, [node('TopK', ['x', 'k'], ['y', 'i'])], { k: int64(2) })],
      [withOpset(7, [node('Dropout', ['x'], ['y'], { ratio: { float: 0.5 } })]), withOpset(13, [node('Dropout', ['x'], ['y'])])],
      [
        withOpset(12, [node('Split', ['x'], ['y', 'z'], { axis: 1, split: [1, 2] })]),
        withOpset(18, [node('Split', ['x', 's'], ['y', 'z'], { axis: 1 })], { s: int64(1, 2) }),
      ],
    ];
    for (const [older, newer] of pairs) {
      const results = await Promise.all([older, newer].map(async (model) => (await open(model)).run({ x }).y));
      expect(list(results[0])).toEqual(list(results[1]));
      expect(results[0]?.shape).toEqual(results[1]?.shape);
    }
  });

  it('Softmax before set 13 normalises all axes from `axis` on together', async () => {
    const whole = (version: number, axis: number): FileModel => ({
      opsets: { '': version },
      nodes: [node('Softmax', ['x'], ['y'], { axis })],
      inputs: { x: float(1, 2, 2) },
      outputs: ['y'],
    });
    const flat = Float32Array.of(0, 0, 0, 0);
    expect(list((await open(whole(11, 1))).run({ x: flat }).y)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(list((await open(whole(13, 1))).run({ x: flat }).y)).toEqual([0.5, 0.5, 0.5, 0.5]);
  });
});

describe('functions', () => {
  it('attributes of the call reach the body, also into its subgraphs; others keep their names apart', async () => {
    const branch = (op: string): Attribute => ({
      graph: { nodes: [node('LeakyRelu', ['a'], ['l'], { alpha: { reference: 'slope' } }), node(op, ['l', 'l'], ['r'])], outputs: ['r'] },
    });
    const model = await open({
      nodes: [
        { op: 'Leak', domain: 'own', inputs: ['x'], outputs: ['t'], attributes: { slope: { float: 0.5 } } },
        { op: 'Leak', domain: 'own', inputs: ['t'], outputs: ['y'], attributes: { slope: { float: 0.25 } } },
      ],
      functions: [
        {
          name: 'Leak',
          domain: 'own',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [
            node('Constant', [], ['yes'], { value: { tensor: scalar('bool', 1) } }),
            node('If', ['yes'], ['b'], { then_branch: branch('Add'), else_branch: branch('Mul') }),
          ],
        },
      ],
      opsets: { '': 17, own: 1 },
      inputs: { x: float(2) },
      outputs: ['y'],
    });
    // 2 · leaky(2 · leaky(x, ½), ¼)
    expect(list(model.run({ x: Float32Array.of(-4, 3) }).y)).toEqual([-2, 12]);
  });
});

describe('control flow', () => {
  const condition = (value: FileTensor | FilePort, constant: boolean): FileModel => ({
    nodes: [
      node('If', ['c'], ['y'], {
        then_branch: { graph: { nodes: [node('Neg', ['x'], ['a'])], outputs: ['a'] } },
        else_branch: { graph: { nodes: [node('Mystery', ['x'], ['b'])], outputs: ['b'] } },
      }),
    ],
    inputs: { x: float(2), ...(!constant && { c: value }) },
    initializers: constant ? { c: value as FileTensor } : {},
    outputs: ['y'],
  });

  it('If with a constant condition is the branch it takes: the other may have anything in it', async () => {
    const model = await open(condition(scalar('bool', 1), true));
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(['neg']);
    expect(await failure(condition(of('bool'), false))).toMatchObject({ code: 'UNSUPPORTED_OP' });
  });

  it('a branch of an If that the shapes rule out is NaN; the other one is taken where the condition says so', async () => {
    const rates: FileModel = {
      nodes: [
        node('Equal', ['rate', 'wide'], ['c']),
        node('If', ['c'], ['y'], {
          then_branch: { graph: { nodes: [node('Reshape', ['x', 'pairs'], ['a'])], outputs: ['a'] } },
          else_branch: { graph: { nodes: [node('Reshape', ['x', 'triples'], ['t']), node('Neg', ['t'], ['b'])], outputs: ['b'] } },
        }),
      ],
      inputs: { x: float('n'), rate: of('int64') },
      initializers: { wide: scalar('int64', 16000), pairs: int64(2, 2), triples: int64(3, -1) },
      outputs: ['y'],
    };
    const model = await open(rates, { shapes: { x: [4] } });
    expect(list(model.run({ x: Float32Array.of(1, 2, 3, 4), rate: Int32Array.of(16000) }).y)).toEqual([1, 2, 3, 4]);
    expect(list(model.run({ x: Float32Array.of(1, 2, 3, 4), rate: Int32Array.of(8000) }).y)).toEqual(new Array(4).fill(Number.NaN));
    // Where both fit but differ in shape the condition has to be known.
    const whole: FileModel = { ...rates, initializers: { ...rates.initializers, pairs: int64(2, -1) } };
    expect(await failure(whole, { shapes: { x: [6] } })).toMatchObject({ code: 'UNSUPPORTED_ATTR', names: ['rate'] });
    expect(await failure(whole, { shapes: { x: [5] } })).toMatchObject({ code: 'SHAPE' });
  });

  it('Loop with a constant trip count or condition is unrolled; one that depends on data is refused', async () => {
    const body: Attribute = {
      graph: {
        nodes: [node('Add', ['a', 'x'], ['b']), node('Less', ['i', 'two'], ['more'])],
        inputs: { i: of('int64'), go: of('bool'), a: float(2) },
        outputs: ['more', 'b', 'b'],
      },
    };
    const loop = (initializers: FileModel['initializers'], inputs: readonly string[], more = {}): FileModel => ({
      nodes: [node('Loop', inputs, ['last', 'all'], { body })],
      inputs: { x: float(2), ...more },
      initializers: { two: scalar('int64', 2), yes: scalar('bool', 1), ...initializers },
      outputs: ['last', 'all'],
    });
    const counted = await open(loop({ n: scalar('int64', 2) }, ['n', 'yes', 'x']));
    const { last, all } = counted.run({ x: Float32Array.of(1, 10) });
    expect([list(last), all?.shape, list(all)]).toEqual([
      [3, 30],
      [2, 2],
      [2, 20, 3, 30],
    ]);
    const conditional = await open(loop({}, ['', 'yes', 'x']));
    expect(list(conditional.run({ x: Float32Array.of(1, 10) }).last)).toEqual([4, 40]);
    expect(await failure(loop({}, ['n', 'yes', 'x'], { n: of('int64') }))).toMatchObject({ code: 'UNSUPPORTED_ATTR', names: ['n'] });
  });

  it('Scan is unrolled over its axes and directions', async () => {
    const model = await open({
      nodes: [
        node('Scan', ['start', 'x'], ['last', 'all'], {
          num_scan_inputs: 1,
          scan_input_axes: [1],
          scan_input_directions: [1],
          scan_output_axes: [1],
          body: {
            graph: {
              nodes: [node('Add', ['s', 'e'], ['t']), node('Identity', ['t'], ['o'])],
              inputs: { s: float(2), e: float(2) },
              outputs: ['t', 'o'],
            },
          },
        }),
      ],
      inputs: { start: float(2), x: float(2, 3) },
      outputs: ['last', 'all'],
    });
    const { last, all } = model.run({ start: new Float32Array(2), x: Float32Array.of(1, 2, 3, 10, 20, 30) });
    expect([list(last), all?.shape, list(all)]).toEqual([
      [6, 60],
      [2, 3],
      [3, 5, 6, 30, 50, 60],
    ]);
  });
});

describe('what cannot run', () => {
  it('is listed whole: every node, each reason once, in one error', async () => {
    const error = await failure({
      nodes: [
        { ...node('Mystery', ['x'], ['a']), name: 'one' },
        { ...node('Riddle', ['x'], ['b']), name: 'two', domain: 'com.example' },
        { ...node('BitCast', ['x'], ['c'], { to: 2 }), name: 'three' },
        node('Add', ['a', 'b'], ['y']),
      ],
      opsets: { '': 26, 'com.example': 1 },
      inputs: { x: float(2) },
      outputs: ['y', 'c'],
    });
    expect(error.code).toBe('UNSUPPORTED_OP');
    expect(error.message.split('\n')).toEqual([
      '3 nodes cannot be imported:',
      '  Mystery "one": thimble has no operator Mystery',
      '  com.example:Riddle "two": thimble has no operator com.example:Riddle',
      expect.stringMatching(/^ {2}BitCast "three": the bits of float32 as uint8/),
    ]);
  });

  it('nodes that no output needs do not matter', async () => {
    await open({ ...shift, nodes: [...shift.nodes, node('Mystery', ['x'], ['z'])] });
  });

  it.each([
    ['tensors of strings', { nodes: [node('Identity', ['s'], ['y'])], inputs: { s: of('string', 2) }, outputs: ['y'] }, /strings/],
    [
      'sequences',
      {
        nodes: [node('SequenceAt', ['s', 'i'], ['y'])],
        inputs: { s: { type: 'float', dims: [2], kind: 'sequence' }, i: of('int64') },
        outputs: ['y'],
      },
      /"s" is a sequence/,
    ],
  ] as const)('%s are UNSUPPORTED', async (_, model, message) => {
    const error = await failure(model as FileModel);
    expect(error.code).toMatch(/^UNSUPPORTED/);
    expect(error.message).toMatch(message);
  });
});

describe('64-bit integers', () => {
  it('constants beyond 32 bits are refused, not wrapped; sentinels that mean "to the end" saturate', async () => {
    const add = (value: FileTensor): FileModel => ({
      nodes: [node('Add', ['x', 'c'], ['y'])],
      inputs: { x: of('int64') },
      initializers: { c: value },
      outputs: ['y'],
    });
    expect(await failure(add(scalar('int64', 2n ** 31n)))).toMatchObject({
      code: 'UNSUPPORTED_ATTR',
      message: expect.stringMatching(/2147483648 is outside the 32-bit integers/),
    });
    expect(
      await failure({ ...add(int64(1)), nodes: [node('Constant', [], ['y'], { value_int: 2 ** 31 })], initializers: {}, inputs: {} }),
    ).toMatchObject({ code: 'UNSUPPORTED_ATTR' });
    const slice: FileModel = {
      nodes: [node('Slice', ['x', 's', 'e'], ['y'])],
      inputs: { x: float(4) },
      initializers: { s: int64(1), e: int64(2n ** 63n - 1n) },
      outputs: ['y'],
    };
    expect((await open(slice)).outputs[0]?.shape).toEqual([3]);
  });

  it('arithmetic on shapes is exact, or refused where it leaves 32 bits', async () => {
    const product = (factor: number): FileModel => ({
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Mul', ['s', 'f'], ['big']),
        node('Div', ['big', 'f'], ['small']),
        node('ConstantOfShape', ['small'], ['y']),
      ],
      inputs: { x: float(1000) },
      initializers: { f: int64(factor) },
      outputs: ['y'],
    });
    expect((await open(product(1000))).outputs[0]?.shape).toEqual([1000]);
    expect((await failure(product(2 ** 31 - 1))).code).toBe('UNSUPPORTED_ATTR');
    expect(await failure(product(10_000_000))).toMatchObject({
      code: 'UNSUPPORTED_ATTR',
      message: expect.stringMatching(/10000000000 is outside the 32-bit integers/),
    });
  });
});
