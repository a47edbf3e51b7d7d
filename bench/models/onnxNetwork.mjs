// An ONNX file as a list of nodes, as a converter to another runtime would have it: constants known, batch normalisation folded into the dense
// layer before it, biases and activations part of their products.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const READER = `export { decodeModel } from './proto.ts'; export { tensorOf } from './elements.ts';`;

let reader;

/** The reader of ONNX files is inside the library's bundle; here it is by itself. */
async function onnxReader() {
  reader ??= build({
    stdin: { contents: READER, resolveDir: fileURLToPath(new URL('../../src/formats/onnx', import.meta.url)), loader: 'ts' },
    bundle: true,
    format: 'esm',
    write: false,
  }).then(({ outputFiles: [{ contents }] }) => import(`data:text/javascript;base64,${Buffer.from(contents).toString('base64')}`));
  return reader;
}

/** { nodes: { op, inputs, outputs, attributes, activation }[], constants: Map of { shape, data }, input, output } */
export async function onnxNetwork(bytes) {
  const { decodeModel, tensorOf } = await onnxReader();
  const { graph } = decodeModel(bytes);
  const constants = new Map(graph.initializers.map((proto) => [proto.name, tensorOf(proto)]));
  const nodes = [];
  for (const { op, inputs, outputs, attributes } of graph.nodes) {
    if (op === 'Constant') constants.set(outputs[0], tensorOf(attributes.get('value').tensor));
    else if (op === 'Identity' && constants.has(inputs[0])) constants.set(outputs[0], constants.get(inputs[0]));
    else nodes.push({ op, inputs, outputs, attributes: plain(attributes) });
  }
  const output = graph.outputs[0].name;
  return { nodes: fused(nodes, constants, output), constants, input: graph.inputs.find(({ name }) => !constants.has(name)).name, output };
}

const plain = (attributes) =>
  Object.fromEntries([...attributes].map(([name, { ints, int, float, text }]) => [name, ints.length ? [...ints] : (int ?? float ?? text)]));

/** Joins each node to the product before it, where that is its only reader. */
function fused(nodes, constants, output) {
  const uses = new Map([[output, 1]]);
  for (const { inputs } of nodes) for (const name of inputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const makers = new Map();
  const result = [];
  for (const node of nodes) {
    const index = node.inputs.findIndex((name) => makers.has(name));
    const product = makers.get(node.inputs[index]);
    const alone = product && uses.get(node.inputs[index]) === 1 && !product.activation;
    if (alone && join(product, node, constants, index)) {
      product.outputs = node.outputs;
      makers.set(node.outputs[0], product);
      continue;
    }
    const own = { ...node };
    result.push(own);
    if (['Conv', 'Gemm', 'MatMul', 'Add'].includes(node.op)) makers.set(node.outputs[0], own);
  }
  return result;
}

function join(product, { op, inputs, attributes }, constants, index) {
  const values = inputs.map((name) => constants.get(name)?.data);
  if (op === 'Relu' && product.op !== 'MatMul') product.activation = 'relu';
  else if (op === 'Clip' && product.op === 'Conv' && values[1]?.[0] === 0 && values[2]?.[0] === 6) product.activation = 'relu6';
  else if (op === 'Add' && product.op === 'MatMul' && values[1 - index] && product.inputs.length === 2)
    product.inputs = [...product.inputs, inputs[1 - index]];
  else if (op === 'BatchNormalization' && product.op === 'Gemm') foldNormalization(product, values, attributes, constants);
  else return false;
  return true;
}

/** γ (W x + b - μ) / √(σ² + ε) + β as weights and bias. */
function foldNormalization(gemm, [, gamma, beta, mean, variance], { epsilon }, constants) {
  const [weights, bias] = gemm.inputs.slice(1).map((name) => constants.get(name));
  const factors = gamma.map((g, i) => g / Math.sqrt(variance[i] + epsilon));
  const [first, columns] = weights.shape;
  const ofColumn = gemm.attributes.transB ? (i) => Math.floor(i / columns) : (i) => i % columns;
  const names = [`${gemm.inputs[1]} folded`, `${gemm.inputs[2]} folded`];
  constants.set(names[0], { shape: [first, columns], data: weights.data.map((w, i) => w * factors[ofColumn(i)]) });
  constants.set(names[1], { shape: bias.shape, data: bias.data.map((b, i) => (b - mean[i]) * factors[i] + beta[i]) });
  gemm.inputs = [gemm.inputs[0], ...names];
}
