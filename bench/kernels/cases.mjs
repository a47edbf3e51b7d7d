// The shapes of bench/shapes/kernels.mjs as calls of kernels, each in a memory of its own.
const limits = [{ f32: 0 }, { f32: 6 }];
const panels = (columns) => Math.ceil(columns / 8) * 8;
/** Floats that any kernel here may want as scratch. */
const SCRATCH = 1 << 16;
/** Tiles of a Winograd convolution at a time. */
const TILES = 32;

/** An instance with `sizes` floats for each tensor, and `call` that makes a kernel and its record into a function. */
function instance(module, sizes) {
  const starts = [];
  let next = 4096;
  for (const floats of [...sizes, SCRATCH]) {
    starts.push(next);
    next += Math.ceil((floats * 4) / 64) * 64;
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(next / 65536) });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  new Float32Array(memory.buffer).fill(0.5);
  let record = 64;
  const call = (kernel, words) => {
    const at = record;
    const view = new DataView(memory.buffer);
    for (const [i, word] of words.entries()) {
      if (typeof word === 'object') view.setFloat32(at + 4 * i, word.f32, true);
      else view.setInt32(at + 4 * i, word, true);
    }
    record += 4 * words.length;
    return () => exports[kernel](at);
  };
  return { starts, call };
}

const makers = {
  dense(module, { rows, depth, columns }, which) {
    const { starts, call } = instance(module, [rows * depth, depth * panels(columns), rows * columns, columns]);
    const [x, w, y, bias, scratch] = starts;
    const run = {
      '': () => call('matmul_f32', [x, w, bias, 0, y, rows, columns, depth, depth, columns, ...limits]),
      dw: () => call('matmul_f32_grad_weight', [x, y, w, rows, columns, depth, depth, columns]),
      dx: () => call('matmul_f32_grad_input', [y, w, x, scratch, rows, columns, depth, columns, depth]),
    }[which]();
    return { macs: rows * depth * columns, bytes: 4 * depth * columns, run };
  },
  conv(module, { size, from, to, kernel, stride, batch }, which) {
    const out = size.map((extent) => Math.ceil(extent / stride));
    const pads = kernel.map((taps, i) => Math.max(0, (out[i] - 1) * stride + taps - size[i]) >> 1);
    const depth = kernel[0] * kernel[1] * from;
    const pixels = batch * out[0] * out[1];
    const { starts, call } = instance(module, [batch * size[0] * size[1] * from, depth * panels(to), pixels * to, to]);
    const [x, w, y, bias, scratch] = starts;
    const line = ((out[1] - 1) * stride + kernel[1]) * from * 4;
    const blockRows = Math.max(1, Math.min(out[0], Math.floor((16384 / line - kernel[0]) / stride) + 1));
    const geometry = [batch, ...size, from, ...out, to, ...kernel, stride, stride, 1, 1, ...pads, 1, blockRows];
    const name = which ? `conv2d_f32_grad_${which === 'dw' ? 'weight' : 'input'}` : 'conv2d_f32';
    return { macs: pixels * depth * to, run: call(name, [x, w, which ? 0 : bias, 0, y, scratch, ...geometry, ...limits]) };
  },
  columns(module, { size, from, to, kernel, stride }) {
    const out = size.map((extent) => Math.ceil(extent / stride));
    const pads = kernel.map((taps, i) => Math.max(0, (out[i] - 1) * stride + taps - size[i]) >> 1);
    const depth = kernel[0] * kernel[1] * from;
    const pixels = out[0] * out[1];
    const { starts, call } = instance(module, [size[0] * size[1] * from, depth * panels(to), pixels * to, to]);
    const [x, w, y, bias, scratch] = starts;
    const geometry = [1, ...size, from, ...out, to, ...kernel, stride, stride, 1, 1, ...pads, 1, out[0]];
    return { macs: pixels * depth * to, run: call('conv2d_f32_columns', [x, w, bias, 0, y, scratch, ...geometry, ...limits]) };
  },
  winograd(module, { size, from, to, batch }) {
    const pixels = batch * size[0] * size[1];
    const { starts, call } = instance(module, [pixels * from, 9 * from * panels(to), pixels * to, to]);
    const [x, w, y, bias, scratch] = starts;
    const geometry = [batch, ...size, from, ...size, to, 3, 3, 1, 1, 1, 1, 1, 1, 1, TILES];
    return { macs: pixels * 9 * from * to, run: call('conv2d_f32_winograd', [x, w, bias, 0, y, scratch, ...geometry, ...limits]) };
  },
  depthwise(module, { size, channels, stride, kernel }, which) {
    const out = size.map((extent) => Math.ceil(extent / stride));
    const pads = out.map((extent, i) => Math.max(0, (extent - 1) * stride + kernel[i] - size[i]) >> 1);
    const taps = kernel[0] * kernel[1];
    const { starts, call } = instance(module, [size[0] * size[1] * channels, taps * channels, out[0] * out[1] * channels, channels]);
    const [x, w, y, bias, scratch] = starts;
    const geometry = [1, ...size, channels, ...out, channels, ...kernel, stride, stride, 1, 1, ...pads, channels, 0];
    const name = `depthwise_conv2d_f32${{ '': '', dw: '_grad_weight', dx: '_grad_input' }[which]}`;
    return { macs: taps * out[0] * out[1] * channels, run: call(name, [x, w, which ? 0 : bias, 0, y, scratch, ...geometry, ...limits]) };
  },
  batched(module, { batch, rows, depth, columns, transposed }) {
    const { starts, call } = instance(module, [batch * rows * depth, batch * depth * columns, batch * rows * columns]);
    const [a, b, y, scratch] = starts;
    const strides = transposed ? [1, depth] : [columns, 1];
    const words = [
      a,
      b,
      y,
      scratch,
      1,
      batch,
      0,
      rows * depth,
      0,
      depth * columns,
      rows,
      columns,
      depth,
      depth,
      1,
      ...strides,
      columns,
      { f32: 0.5 },
    ];
    return { macs: batch * rows * depth * columns, run: call('matmul_f32_batched', words) };
  },
};

/** A case of the benchmark: { name, macs, run }. `which`: '' forward, 'dw', 'dx'. */
export const productCase = (module, layer, which = '') => ({
  name: which ? `${layer.name} ${which}` : layer.name,
  ...makers[layer.kind](module, layer, which),
});

/** { name, elements, run }. */
export function rowsCase(module, { name, kernel, rows, columns, repeated }) {
  const { starts, call } = instance(module, [rows * columns, rows * columns, rows * columns, columns, columns, rows, rows]);
  const [x, other, y, gamma, beta, mean, rstd] = starts;
  const axes = [1, 1, 1, 1, rows, columns];
  const words = {
    softmax_f32: () => [x, y, rows, columns],
    gelu_f32: () => [x, y, rows * columns, { f32: 0 }, { f32: 0 }],
    group_norm_f32: () => [x, gamma, beta, y, mean, rstd, rows, 1, 1, columns, { f32: 1e-5 }, 1],
    add_f32: () => [x, other, y, ...axes, 0, 0, 0, 0, columns, 1, 0, 0, 0, 0, repeated ? 0 : columns, 1],
  }[kernel]();
  return { name, elements: rows * columns, run: call(kernel, words) };
}
