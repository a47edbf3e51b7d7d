// The products of bench/shapes/kernels.mjs as calls of the 8-bit kernels.
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/** Blocks of rows and channels as the library plans them. */
const imported = async (path) => {
  const entry = fileURLToPath(new URL(`../../src/${path}`, import.meta.url));
  const [{ text }] = buildSync({ entryPoints: [entry], bundle: true, format: 'esm', write: false }).outputFiles;
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
};
const { conv2dInt16Scratch, depthwiseInt8Scratch, dynamicInt8Scratch, linearWeightsScratch, pairedInt8Scratch, winogradInt8Scratch } =
  await imported('kernels/scratch.ts');
const { runsOf } = await imported('ops/linearWeights.ts');
const { isRowwise } = await imported('ops/linearRowsInt8.ts');

const quads = (length) => Math.ceil(length / 4) * 4;
const panels = (columns) => Math.ceil(columns / 8) * 8;
/** Bytes that any kernel here may want of each kind of scratch. */
const SCRATCH = 1 << 18;

/** An instance whose memory has room for `sizes` bytes, each at its start, filled with random ones. */
function instance(module, sizes) {
  const starts = [];
  let next = 4096;
  for (const bytes of sizes) {
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
  return { exports, starts, memory };
}

/** Biases and factors of `channels`: results of products of `depth` are a few dozen, and hardly ever ties, as they would be with round factors. */
function fillFactors(memory, { bias, multiplier, shift, scale }, channels, depth) {
  const factor = Math.PI / 628 / Math.sqrt(depth);
  const right = Math.floor(-Math.log2(factor));
  const view = new DataView(memory.buffer);
  for (let c = 0; c < channels; c++) {
    view.setInt32(bias + 4 * c, 100, true);
    const mantissa = Math.floor(factor * 2 ** right * 2 ** 31) - 7919 * c;
    view.setInt32(multiplier + 4 * c, mantissa, true);
    view.setInt32(shift + 4 * c, -right, true);
    if (scale) view.setFloat32(scale + 4 * c, mantissa * 2 ** (-right - 31), true);
  }
}

/** A call of `kernel` (conv2d_s8, depthwise_conv2d_s8) on random bytes, with the limits of a ReLU. `rounding`: 0 double, 1 single, 2 float. */
function product(module, kernel, { sizes, g, scratch, depth }, rounding) {
  const lists = 4 * panels(g.outChannels);
  const { band, sums, table, pairs: pairBytes = 0 } = scratch;
  const { exports, starts, memory } = instance(module, [
    ...[sizes.x, sizes.w, lists, sizes.y, band, sums, table],
    ...[lists, lists, lists, pairBytes],
  ]);
  const [, , bias, , , , , multiplier, shift, scale, pairs] = starts;
  fillFactors(memory, { bias, multiplier, shift, scale }, g.outChannels, depth);
  const { blockRows, blockChannels, sumRows, tiles } = scratch;
  const rest = blockChannels ? [blockChannels, sumRows, 0] : [pairBytes && pairs, ...(tiles ? [tiles] : [])];
  const words = [...starts.slice(0, 7), ...Object.values(g), blockRows, 3, multiplier, shift, scale, 1, -128, -128, 127, rounding, ...rest];
  new Int32Array(memory.buffer, 64).set(words);
  return () => exports[kernel](64);
}

/** A dense layer whose weights lie in rows. */
function rowwise(module, { rows, depth, columns }, rounding) {
  const lists = 4 * panels(columns);
  const { exports, starts, memory } = instance(module, [rows * depth, depth * columns, lists, rows * columns, lists, lists, lists]);
  const [x, w, bias, y, multiplier, shift, scale] = starts;
  fillFactors(memory, { bias, multiplier, shift, scale }, columns, depth);
  new Int32Array(memory.buffer, 64).set([x, w, bias, y, rows, columns, depth, multiplier, shift, scale, 1, -128, -128, 127, rounding]);
  return () => exports.linear_rows_s8(64);
}

/** As the records have it. */
function geometry({ size, kernel, stride, batch = 1, from, to, groups = 1 }) {
  const out = size.map((extent) => Math.ceil(extent / stride));
  const pads = kernel.map((taps, i) => Math.max(0, (out[i] - 1) * stride + taps - size[i]) >> 1);
  return {
    ...{ batch, inHeight: size[0], inWidth: size[1], inChannels: from, outHeight: out[0], outWidth: out[1], outChannels: to },
    ...{ kernelHeight: kernel[0], kernelWidth: kernel[1], strideY: stride, strideX: stride, dilationY: 1, dilationX: 1 },
    ...{ padTop: pads[0], padLeft: pads[1], groups },
  };
}

const makers = {
  conv(module, { size, from, to, kernel, stride = 1, batch = 1 }, rounding) {
    const g = geometry({ size, kernel, stride, batch, from, to });
    const pixels = batch * g.outHeight * g.outWidth;
    const depth = kernel[0] * kernel[1] * from;
    const sizes = { x: batch * size[0] * size[1] * from, w: kernel[0] * quads(kernel[1] * from) * panels(to), y: pixels * to };
    const scratch = pairedInt8Scratch(g, kernel[0] * kernel[1] * stride === 1, false);
    return { macs: pixels * depth * to, run: product(module, 'conv2d_s8', { sizes, g, scratch, depth }, rounding) };
  },
  dense(module, { rows, depth, columns }, rounding) {
    if (isRowwise(rows, columns))
      return { macs: rows * depth * columns, run: rowwise(module, { rows, depth, columns }, rounding), bytes: depth * columns };
    return { ...makers.conv(module, { size: [1, rows], from: depth, to: columns, kernel: [1, 1] }, rounding), bytes: depth * columns };
  },
  winograd(module, { size, from, to, batch }, rounding) {
    const g = geometry({ size, kernel: [3, 3], stride: 1, batch, from, to });
    const pixels = batch * size[0] * size[1];
    const sizes = { x: pixels * from, w: 3 * quads(3 * from) * panels(to), y: pixels * to };
    const direct = pairedInt8Scratch(g, false, false);
    const tiles = 16;
    const scratch = { ...direct, band: Math.max(direct.band, winogradInt8Scratch(tiles, from)), tiles };
    const depth = 9 * from;
    return { macs: pixels * depth * to, run: product(module, 'conv2d_s8_winograd', { sizes, g, scratch, depth }, rounding) };
  },
  columns: (module, layer, rounding) => makers.conv(module, layer, rounding),
  depthwise(module, { size, channels, stride, kernel }, rounding) {
    const g = geometry({ size, kernel, stride, from: channels, to: channels, groups: channels });
    const y = g.outHeight * g.outWidth * channels;
    const taps = kernel[0] * kernel[1];
    const sizes = { x: size[0] * size[1] * channels, w: kernel[1] * quads(kernel[0]) * panels(channels), y };
    const scratch = depthwiseInt8Scratch(g, false);
    return { macs: taps * y, run: product(module, 'depthwise_conv2d_s8', { sizes, g, scratch, depth: taps }, rounding) };
  },
};

/** A dense layer of f32 rows with weights of 8 or 4 bits: { name, macs, run }. `dynamic`: its inputs become 8 bits too. */
export function fewBitsCase(module, { name, rows, depth, columns }, bits, dynamic = false) {
  const lists = 4 * panels(columns);
  const sizes = [4 * rows * depth, (depth + 64) * panels(columns), lists, lists, 4 * rows * columns, SCRATCH, SCRATCH];
  const { exports, starts, memory } = instance(module, sizes);
  new Float32Array(memory.buffer).fill(0.5);
  const [x, w, scales, bias, y, scratch, more] = starts;
  const { length, count } = runsOf(depth, { bits, group: 0 });
  const words = dynamic
    ? [x, w, scales, bias, bias, y, scratch, more, rows, columns, depth, dynamicInt8Scratch(rows, depth, false).blockRows]
    : [
        x,
        w,
        scales,
        bias,
        y,
        scratch,
        rows,
        columns,
        depth,
        length,
        count,
        0,
        bits,
        linearWeightsScratch(rows, length, count, false).blockRows,
      ];
  new Int32Array(memory.buffer, 64).set(words);
  const kernel = dynamic ? 'linear_dynamic_s8' : 'linear_weights_f32';
  const label = dynamic ? `${name} dynamic` : `${name} weights of ${bits} bits`;
  return { name: label, macs: rows * depth * columns, bytes: (depth * columns * bits) / 8, run: () => exports[kernel](64) };
}

/** The same layer with activations of 16 bits, held as i32, and wide rounding. */
export function int16Case(
  module,
  { name, kind, size, channels, from = channels, to = channels, kernel, stride = 1, rows, depth, columns },
) {
  const [extent, inputs, outputs, window] = kind === 'dense' ? [[1, rows], depth, columns, [1, 1]] : [size, from, to, kernel ?? [3, 3]];
  const g = geometry({ size: extent, kernel: window, stride, from: inputs, to: outputs, groups: kind === 'depthwise' ? channels : 1 });
  const [pixels, taps] = [g.outHeight * g.outWidth, (window[0] * window[1] * inputs) / g.groups];
  const lists = 4 * outputs;
  const sizes = [4 * extent[0] * extent[1] * inputs, taps * outputs, lists, lists, lists, 4 * pixels * outputs, conv2dInt16Scratch(g)];
  const { exports, starts, memory } = instance(module, sizes);
  const [x, , bias, multiplier, shift] = starts;
  fillFactors(memory, { bias, multiplier, shift }, outputs, taps);
  const activations = new Int32Array(memory.buffer, x, sizes[0] / 4);
  activations.forEach((value, i) => {
    activations[i] = value >> 16;
  });
  new Int32Array(memory.buffer, 64).set([...starts, ...Object.values(g), 0, 0, -32768, 32767, 2]);
  return { name, macs: pixels * taps * outputs, run: () => exports.conv2d_s16(64), bytes: depth * columns };
}

/** A case of the benchmark: { name, macs, run }; layers of products of activations have none. */
export const int8Case = (module, layer, rounding) => ({ name: layer.name, ...makers[layer.kind](module, layer, rounding) });
export const hasInt8 = (layer) => layer.kind in makers;
