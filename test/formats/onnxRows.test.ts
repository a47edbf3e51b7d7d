import { describe, expect, it } from 'vitest';
import { load } from '../../src/inference/load.ts';
import { type Attribute, type FileModel, type FilePort, type FileTensor, modelFile } from './onnxFile.ts';

type Operand = FilePort & { readonly dims: readonly number[]; readonly data: readonly number[] };
const float = (dims: readonly number[], data: readonly number[]): Operand => ({ type: 'float', dims, data });
const integers = (type: FilePort['type'], data: readonly number[], dims: readonly number[] = [data.length]): Operand => ({
  type,
  dims,
  data,
});
const count = (n: number, from = 0) => Array.from({ length: n }, (_, i) => i + from);

const constantNames = ['shape', 'size', 'repeats', 'roi', 'scales', 'axes'];

/** One node on `operands`; those named like shapes are initializers. Every output as a list. */
async function run(
  op: string,
  operands: Readonly<Record<string, Operand>>,
  {
    version = 24,
    domain = '',
    outputs = ['y'],
    ...attributes
  }: Record<string, Attribute> & {
    version?: number;
    domain?: string;
    outputs?: readonly string[];
  } = {},
): Promise<number[][]> {
  const isConstant = (name: string) => constantNames.includes(name);
  const feeds = Object.entries(operands).filter(([name]) => !isConstant(name));
  const file: FileModel = {
    opsets: { '': 24, [domain]: version },
    nodes: [{ op, domain, attributes, inputs: Object.keys(operands), outputs }],
    inputs: Object.fromEntries(feeds),
    initializers: Object.fromEntries(Object.entries(operands).filter(([name]) => isConstant(name))) as Record<string, FileTensor>,
    outputs,
  };
  const model = await load(modelFile(file));
  const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array };
  const results = model.run(
    Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, arrays[dtype].from((operands[name] as Operand).data)])),
  );
  return outputs.map((name) => Array.from(results[name]?.data ?? []));
}

const first = async (...given: Parameters<typeof run>): Promise<number[]> => (await run(...given))[0] as number[];

describe('integers', () => {
  it('BitShift fills signed numbers with their sign, and gives the fill alone outside the width', async () => {
    const by = (...data: number[]) => ({ x: integers('int8', [-16, 16, -16, 16, -1]), by: integers('int8', data) });
    expect(await first('BitShift', by(2, 2, 8, 8, -1), { version: 28, direction: 'RIGHT' })).toEqual([-4, 4, -1, 0, -1]);
    expect(await first('BitShift', by(2, 3, 8, 9, -1), { version: 28, direction: 'LEFT' })).toEqual([-64, -128, 0, 0, 0]);
    const bytes = { x: integers('uint8', [200, 3]), by: integers('uint8', [3, 7]) };
    expect(await first('BitShift', bytes, { direction: 'RIGHT' })).toEqual([25, 0]);
    expect(await first('BitShift', bytes, { direction: 'LEFT' })).toEqual([64, 128]);
  });

  it('BitCast reads bits anew', async () => {
    expect(await first('BitCast', { x: float([3], [1, -2, 0]) }, { version: 26, to: 6 })).toEqual([0x3f800000, -1073741824, 0]);
    expect(await first('BitCast', { x: integers('int32', [0x40490fdb]) }, { version: 26, to: 1 })).toEqual([Math.fround(Math.PI)]);
    expect(await first('BitCast', { x: integers('int8', [-1, 5]) }, { version: 26, to: 2 })).toEqual([255, 5]);
    await expect(run('BitCast', { x: integers('int64', [1]) }, { version: 26, to: 11 })).rejects.toThrow('BitCast "y": the bits of int64');
  });

  it('extremes of nothing are the ends of the type', async () => {
    const nothing = (type: FilePort['type']) => ({ x: integers(type, [], [0, 2]), axes: integers('int64', [0]) });
    expect(await first('ReduceMax', nothing('int8'), { keepdims: 0 })).toEqual([-128, -128]);
    expect(await first('ReduceMin', nothing('uint8'), { keepdims: 0 })).toEqual([255, 255]);
    expect(await first('ReduceMax', nothing('bool'), { keepdims: 0 })).toEqual([0, 0]);
    expect(await first('ReduceMin', nothing('bool'), { keepdims: 0 })).toEqual([1, 1]);
    await expect(run('ReduceMax', nothing('int64'), { keepdims: 0 })).rejects.toThrow('the extreme of no int64');
  });

  it('int4 lies two to a byte, in initializers and behind Cast', async () => {
    const packed = { x: { tensor: { type: 'int4', dims: [3], data: [0xf8, 0x07] } } } as const;
    const constant = { op: 'Constant', attributes: { value: packed.x }, outputs: ['q'] };
    const dequantize = { op: 'DequantizeLinear', inputs: ['q', 'scale'], outputs: ['y'] };
    const file = modelFile({
      opsets: { '': 21 },
      nodes: [constant, dequantize],
      inputs: { scale: float([], []) },
      outputs: ['y'],
    });
    const model = await load(file);
    expect(Array.from(model.run({ scale: Float32Array.of(0.5) }).y?.data ?? [])).toEqual([-4, -0.5, 3.5]);
    expect(await first('Cast', { x: float([3], [9, -9, 3]) }, { to: 22 })).toEqual([-7, 7, 3]);
  });
});

