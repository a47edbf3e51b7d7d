// The TFLite twin of an ONNX convolution network or chain of dense layers: the same weights, NHWC, biases and activations inside the operators.
import { Flatbuffer } from './flatbuffer.mjs';
import { onnxNetwork } from './onnxNetwork.mjs';

/** BuiltinOperator and BuiltinOptions of tflite/schema.fbs. */
const builtin = {
  ADD: { code: 0, options: 11 },
  AVERAGE_POOL_2D: { code: 1, options: 5 },
  CONV_2D: { code: 3, options: 1 },
  DEPTHWISE_CONV_2D: { code: 4, options: 2 },
  FULLY_CONNECTED: { code: 9, options: 8 },
  RESHAPE: { code: 22, options: 17 },
  SOFTMAX: { code: 25, options: 9 },
  PAD: { code: 34, options: 22 },
  MEAN: { code: 40, options: 27 },
};
const activations = { relu: 1, relu6: 3 };
const SAME = 0;
const VALID = 1;
const FLOAT32 = 0;
const INT32 = 2;

/** The operators of a file while they are collected: tensors by name with NHWC shapes. */
class Network {
  tensors = [];
  operators = [];
  #indexes = new Map();

  /** The index of tensor `name`, which is new where `shape` is given. */
  tensor(name, shape, data) {
    if (shape) {
      this.#indexes.set(name, this.tensors.length);
      this.tensors.push({ name, shape, data });
    }
    return this.#indexes.get(name);
  }

  constant(name, shape, data) {
    return this.tensor(name, shape, data);
  }

  shape(name) {
    return this.tensors[this.tensor(name)].shape;
  }

  add(op, inputs, output, shape, options = []) {
    this.operators.push({ op, inputs, output: this.tensor(output, shape), options });
  }
}

/** Rows of an OIHW filter in another order of axes. */
function turned({ shape, data }, perm) {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const extents = perm.map((axis) => shape[axis]);
  const result = new Float32Array(data.length);
  const index = new Array(shape.length).fill(0);
  for (let i = 0; i < result.length; i++) {
    result[i] = data[perm.reduce((sum, axis, j) => sum + index[j] * strides[axis], 0)];
    for (let j = index.length - 1; j >= 0 && ++index[j] === extents[j]; j--) index[j] = 0;
  }
  return { shape: extents, data: result };
}

/** TFLite pads like TensorFlow; other padding is an operator of its own, which XNNPACK joins to the convolution. */
function padded(network, name, [top = 0, left = 0, bottom = 0, right = 0], kernel, strides) {
  const [n, ...size] = network.shape(name);
  const [channels] = size.splice(2);
  const same = size.map((extent, i) => {
    const total = Math.max(0, (Math.ceil(extent / strides[i]) - 1) * strides[i] + kernel[i] - extent);
    return [total >> 1, total - (total >> 1)];
  });
  if (top + left + bottom + right === 0) return { name, mode: VALID };
  if (`${same}` === `${[top, bottom, left, right]}`) return { name, mode: SAME };
  const pads = network.constant(`${name} pads`, [4, 2], Int32Array.of(0, 0, top, bottom, left, right, 0, 0));
  const shape = [n, size[0] + top + bottom, size[1] + left + right, channels];
  network.add('PAD', [network.tensor(name), pads], `${name} padded`, shape);
  return { name: `${name} padded`, mode: VALID };
}

const outputSize = (size, kernel, strides, mode) =>
  size.map((extent, i) => Math.ceil((mode === SAME ? extent : extent - kernel[i] + 1) / strides[i]));

