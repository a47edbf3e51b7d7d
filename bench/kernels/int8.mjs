// The products of bench/shapes/kernels.mjs as calls of the 8-bit kernels.
const quads = (length) => Math.ceil(length / 4) * 4;
const panels = (columns) => Math.ceil(columns / 8) * 8;
/** Bytes that any kernel here may want of each kind of scratch. */
const SCRATCH = 1 << 18;

/** A call of `kernel` (conv2d_s8, depthwise_conv2d_s8) on random bytes, with the limits of a ReLU. `rounding`: 0 double, 1 single, 2 float. */
function product(module, kernel, { sizes, geometry, blockRows, blocks = [], outChannels, depth }, rounding) {
  const starts = [];
  let next = 4096;
  for (const bytes of [
    sizes.x,
    sizes.w,
    4 * panels(outChannels),
    sizes.y,
    SCRATCH,
    SCRATCH,
    SCRATCH,
    ...[1, 2, 3].map(() => 4 * panels(outChannels)),
  ]) {
    starts.push(next);
    next += Math.ceil(bytes / 64) * 64 + 64;
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(next / 65536) });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const bytes = new Uint8Array(memory.buffer);
  for (let i = 4096, state = 1; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  const [, , bias, , , , , multiplier, shift, scale] = starts;
  // Results of a few dozen.
  const factor = 0.005 / Math.sqrt(depth);
  const right = Math.floor(-Math.log2(factor));
  for (let c = 0; c < outChannels; c++) {
    const view = new DataView(memory.buffer);
    view.setInt32(bias + 4 * c, 100, true);
    view.setInt32(multiplier + 4 * c, Math.floor(factor * 2 ** right * 2 ** 31) - 7919 * c, true);
    view.setInt32(shift + 4 * c, -right, true);
    view.setFloat32(scale + 4 * c, factor, true);
  }
  const words = [...starts.slice(0, 7), ...geometry, blockRows, 3, multiplier, shift, scale, 1, -128, -128, 127, rounding, ...blocks];
  new Int32Array(memory.buffer, 64).set(words);
  return () => exports[kernel](64);
}

function window({ size, kernel, stride }) {
  const out = size.map((extent) => Math.ceil(extent / stride));
  const pads = kernel.map((taps, i) => Math.max(0, (out[i] - 1) * stride + taps - size[i]) >> 1);
  return { out, pads };
}
const rowsThatFit = (bytes, line, kernelHeight, stride, most) =>
  Math.max(1, Math.min(most, Math.floor((bytes / line - kernelHeight) / stride) + 1));

const makers = {
  conv(module, { size, from, to, kernel, stride = 1, batch = 1 }, rounding) {
    const { out, pads } = window({ size, kernel, stride });
    const pixels = batch * out[0] * out[1];
    const depth = kernel[0] * kernel[1] * from;
    const sizes = { x: batch * size[0] * size[1] * from, w: kernel[0] * quads(kernel[1] * from) * panels(to), y: pixels * to };
    const line = ((out[1] - 1) * stride + kernel[1]) * from * 2;
    // Time of what two bands of lines share, in products (src/kernels/scratch.ts).
    const again = Math.max(0, kernel[0] - stride) * (100 + 1.5 * line);
    const isMatrix = kernel[0] * kernel[1] * stride === 1;
    const blockRows = isMatrix
      ? Math.min(pixels, Math.max(12, Math.floor((from * to > 65536 ? 32768 : 6144) / (2 * from) / 12) * 12))
      : Math.max(1, Math.min(rowsThatFit(16384, line, kernel[0], stride, out[0]), Math.ceil((64 * again) / (out[1] * depth * to))));
    const geometry = [batch, ...size, from, ...out, to, ...kernel, stride, stride, 1, 1, ...pads, 1];
    const run = product(module, 'conv2d_s8', { sizes, geometry, blockRows, outChannels: to, depth }, rounding);
    return { macs: pixels * depth * to, run };
  },
  dense(module, { rows, depth, columns }, rounding) {
    return { ...makers.conv(module, { size: [1, rows], from: depth, to: columns, kernel: [1, 1] }, rounding), bytes: depth * columns };
  },
  winograd: (module, layer, rounding) => makers.conv(module, { ...layer, kernel: [3, 3], stride: 1 }, rounding),
  columns: (module, layer, rounding) => makers.conv(module, layer, rounding),
  depthwise(module, { size, channels, stride }, rounding) {
    const kernel = [3, 3];
    const { out, pads } = window({ size, kernel, stride });
    const y = out[0] * out[1] * channels;
    const sizes = { x: size[0] * size[1] * channels, w: 12 * panels(channels), y };
    const geometry = [1, ...size, channels, ...out, channels, ...kernel, stride, stride, 1, 1, ...pads, channels];
    const width = (out[1] - 1) * stride + 3;
    const rowsOf = (some) => rowsThatFit(12288, width * some, 3, stride, out[0]);
    const fit = Math.floor(8192 / (((out[0] - 1) * stride + 3) * width));
    const blockChannels = Math.min(channels, fit >= channels ? channels : fit & ~31 || (rowsOf(32) > 1 ? 32 : 16));
    const blockRows = rowsOf(blockChannels);
    const blocks = [blockChannels, Math.min(blockRows, Math.max(1, Math.floor(128 / out[1]))), 0];
    const run = product(module, 'depthwise_conv2d_s8', { sizes, geometry, blockRows, blocks, outChannels: channels, depth: 9 }, rounding);
    return { macs: 9 * y, run };
  },
};

/** A dense layer of f32 rows with weights of 8 or 4 bits: { name, macs, run }. `dynamic`: its inputs become 8 bits too. */
export function fewBitsCase(module, { name, rows, depth, columns }, bits, dynamic = false) {
  const starts = [];
  let next = 4096;
  for (const bytes of [
    4 * rows * depth,
    depth * panels(columns),
    4 * panels(columns),
    4 * panels(columns),
    4 * rows * columns,
    SCRATCH,
    SCRATCH,
  ]) {
    starts.push(next);
    next += Math.ceil(bytes / 64) * 64 + 64;
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(next / 65536) });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  new Float32Array(memory.buffer).fill(0.5);
  const [x, w, scales, bias, y, scratch, more] = starts;
  const count = Math.ceil(depth / 512);
  const words = dynamic
    ? [x, w, scales, bias, bias, y, scratch, more, rows, columns, depth, rows]
    : [x, w, scales, bias, y, scratch, rows, columns, depth, Math.ceil(depth / count / 4) * 4, count, 0, bits];
  new Int32Array(memory.buffer, 64).set(words);
  const kernel = dynamic ? 'linear_dynamic_s8' : 'linear_weights_f32';
  const label = dynamic ? `${name} dynamic` : `${name} weights of ${bits} bits`;
  return { name: label, macs: rows * depth * columns, bytes: (depth * columns * bits) / 8, run: () => exports[kernel](64) };
}

/** A case of the benchmark: { name, macs, run }; layers of products of activations have none. */
export const int8Case = (module, layer, rounding) => ({ name: layer.name, ...makers[layer.kind](module, layer, rounding) });
export const hasInt8 = (layer) => layer.kind in makers;
