import { describe, expect, it } from 'vitest';
import type { Attribute, FileModel, FileNode, FilePort, FileTensor } from '../formats/onnxFile.ts';
import { failure, float, int64, list, node, of, open, scalar } from './smallModels.ts';

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