const emitters = {
  Conv(network, { inputs, outputs, attributes, activation }, constants) {
    const [weights, bias] = inputs.slice(1).map((name) => constants.get(name));
    const { group = 1, pads = [], strides, kernel_shape: kernel } = attributes;
    const isDepthwise = group > 1;
    const { name, mode } = padded(network, inputs[0], pads, kernel, strides);
    const [n, height, width] = network.shape(name);
    const filter = turned(weights, isDepthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]);
    const operands = [
      network.tensor(name),
      network.constant(inputs[1], filter.shape, filter.data),
      network.constant(inputs[2], bias.shape, bias.data),
    ];
    const shape = [n, ...outputSize([height, width], kernel, strides, mode), weights.shape[0]];
    const options = [[0, 1, mode], [1, 4, strides[1]], [2, 4, strides[0]], ...(isDepthwise ? [[3, 4, 1]] : [])];
    options.push([options.length, 1, activations[activation] ?? 0]);
    network.add(isDepthwise ? 'DEPTHWISE_CONV_2D' : 'CONV_2D', operands, outputs[0], shape, options);
  },
  Gemm(network, { inputs, outputs, attributes, activation }, constants) {
    const [weights, bias] = inputs.slice(1).map((name) => constants.get(name));
    const rows = attributes.transB ? weights : turned(weights, [1, 0]);
    const operands = [
      network.tensor(inputs[0]),
      network.constant(inputs[1], rows.shape, rows.data),
      network.constant(inputs[2], bias.shape, bias.data),
    ];
    const shape = [network.shape(inputs[0])[0], rows.shape[0]];
    network.add('FULLY_CONNECTED', operands, outputs[0], shape, [[0, 1, activations[activation] ?? 0]]);
  },
  Add(network, { inputs, outputs, activation }) {
    const operands = inputs.map((name) => network.tensor(name));
    network.add('ADD', operands, outputs[0], network.shape(inputs[0]), [[0, 1, activations[activation] ?? 0]]);
  },
  Pad(network, { inputs, outputs }, constants) {
    if (constants.get(inputs[1]).data.some((n) => n !== 0)) throw new Error('a Pad that pads');
    this.Identity(network, { inputs, outputs });
  },
  Identity(network, { inputs, outputs }) {
    const shape = network.shape(inputs[0]);
    const operand = network.constant(`${outputs[0]} shape`, [shape.length], Int32Array.from(shape));
    network.add('RESHAPE', [network.tensor(inputs[0]), operand], outputs[0], shape);
  },
  Flatten(network, { inputs, outputs }) {
    const [n, ...rest] = network.shape(inputs[0]);
    const shape = [n, rest.reduce((a, b) => a * b, 1)];
    const operand = network.constant(`${outputs[0]} shape`, [2], Int32Array.from(shape));
    network.add('RESHAPE', [network.tensor(inputs[0]), operand], outputs[0], shape);
  },
  AveragePool(network, { inputs, outputs, attributes }) {
    const { kernel_shape: kernel, strides } = attributes;
    const [n, height, width, channels] = network.shape(inputs[0]);
    const shape = [n, ...outputSize([height, width], kernel, strides, VALID), channels];
    const options = [
      [0, 1, VALID],
      [1, 4, strides[1]],
      [2, 4, strides[0]],
      [3, 4, kernel[1]],
      [4, 4, kernel[0]],
      [5, 1, 0],
    ];
    network.add('AVERAGE_POOL_2D', [network.tensor(inputs[0])], outputs[0], shape, options);
  },
  ReduceMean(network, { inputs, outputs, attributes }) {
    if (`${attributes.axes}` !== '2,3') throw new Error('a mean that is not over the pixels');
    const [n, , , channels] = network.shape(inputs[0]);
    const axes = network.constant(`${outputs[0]} axes`, [2], Int32Array.of(1, 2));
    const shape = attributes.keepdims ? [n, 1, 1, channels] : [n, channels];
    network.add('MEAN', [network.tensor(inputs[0]), axes], outputs[0], shape, [[0, 1, attributes.keepdims]]);
  },
  GlobalAveragePool(network, node) {
    this.ReduceMean(network, { ...node, attributes: { axes: [2, 3], keepdims: 1 } });
  },
  Softmax(network, { inputs, outputs }) {
    network.add('SOFTMAX', [network.tensor(inputs[0])], outputs[0], network.shape(inputs[0]), [[0, 'float', 1]]);
  },
};

/** The bytes of the TFLite model that computes what ONNX model `bytes` computes, on NHWC `shape`. @throws for operators it has no row for. */
export async function tfliteTwin(bytes, shape) {
  const { nodes, constants, input, output } = await onnxNetwork(bytes);
  const network = new Network();
  network.tensor(input, shape);
  for (const node of nodes) {
    if (!emitters[node.op]) throw new Error(`no TFLite twin of ${node.op}`);
    emitters[node.op](network, node, constants);
  }
  return write(network, network.tensor(input), network.tensor(output));
}

function write({ tensors, operators }, input, output) {
  const file = new Flatbuffer();
  const ref = (slot, child) => [slot, 'ref', child];
  const ints = (slot, values) => ref(slot, () => file.vector(Int32Array.from(values)));
  const codes = [...new Set(operators.map(({ op }) => op))];
  const buffers = tensors.filter(({ data }) => data);
  const tensor = (one) => () =>
    file.table([
      ints(0, one.shape),
      [1, 1, one.data instanceof Int32Array ? INT32 : FLOAT32],
      // Buffer 0 is empty: what is computed has no contents.
      [2, 4, 1 + buffers.indexOf(one)],
      ref(3, () => file.text(one.name)),
    ]);
  const operator =
    ({ op, inputs, output: to, options }) =>
    () =>
      file.table([
        [0, 4, codes.indexOf(op)],
        ints(1, inputs),
        ints(2, [to]),
        [3, 1, builtin[op].options],
        ref(4, () => file.table(options)),
      ]);
  const subgraph = () =>
    file.table([
      ref(0, () => file.tables(tensors.map(tensor))),
      ints(1, [input]),
      ints(2, [output]),
      ref(3, () => file.tables(operators.map(operator))),
    ]);
  const code = (op) => () =>
    file.table([
      [0, 1, builtin[op].code],
      [2, 4, 1],
      [3, 4, builtin[op].code],
    ]);
  const contents =
    ({ data }) =>
    () =>
      file.table([ref(0, () => file.vector(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 16))]);
  const model = file.table([
    [0, 4, 3],
    ref(1, () => file.tables(codes.map(code))),
    ref(2, () => file.tables([subgraph])),
    ref(4, () => file.tables([() => file.table([]), ...buffers.map(contents)])),
  ]);
  file.link(0, model);
  file.bytes.write('TFL3', 4);
  return file.bytes;
}