describe('halves', () => {
  it('Cast to bfloat16 and float16 rounds half to even, and overflows to infinity', async () => {
    const x = float([8], [1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.4e38, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** -130, 0, -0.1]);
    const bfloat16 = [1, 1 + 2 ** -6, Number.NEGATIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** -130, 0, -0.10009765625];
    expect(await first('Cast', { x }, { to: 16 })).toEqual(bfloat16);
    const y = float([7], [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, -65520, 2 ** -25 * 3, 2 ** -26]);
    expect(await first('Cast', { x: y }, { to: 10 })).toEqual([
      1,
      1 + 2 ** -9,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      2 ** -23,
      0,
    ]);
  });
});

describe('moving boxes', () => {
  it('Tile repeats every axis of a tensor, however many there are', async () => {
    const tiled = await first('Tile', { x: float([1, 2, 1, 2], count(4)), repeats: integers('int64', [2, 2, 3, 2]) });
    const expected = Array.from({ length: 96 }, (_, i) => {
      const [row, column] = [Math.floor(i / 12) % 4, i % 4];
      return (row % 2) * 2 + (column % 2);
    });
    expect(tiled).toEqual(expected);
  });

  it('SpaceToDepth orders blocks depth-column-row or column-row-depth', async () => {
    const x = float([1, 2, 2, 2], count(8));
    expect(await first('SpaceToDepth', { x }, { version: 28, blocksize: 2 })).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
    expect(await first('SpaceToDepth', { x }, { version: 28, blocksize: 2, mode: 'CRD' })).toEqual(count(8));
  });

  it('Resize with scales and aligned corners counts the length before it is rounded down', async () => {
    const operands = { x: float([1, 1, 2, 4], count(8, 1)), roi: float([0], []), scales: float([4], [1, 1, 0.6, 0.6]) };
    const given = { mode: 'linear', coordinate_transformation_mode: 'align_corners' };
    const y = await first('Resize', operands, { ...given, version: 19 });
    expect(y.map((value) => Math.round(value * 1e5) / 1e5)).toEqual([1, 3.14286]);
  });
});

