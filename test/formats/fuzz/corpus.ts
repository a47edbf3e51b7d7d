import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type FileGraph, type FileModel, type FileNode, type FilePort, type FileTensor, modelFile } from '../onnxFile.ts';
import { encode, type Field, parse } from './message.ts';

const float = (dims: readonly number[], data?: readonly number[]): FileTensor => ({
  type: 'float',
  dims,
  data: data ?? Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 37) % 19) / 19 - 0.5),
});
const int64 = (data: readonly number[], dims: readonly number[] = [data.length]): FileTensor => ({ type: 'int64', dims, data });
const int8 = (dims: readonly number[], type: 'int8' | 'uint8' = 'int8'): FileTensor => ({
  type,
  dims,
  data: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 7) % 100),
});
const input = (...dims: (number | string)[]): FilePort => ({ type: 'float', dims });
const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: FileNode['attributes'] = {}): FileNode => ({
  op,
  inputs,
  outputs,
  attributes,
});
const one = (
  op: string,
  inputs: Readonly<Record<string, FilePort>>,
  initializers: Readonly<Record<string, FileTensor>>,
  attributes: FileNode['attributes'] = {},
): FileModel => ({
  nodes: [node(op, [...Object.keys(inputs), ...Object.keys(initializers)], ['y'], attributes)],
  inputs,
  initializers,
  outputs: ['y'],
});

const body: FileGraph = {
  nodes: [
    node('Add', ['carried', 'carried'], ['sum']),
    node('Identity', ['go'], ['still']),
    node('ReduceSum', ['sum'], ['seen'], { keepdims: 0 }),
  ],
  inputs: { i: { type: 'int64', dims: [] }, go: { type: 'bool', dims: [] }, carried: input(2) },
  outputs: ['still', 'sum', 'seen'],
};
const branch = (op: string): FileGraph => ({ nodes: [node(op, ['x'], ['r'])], outputs: ['r'] });

