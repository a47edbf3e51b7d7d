// GMAC/s of the f32 matrix and convolution kernels against the fastest tile in the first-level cache, all measured in one interleaved run.
// Usage: npm run bench:kernels -- [--node PATH] [--flavour simd|relaxed] [--json FILE]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { convolutions, dense, depthwise, matmuls, pointwise } from '../shapes/kernels.mjs';
import { ceilings } from './ceiling.mjs';

const { values } = parseArgs({
  options: { node: { type: 'string' }, flavour: { type: 'string', default: 'simd' }, json: { type: 'string' } },
});
if (values.node) {
  const rest = process.argv.slice(2).filter((arg, i, all) => arg !== '--node' && all[i - 1] !== '--node');
  execFileSync(values.node, [import.meta.filename ?? new URL(import.meta.url).pathname, ...rest], { stdio: 'inherit' });
  process.exit();
}
const { flavour } = values;
const root = new URL('../../', import.meta.url);

/** Median and best seconds of one call, from rounds of at least 5 ms. */
const ROUNDS = 15;

const module = new WebAssembly.Module(readFileSync(new URL(`dist/kernels/${flavour}.wasm`, root)));

/** An instance with room for `bytes` of tensors, and a bump allocator of its memory. */
function instance(bytes) {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + 65536) / 65536) + 1 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  new Float32Array(memory.buffer).fill(0.5);
  let next = 1024;
  const alloc = (floats) => {
    const at = next;
    next += Math.ceil((floats * 4) / 64) * 64;
    return at;
  };
  const call = (kernel, words) => {
    const record = alloc(words.length);
    const view = new DataView(memory.buffer);
    for (const [i, word] of words.entries()) {
      if (typeof word === 'object') view.setFloat32(record + 4 * i, word.f32, true);
      else view.setInt32(record + 4 * i, word, true);
    }
    return () => exports[kernel](record);
  };
  return { alloc, call };
}

const limits = [{ f32: Number.NEGATIVE_INFINITY }, { f32: Number.POSITIVE_INFINITY }];
const panels = (columns) => Math.ceil(columns / 8) * 8;

function matmul({ name, rows, depth, columns }) {
  const { alloc, call } = instance(4 * (rows * depth + depth * panels(columns) + rows * columns));
  const [x, w, y] = [alloc(rows * depth), alloc(depth * panels(columns)), alloc(rows * columns)];
  return {
    name,
    macs: rows * depth * columns,
    bytes: 4 * depth * columns,
    run: call('matmul_f32', [x, w, 0, 0, y, rows, columns, depth, depth, columns, ...limits]),
  };
}

function convolution({ name, size, from, to, kernel, batch }, which = 'conv2d_f32') {
  const pixels = batch * size * size;
  const depth = kernel * kernel * from;
  const { alloc, call } = instance(4 * (pixels * (from + to) + depth * panels(to)) + 65536);
  const [x, w, y, scratch] = [alloc(pixels * from), alloc(depth * panels(to)), alloc(pixels * to), alloc(8192)];
  const line = (size + kernel - 1) * from * 4;
  const blockRows = Math.max(1, Math.min(size, Math.floor(16384 / line - kernel) + 1));
  const pad = (kernel - 1) / 2;
  const geometry = [batch, size, size, from, size, size, to, kernel, kernel, 1, 1, 1, 1, pad, pad, 1, blockRows];
  return {
    name: which === 'conv2d_f32' ? name : `${name} dw`,
    macs: pixels * depth * to,
    run: call(which, [x, w, 0, 0, y, scratch, ...geometry, ...limits]),
  };
}

/** dw and dx of a dense layer. */
function denseGradients({ name, rows, depth, columns }) {
  const { alloc, call } = instance(4 * (rows * depth + depth * panels(columns) + rows * columns + 8 * columns));
  const [x, w, dy, scratch] = [alloc(rows * depth), alloc(depth * panels(columns)), alloc(rows * columns), alloc(8 * columns)];
  const macs = rows * depth * columns;
  return [
    { name: `${name} dw`, macs, run: call('matmul_f32_grad_weight', [x, dy, w, rows, columns, depth, depth, columns]) },
    { name: `${name} dx`, macs, run: call('matmul_f32_grad_input', [dy, w, x, scratch, rows, columns, depth, columns, depth]) },
  ];
}

function depthwiseConvolution({ name, size, channels, stride }, which = '') {
  const out = Math.ceil(size / stride);
  const pad = ((out - 1) * stride + 3 - size) >> 1;
  const { alloc, call } = instance(4 * channels * (size * size + 9 + out * out) + 1024);
  const [x, w, y, scratch] = [alloc(size * size * channels), alloc(9 * channels), alloc(out * out * channels), alloc(64)];
  const geometry = [1, size, size, channels, out, out, channels, 3, 3, stride, stride, 1, 1, pad, pad, channels, 0];
  return {
    name: name + { '': '', _grad_weight: ' dw', _grad_input: ' dx' }[which],
    macs: 9 * out * out * channels,
    run: call(`depthwise_conv2d_f32${which}`, [x, w, 0, 0, y, scratch, ...geometry, ...limits]),
  };
}

const tiles = ceilings(flavour === 'relaxed');
const cases = [
  ...tiles,
  ...matmuls.map(matmul),
  ...pointwise.map((shape) => convolution(shape)),
  ...convolutions.flatMap((shape) => [convolution(shape), convolution(shape, 'conv2d_f32_grad_weight')]),
  ...dense.flatMap(denseGradients),
  ...depthwise.map((shape) => depthwiseConvolution(shape)),
  ...depthwise.slice(4, 6).flatMap((shape) => ['_grad_weight', '_grad_input'].map((which) => depthwiseConvolution(shape, which))),
];
for (const item of cases) {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < 60 || calls < 20) {
    item.run();
    calls++;
  }
  item.repeat = Math.max(1, Math.ceil((calls * 5) / (performance.now() - start)));
  item.seconds = [];
}
// Interleaved, so that a slow spell of a shared machine meets all cases.
for (let round = 0; round < ROUNDS; round++) {
  for (const item of cases) {
    const start = performance.now();
    for (let i = 0; i < item.repeat; i++) item.run();
    item.seconds.push((performance.now() - start) / item.repeat / 1000);
  }
}
const rows = cases.map(({ name, macs, bytes, seconds }) => {
  const sorted = [...seconds].sort((a, b) => a - b);
  const [median, best] = [sorted[ROUNDS >> 1], sorted[0]];
  return { name, gmacs: macs / median / 1e9, bestGmacs: macs / best / 1e9, ...(name.startsWith('gemv') && { gbs: bytes / median / 1e9 }) };
});
const top = Math.max(...rows.slice(0, tiles.length).map(({ gmacs }) => gmacs));
console.log(`${cpus()[0]?.model}, Node ${process.versions.node}, ${flavour}: medians (best) of ${ROUNDS} interleaved rounds\n`);
for (const { name, gmacs, bestGmacs, gbs } of rows) {
  const share = `${((gmacs / top) * 100).toFixed(0)} %`.padStart(6);
  console.log(
    `${name.padEnd(30)} ${gmacs.toFixed(1).padStart(6)} (${bestGmacs.toFixed(1)}) GMAC/s ${share} of the ceiling${gbs ? `, ${gbs.toFixed(1)} GB/s` : ''}`,
  );
}
if (values.json) writeFileSync(values.json, JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model, flavour, rows }, null, 2));
