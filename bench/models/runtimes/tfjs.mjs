import { createRequire } from 'node:module';
import { join } from 'node:path';

/** TensorFlow.js, ready to run on its WebAssembly backend and one thread. */
export async function startTfjs(peers) {
  const require = createRequire(join(peers, 'index.js'));
  const tf = require('@tensorflow/tfjs');
  const { setThreadsCount, setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${join(peers, 'node_modules/@tensorflow/tfjs-backend-wasm/dist')}/`);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  setThreadsCount(1);
  await tf.setBackend('wasm');
  await tf.ready();
  return tf;
}

/** It reads no ONNX, so the network is built from the file's nodes: NHWC, fused convolutions and products. */
export async function openTfjs(peers) {
  const tf = await startTfjs(peers);
  return [
    {
      runtime: 'tfjs-wasm',
      flavour: 'simd',
      async load({ form, bytes, kind, dtype }) {
        if (kind !== 'onnx' || dtype !== 'f32') return undefined;
        const network = await build(tf, bytes);
        const isImage = form.shape.length === 4;
        const input = tf.tidy(() => {
          const tensor = tf.tensor(form.input, form.shape);
          return isImage ? tensor.transpose([0, 2, 3, 1]) : tensor;
        });
        return {
          run() {
            const output = tf.tidy(() => network.run(input));
            const data = output.dataSync();
            output.dispose();
            return data;
          },
          close() {
            input.dispose();
            network.close();
          },
        };
      },
    },
  ];
}

const TURN = [0, 2, 3, 1];

/** The graph as a list of closures over tensors by name. Images are NHWC throughout; everything else as in the file. */
async function build(tf, bytes) {
  // esbuild is behind it, which a start need not wait for.
  const { onnxNetwork } = await import('../onnxNetwork.mjs');
  const { nodes, constants, input, output } = await onnxNetwork(bytes);
  const held = [];
  const keep = (tensor) => {
    held.push(tensor);
    return tf.keep(tensor);
  };
  const weights = new Map();
  const constant = (name) => {
    const known = constants.get(name);
    if (!known) return undefined;
    if (!weights.has(name)) weights.set(name, keep(tf.tensor(known.data, known.shape)));
    return weights.get(name);
  };
  const steps = nodes.map(({ op, inputs, outputs, attributes, activation }) => {
    const maker = operators[op];
    if (!maker) throw new Error(`no ${op} here`);
    const run = maker({
      tf,
      attributes,
      activation,
      outputs,
      number: (i) => constants.get(inputs[i])?.data,
      weight: (i, turn = (t) => t) => {
        const known = constants.get(inputs[i]);
        return known && keep(tf.tidy(() => turn(tf.tensor(known.data, known.shape))));
      },
    });
    return (values) => {
      const result = run((i) => values.get(inputs[i]) ?? constant(inputs[i]));
      if (outputs.length === 1) values.set(outputs[0], result);
      else for (const name of outputs) values.set(name, result[name]);
    };
  });
  return {
    run(tensor) {
      const values = new Map([[input, tensor]]);
      for (const step of steps) step(values);
      return values.get(output);
    },
    close: () => {
      for (const tensor of held) tensor.dispose();
    },
  };
}

/** Explicit padding, as 'same' where it is that: kernels know it best. */
function padding([top, left, bottom, right] = [0, 0, 0, 0]) {
  if (top + left + bottom + right === 0) return 'valid';
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

/** For each operator: what `context` gives at load → what `of(i)`, the operands, give at a run. */
const operators = {
  Conv({ tf, attributes, weight, activation }) {
    const { group = 1, pads, strides } = attributes;
    const isDepthwise = group > 1;
    const filter = weight(1, (w) => w.transpose(isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]));
    const bias = weight(2);
    const pad = padding(pads);
    const conv = isDepthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    return (of) => conv({ x: of(0), filter, strides, pad, bias, activation });
  },
  Gemm({ tf, attributes, weight, activation }) {
    const b = weight(1, (w) => (attributes.transB ? w.transpose() : w));
    const bias = weight(2);
    return (of) => tf.fused.matMul({ a: of(0), b, bias, activation });
  },
  MatMul({ tf, weight }) {
    const b = weight(1);
    if (!b) return (of) => tf.matMul(of(0), of(1));
    const [k, n] = b.shape;
    const bias = weight(2);
    return (of) => {
      const a = of(0);
      return tf.fused.matMul({ a: a.reshape([-1, k]), b, bias }).reshape([...a.shape.slice(0, -1), n]);
    };
  },
  Relu:
    ({ tf }) =>
    (of) =>
      tf.relu(of(0)),
  Clip: ({ tf, number }) => {
    const [low, high] = [number(1)[0], number(2)[0]];
    return (of) => tf.clipByValue(of(0), low, high);
  },
  Add:
    ({ tf, activation }) =>
    (of) =>
      activation ? tf.relu(tf.add(of(0), of(1))) : tf.add(of(0), of(1)),
  Sub:
    ({ tf }) =>
    (of) =>
      tf.sub(of(0), of(1)),
  Mul:
    ({ tf }) =>
    (of) =>
      tf.mul(of(0), of(1)),
  Div:
    ({ tf }) =>
    (of) =>
      tf.div(of(0), of(1)),
  Sqrt:
    ({ tf }) =>
    (of) =>
      tf.sqrt(of(0)),
  Erf:
    ({ tf }) =>
    (of) =>
      tf.erf(of(0)),
  Identity: () => (of) => of(0),
  Pow: ({ tf, number }) => (number(1)?.[0] === 2 ? (of) => tf.square(of(0)) : (of) => tf.pow(of(0), of(1))),
  ReduceMean:
    ({ tf, attributes }) =>
    (of) => {
      const { axes, keepdims = 1 } = attributes;
      const x = of(0);
      return tf.mean(x, x.rank === 4 ? axes.map((axis) => TURN.indexOf(axis)) : axes, keepdims === 1);
    },
  GlobalAveragePool:
    ({ tf }) =>
    (of) =>
      tf.mean(of(0), [1, 2], true),
  AveragePool:
    ({ tf, attributes }) =>
    (of) =>
      tf.avgPool(of(0), attributes.kernel_shape, attributes.strides, 'valid'),
  Pad: ({ number }) => {
    if (number(1).some((n) => n !== 0)) throw new Error('a Pad that pads');
    return (of) => of(0);
  },
  Flatten: () => (of) => {
    const x = of(0);
    if (x.rank === 4 && (x.shape[1] !== 1 || x.shape[2] !== 1)) throw new Error('a Flatten of more than one pixel');
    return x.reshape([x.shape[0], -1]);
  },
  Softmax:
    ({ tf }) =>
    (of) =>
      tf.softmax(of(0)),
  Split({ tf, attributes, number, outputs }) {
    const sizes = Array.from(number(1), Number);
    return (of) => Object.fromEntries(tf.split(of(0), sizes, attributes.axis).map((part, i) => [outputs[i], part]));
  },
  Reshape: ({ number }) => {
    const shape = Array.from(number(1), Number);
    return (of) => of(0).reshape(shape);
  },
  Transpose:
    ({ attributes }) =>
    (of) =>
      of(0).transpose(attributes.perm),
};
