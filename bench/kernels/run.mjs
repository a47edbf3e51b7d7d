// GMAC/s of the f32 and 8-bit matrix and convolution kernels against the fastest tile of such products in the first-level cache, all measured in one
// interleaved run.
// Usage: npm run bench:kernels -- [--node PATH] [--flavour simd|relaxed] [--only TEXT] [--json FILE]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { fewBits, networks, products, rows as rowShapes, trained } from '../shapes/kernels.mjs';
import { productCase, rowsCase } from './cases.mjs';
import { ceilings, int8Ceilings } from './ceiling.mjs';
import { fewBitsCase, hasInt8, int8Case, int16Case } from './int8.mjs';

const { values } = parseArgs({
  options: {
    node: { type: 'string' },
    flavour: { type: 'string', default: 'simd' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    kernels: { type: 'string' },
  },
});
if (values.node) {
  const rest = process.argv.slice(2).filter((arg, i, all) => arg !== '--node' && all[i - 1] !== '--node');
  execFileSync(values.node, [import.meta.filename ?? new URL(import.meta.url).pathname, ...rest], { stdio: 'inherit' });
  process.exit();
}
const { flavour } = values;

/** Median and best seconds of one call, from rounds of at least 4 ms. */
const ROUNDS = 15;

const module = new WebAssembly.Module(readFileSync(values.kernels ?? new URL(`../../dist/kernels/${flavour}.wasm`, import.meta.url)));
const tiles = ceilings(flavour === 'relaxed').map((tile) => ({ ...tile, products: 'f32' }));
const int8Tiles = int8Ceilings(flavour === 'relaxed').map((tile) => ({ ...tile, products: 'int8' }));
const groups = { products, ...networks };
/** Of 8-bit networks, rounded as TFLite's reference does. */
const int8Groups = Object.fromEntries(Object.entries(networks).map(([group, layers]) => [`${group} int8`, layers.filter(hasInt8)]));
/** Of 8-bit weights and activations of 16 bits; held to the ceiling of 8-bit products. */
const int16Groups = Object.fromEntries(['MobileNetV1 0.25, 96²'].map((group) => [`${group} int16×8`, networks[group]]));
const cases = [
  ...tiles,
  ...int8Tiles,
  ...Object.entries(groups).flatMap(([group, layers]) =>
    layers.map((layer) => ({ group, count: layer.count ?? 1, ...productCase(module, layer) })),
  ),
  ...Object.entries(int8Groups).flatMap(([group, layers]) =>
    layers.map((layer) => ({ group, count: layer.count ?? 1, products: 'int8', ...int8Case(module, layer, 0) })),
  ),
  ...Object.entries(int16Groups).flatMap(([group, layers]) =>
    layers.map((layer) => ({ group, count: layer.count ?? 1, products: 'int8', ...int16Case(module, layer) })),
  ),
  ...fewBits.flatMap((layer) => [
    { group: 'few bits', count: 1, ...productCase(module, layer) },
    ...[8, 4].map((bits) => ({ group: 'few bits', count: 1, ...fewBitsCase(module, layer, bits) })),
    { group: 'few bits', count: 1, ...fewBitsCase(module, layer, 8, true) },
  ]),
  ...trained.flatMap((layer) => ['', 'dw', 'dx'].map((which) => ({ group: 'training', count: 1, ...productCase(module, layer, which) }))),
  ...rowShapes.map((shape) => ({ group: 'rows', count: 1, ...rowsCase(module, shape) })),
].filter(({ group = '', name }) => !group || `${group} ${name}`.includes(values.only));

for (const item of cases) {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < 50 || calls < 20) {
    item.run();
    calls++;
  }
  item.repeat = Math.max(1, Math.ceil((calls * 4) / (performance.now() - start)));
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
const results = cases.map(({ name, group, count, products = 'f32', macs, bytes, elements, seconds }) => {
  const sorted = [...seconds].sort((a, b) => a - b);
  const [median, best] = [sorted[ROUNDS >> 1], sorted[0]];
  return { name, group, count, products, macs, bytes, elements, median, best };
});
/** Products a second of the fastest tile. */
const tops = Object.fromEntries(
  ['f32', 'int8'].map((products) => [
    products,
    Math.max(...results.filter((result) => !result.group && result.products === products).map(({ macs, median }) => macs / median)),
  ]),
);
const percent = (share) => `${(share * 100).toFixed(0)} %`.padStart(5);
console.log(`${cpus()[0]?.model}, Node ${process.versions.node}, ${flavour}: medians (best) of ${ROUNDS} interleaved rounds`);
let group;
for (const result of results) {
  const { name, count, products, macs, bytes, elements, median, best } = result;
  const top = tops[products];
  if (group !== result.group) {
    group = result.group;
    console.log(`\n${group}`);
  }
  const label = `${name}${count > 1 ? ` (${count})` : ''}`.padEnd(34);
  if (elements) console.log(`${label} ${(elements / median / 1e9).toFixed(2).padStart(6)} elements/ns`);
  else
    console.log(
      `${label} ${(macs / median / 1e9).toFixed(1).padStart(6)} (${(macs / best / 1e9).toFixed(1)}) GMAC/s ${percent(macs / median / top)} of the ceiling${name.startsWith('dense 1×') ? `, ${(bytes / median / 1e9).toFixed(0)} GB/s` : ''}`,
    );
}
console.log('\nproducts of whole networks');
for (const name of Object.keys({ ...networks, ...int8Groups, ...int16Groups })) {
  const own = results.filter((result) => result.group === name);
  if (own.length === 0) continue;
  const sum = (value) => own.reduce((total, result) => total + result.count * value(result), 0);
  const [seconds, macs] = [sum(({ median }) => median), sum((result) => result.macs)];
  const top = tops[own[0].products];
  console.log(
    `${name.padEnd(34)} ${(seconds * 1e3).toFixed(3).padStart(7)} ms, ${(macs / 1e6).toFixed(1)} M, ${percent(macs / seconds / top)} of the ceiling`,
  );
}
if (values.json)
  writeFileSync(values.json, JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model, flavour, results }, null, 2));