/** Small models of every kind: layers, shapes, control flow, quantized, functions, tables. */
const models: readonly FileModel[] = [
  {
    nodes: [
      node('Gemm', ['x', 'w0', 'b0'], ['h'], { transB: 1 }),
      node('Relu', ['h'], ['a']),
      node('MatMul', ['a', 'w1'], ['z']),
      node('Softmax', ['z'], ['y'], { axis: -1 }),
    ],
    inputs: { x: input('batch', 6) },
    initializers: { w0: float([8, 6]), b0: float([8]), w1: float([8, 3]) },
    outputs: ['y'],
  },
  {
    nodes: [
      node('Conv', ['x', 'w', 'b'], ['c'], { pads: [1, 1, 1, 1], strides: [2, 2], kernel_shape: [3, 3] }),
      node('BatchNormalization', ['c', 's', 's', 's', 'v'], ['n']),
      node('MaxPool', ['n'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('AveragePool', ['p'], ['q'], { kernel_shape: [2, 2], ceil_mode: 1, count_include_pad: 1, pads: [0, 0, 1, 1] }),
      node('GlobalAveragePool', ['q'], ['g']),
      node('Flatten', ['g'], ['y']),
    ],
    inputs: { x: input(1, 3, 12, 12) },
    initializers: { w: float([4, 3, 3, 3]), b: float([4]), s: float([4]), v: float([4], [1, 2, 3, 4]) },
    outputs: ['y'],
  },
  {
    nodes: [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'first'], ['n']),
      node('Unsqueeze', ['n', 'axes'], ['u']),
      node('Concat', ['u', 'rest'], ['t'], { axis: 0 }),
      node('Reshape', ['x', 't'], ['r']),
      node('ConstantOfShape', ['t2'], ['c'], { value: { tensor: float([1], [2]) } }),
      node('Range', ['zero', 'three', 'one'], ['i']),
      node('Cast', ['i'], ['f'], { to: 1 }),
      node('Add', ['c', 'f'], ['k']),
      node('MatMul', ['r', 'k'], ['y']),
    ],
    inputs: { x: input(2, 2, 4) },
    initializers: {
      first: int64([0], []),
      axes: int64([0]),
      rest: int64([-1, 4]),
      t2: int64([4, 3]),
      zero: int64([0], []),
      three: int64([3], []),
      one: int64([1], []),
    },
    outputs: ['y'],
  },
  {
    nodes: [node('Loop', ['trips', 'yes', 'x'], ['last', 'all'], { body: { graph: body } })],
    inputs: { x: input(2) },
    initializers: { trips: int64([5], []), yes: { type: 'bool', dims: [], data: [1] } },
    outputs: ['last', 'all'],
  },
  {
    nodes: [
      node('If', ['yes'], ['z'], { then_branch: { graph: branch('Relu') }, else_branch: { graph: branch('Neg') } }),
      node('Tile', ['z', 'repeats'], ['y']),
    ],
    inputs: { x: input(2, 3) },
    initializers: { yes: { type: 'bool', dims: [], data: [1] }, repeats: int64([2, 3]) },
    outputs: ['y'],
  },
  {
    nodes: [{ op: 'Twice', domain: 'own', inputs: ['x'], outputs: ['y'] }],
    functions: [{ name: 'Twice', domain: 'own', inputs: ['a'], outputs: ['b'], nodes: [node('Add', ['a', 'a'], ['b'])] }],
    opsets: { '': 17, own: 1 },
    inputs: { x: input(5) },
    outputs: ['y'],
  },
  {
    nodes: [
      node('QuantizeLinear', ['x', 's', 'z'], ['q']),
      node('QLinearConv', ['q', 's', 'z', 'w', 's', 'wz', 's', 'z'], ['c'], { pads: [1, 1, 1, 1] }),
      node('DequantizeLinear', ['c', 's', 'z'], ['y']),
    ],
    inputs: { x: input(1, 2, 5, 5) },
    initializers: {
      s: float([], [0.1]),
      z: { type: 'uint8', dims: [], data: [128] },
      w: int8([3, 2, 3, 3]),
      wz: { type: 'int8', dims: [], data: [0] },
    },
    outputs: ['y'],
  },
  {
    nodes: [node('LSTM', ['x', 'w', 'r', 'b'], ['y', 'h'], { hidden_size: 3 })],
    inputs: { x: input(4, 1, 2) },
    initializers: { w: float([1, 12, 2]), r: float([1, 12, 3]), b: float([1, 24]) },
    outputs: ['y', 'h'],
  },
  one('Resize', { x: input(1, 1, 4, 4) }, { roi: float([0]), scales: float([4], [1, 1, 2, 2]) }, { mode: 'linear' }),
  one('Pad', { x: input(2, 3) }, { pads: int64([1, 0, 0, 2]) }),
  one('Slice', { x: input(4, 5) }, { starts: int64([1, 4]), ends: int64([9, -6]), axes: int64([0, 1]), steps: int64([1, -2]) }),
  one('Split', { x: input(6, 2) }, { split: int64([6]) }),
  one('TopK', { x: input(3, 5) }, { k: int64([2]) }),
  one('ScatterND', { x: input(4, 2) }, { at: int64([0, 3], [2, 1]), updates: float([2, 2]) }),
  one('GatherND', { x: input(4, 2) }, { at: int64([0, 1, 3, 0], [2, 2]) }),
  one('Einsum', { a: input(2, 3) }, { b: float([3, 4]) }, { equation: 'ij,jk->ki' }),
  one('NonMaxSuppression', { boxes: input(1, 6, 4), scores: input(1, 2, 6) }, { most: int64([3]), iou: float([1], [0.5]) }),
  one(
    'ConvTranspose',
    { x: input(1, 2, 4, 4) },
    { w: float([2, 3, 3, 3]) },
    { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  ),
  one('DFT', { x: input(1, 8, 1) }, {}, { axis: 1 }),
  one('LayerNormalization', { x: input(2, 6) }, { scale: float([6]), bias: float([6]) }),
  one('GridSample', { x: input(1, 2, 4, 4), grid: input(1, 3, 3, 2) }, {}),
  one('LRN', { x: input(1, 5, 3, 3) }, {}, { size: 3 }),
  one('OneHot', { x: { type: 'int64', dims: [4] } }, { depth: int64([5], []), values: float([2], [0, 1]) }),
  one('CumSum', { x: input(3, 4) }, { axis: int64([1], []) }),
  one('Expand', { x: input(3, 1) }, { shape: int64([2, 1, 4]) }),
  {
    nodes: [
      {
        op: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: ['x'],
        outputs: ['y'],
        attributes: {
          nodes_treeids: [0, 0, 0],
          nodes_nodeids: [0, 1, 2],
          nodes_featureids: [1, 0, 0],
          nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
          nodes_values: { floats: [0.5, 0, 0] },
          nodes_truenodeids: [1, 0, 0],
          nodes_falsenodeids: [2, 0, 0],
          target_treeids: [0, 0],
          target_nodeids: [1, 2],
          target_ids: [0, 0],
          target_weights: { floats: [1, 2] },
          n_targets: 1,
        },
      },
    ],
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    inputs: { x: input(4, 2) },
    outputs: ['y'],
  },
];

/** The model with `tensors` (TensorProto bytes) among its initializers: inputs of those names become constants. */
const withInitializers = (model: Uint8Array, tensors: readonly Uint8Array[]): Uint8Array =>
  encode(
    parse(model).map((field): Field => {
      if (field.number !== 7 || !Array.isArray(field.value)) return field;
      return { ...field, value: [...field.value, ...tensors.map((value) => ({ number: 5, wire: 2, value }))] };
    }),
  );

/** Models above this are left out: 10,000 mutations have to stay quick. */
const LARGEST = 4096;

/** The models of the ONNX backend tests, each as it is, and with its inputs of integers, or all its inputs, as initializers. */
function backendModels(dir: URL): Uint8Array[] {
  if (!existsSync(dir)) return [];
  const read = (url: URL) => new Uint8Array(readFileSync(url));
  return readdirSync(dir)
    .sort()
    .flatMap((name) => {
      const model = read(new URL(`${name}/model.onnx`, dir));
      const data = new URL(`${name}/test_data_set_0/`, dir);
      const inputs = readdirSync(data)
        .filter((file) => file.startsWith('input_'))
        .map((file) => read(new URL(file, data)));
      const isInteger = (tensor: Uint8Array) => tensor.some((byte, i) => byte === 16 && (tensor[i + 1] === 7 || tensor[i + 1] === 6));
      return [model, withInitializers(model, inputs.filter(isInteger)), withInitializers(model, inputs)];
    })
    .filter(({ length }) => length <= LARGEST);
}

/** What is mutated: models made here, and where ../shared is, those of the ONNX backend tests. */
export const corpus = (shared: URL): readonly Uint8Array[] => [
  ...models.map(modelFile),
  ...backendModels(new URL('conformance/onnx-node/', shared)),
];
