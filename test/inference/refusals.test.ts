import { describe, expect, it } from 'vitest';
import type { FileModel, FileTensor } from '../formats/onnxFile.ts';
import { failure, float, int64, node, of, open, scalar, shift } from './smallModels.ts';

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

  it('and what to do about it, where a file was written for another processor', async () => {
    const nodes = [{ ...node('ReorderInput', ['x'], ['y']), domain: 'com.microsoft.nchwc' }];
    const { message } = await failure({ nodes, opsets: { '': 17, 'com.microsoft.nchwc': 1 }, inputs: { x: float(2) }, outputs: ['y'] });
    expect(message).toMatch(/no operator com\.microsoft\.nchwc:ReorderInput; ONNX Runtime optimized .* ORT_ENABLE_EXTENDED/);
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