describe('windows', () => {
  it('MaxPool tells where it found the largest number, also beside padding', async () => {
    const x = float([1, 1, 3, 3], [1, 9, 3, 4, 5, 6, 7, 8, 2]);
    const pooled = await run('MaxPool', { x }, { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], outputs: ['y', 'at'] });
    expect(pooled).toEqual([
      [9, 9, 8, 8],
      [1, 1, 7, 7],
    ]);
  });

  it('MaxUnpool puts numbers back into the pooled tensor, with zeros up to output_shape', async () => {
    const operands = { x: float([1, 1, 1, 2], [5, 6]), at: integers('int64', [1, 6], [1, 1, 1, 2]) };
    const given = { kernel_shape: [2, 2], strides: [2, 2] };
    expect(await first('MaxUnpool', operands, given)).toEqual([0, 5, 0, 0, 0, 0, 6, 0]);
    const larger = { ...operands, shape: integers('int64', [1, 1, 3, 5]) };
    expect(await first('MaxUnpool', larger, given)).toEqual([0, 5, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('DeformConv without offsets is a convolution; offsets move its taps, the mask weights them', async () => {
    const x = float(
      [1, 2, 4, 5],
      count(40).map((i) => Math.sin(i)),
    );
    const w = float(
      [4, 1, 2, 2],
      count(16).map((i) => Math.cos(i)),
    );
    const bias = float([4], [1, 2, 3, 4]);
    const attributes = { group: 2, strides: [1, 2], pads: [0, 1, 0, 1] };
    const zero = { type: 'float', dims: [1, 16, 3, 3], data: new Array<number>(144).fill(0) } as const;
    const close = (a: number[], b: number[]) => a.forEach((value, i) => void expect(value).toBeCloseTo(b[i] as number, 5));
    const plain = await first('Conv', { x, w, bias }, attributes);
    const still = await first('DeformConv', { x, w, offset: zero, bias }, { ...attributes, offset_group: 2 });
    close(still, plain);
    const right = { ...zero, data: zero.data.map((_, i) => (Math.floor(i / 9) % 2 ? 1 : 0)) };
    const moved = await first('DeformConv', { x, w, offset: right, bias }, { ...attributes, offset_group: 2 });
    const shifted = float(
      x.dims,
      x.data.map((_, i) => (i % 5 === 4 ? 0 : (x.data[i + 1] as number))),
    );
    // One pixel to the right of the left padding is the image again: only the columns behind it are those of a shifted image.
    const expected = await first('Conv', { x: shifted, w, bias }, attributes);
    close(
      moved.filter((_, i) => i % 3 > 0),
      expected.filter((_, i) => i % 3 > 0),
    );
    const half = { type: 'float', dims: [1, 8, 3, 3], data: new Array<number>(72).fill(0.5) } as const;
    const masked = await first('DeformConv', { x, w, offset: zero, bias, mask: half }, { ...attributes, offset_group: 2 });
    close(
      masked,
      plain.map((value, i) => (value + (bias.data[Math.floor(i / 9)] as number)) / 2),
    );
    await expect(run('DeformConv', { x, w, offset: zero }, attributes)).rejects.toThrow('the offsets do not fit');
  });
});

describe('classes', () => {
  it('ZipMap gives the scores as they are, columns in the order of its labels', async () => {
    const operands = { x: float([2, 3], [0.1, 0.2, 0.7, 0.5, 0.3, 0.2]) };
    const given = { domain: 'ai.onnx.ml', version: 1 };
    const rounded = (list: number[]) => list.map((value) => Math.round(value * 10) / 10);
    expect(rounded(await first('ZipMap', operands, { ...given, classlabels_strings: ['a', 'b', 'c'] }))).toEqual([
      0.1, 0.2, 0.7, 0.5, 0.3, 0.2,
    ]);
    expect(rounded(await first('ZipMap', operands, { ...given, classlabels_int64s: [4, 5, 6] }))).toHaveLength(6);
    await expect(run('ZipMap', operands, { ...given, classlabels_int64s: [4, 5] })).rejects.toThrow('2 class labels for scores [2, 3]');
  });
});

describe('subgraphs', () => {
  it('Scan of operator set 8 scans each sample of the batch', async () => {
    const body = {
      nodes: [
        { op: 'Add', inputs: ['sum', 'element'], outputs: ['next'] },
        { op: 'Identity', inputs: ['next'], outputs: ['seen'] },
      ],
      inputs: { sum: float([2], []), element: float([2], []) },
      outputs: ['next', 'seen'],
    };
    const model = await load(
      modelFile({
        opsets: { '': 8 },
        nodes: [
          { op: 'Scan', inputs: ['', 'start', 'x'], outputs: ['last', 'all'], attributes: { body: { graph: body }, num_scan_inputs: 1 } },
        ],
        inputs: { start: float([2, 2], []), x: float([2, 3, 2], []) },
        outputs: ['last', 'all'],
      }),
    );
    const { last, all } = model.run({ start: Float32Array.of(0, 0, 100, 100), x: Float32Array.from(count(12, 1)) });
    expect(Array.from(last?.data ?? [])).toEqual([9, 12, 127, 130]);
    expect(all?.shape).toEqual([2, 3, 2]);
    expect(Array.from(all?.data ?? [])).toEqual([1, 2, 4, 6, 9, 12, 107, 108, 116, 118, 127, 130]);
  });

  it('FlexAttention runs its subgraphs on scores and probabilities', async () => {
    const mod = (op: string, by: string) => ({
      nodes: [
        { op: 'Constant', attributes: { value_float: { float: Number(by) } }, outputs: ['c'] },
        { op, inputs: ['in', 'c'], outputs: ['out'] },
      ],
      inputs: { in: float([1, 2, 1, 2], []) },
      outputs: ['out'],
    });
    const operands = {
      q: float([1, 2, 1, 1], [1, 2]),
      k: float([1, 1, 2, 1], [1, 3]),
      v: float([1, 1, 2, 1], [10, 20]),
    };
    const softmax = (a: number, b: number) => (10 * Math.exp(a) + 20 * Math.exp(b)) / (Math.exp(a) + Math.exp(b));
    const given = { domain: 'ai.onnx.preview', version: 1 };
    const plain = await first('FlexAttention', operands, given);
    expect(plain[0]).toBeCloseTo(softmax(1, 3), 4);
    expect(plain[1]).toBeCloseTo(softmax(2, 6), 4);
    const changed = await first('FlexAttention', operands, {
      ...given,
      score_mod: { graph: mod('Mul', '0') },
      prob_mod: { graph: mod('Mul', '2') },
    });
    expect(changed).toEqual([30, 30]);
  });

  it('coefficients of a linear classifier that do not fit its classes and features are a damaged file', async () => {
    const attributes = { classlabels_ints: [0, 1, 2], coefficients: { floats: count(12) }, intercepts: { floats: [1, 2, 3] } };
    const given = { domain: 'ai.onnx.ml', version: 1, outputs: ['label', 'scores'], ...attributes };
    await expect(run('LinearClassifier', { x: float([3, 2], count(6)) }, given)).rejects.toThrow('12 coefficients for 3 × 2');
  });

  it('what only follows from another failure is not on the list', async () => {
    const body = { nodes: [{ op: 'Relu', inputs: ['bad'], outputs: ['r'] }], outputs: ['r'] };
    const file = modelFile({
      nodes: [
        { op: 'Mystery', inputs: ['x'], outputs: ['bad'] },
        { op: 'If', inputs: ['yes'], outputs: ['y'], attributes: { then_branch: { graph: body }, else_branch: { graph: body } } },
      ],
      inputs: { x: float([2], []) },
      initializers: { yes: integers('bool', [1], []) },
      outputs: ['y'],
    });
    await expect(load(file)).rejects.toThrow(/^Mystery "bad": thimble has no operator Mystery$/);
  });
});
