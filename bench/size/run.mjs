// Shipped bytes, gzipped: what a page or a bundle carries of thimble and of its peers. Usage: npm run bench:size -- [--json FILE]
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installPeers } from '../peers.mjs';
import { dist, shipped, sizesOf } from './shipped.mjs';

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const peers = join(
  installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@litertjs/core', 'onnxruntime-web']),
  'node_modules',
);

const flavours = ['scalar', 'simd', 'relaxed'];
const kernels = (flavour) => join(dist, `kernels/${flavour}.wasm`);
const runtime = [...shipped(join(dist, 'runtime.js'))];
const rows = [
  ['thimble/runtime, JavaScript', runtime],
  ...flavours.map((flavour) => [`kernels, ${flavour}`, [kernels(flavour)]]),
  ['thimble/runtime with simd kernels', [...runtime, kernels('simd')]],
  ['importers with simd kernels (load)', [...shipped(join(dist, 'parts/load.js')), kernels('simd')]],
  ['whole library with simd kernels', [...shipped(join(dist, 'index.js')), kernels('simd')]],
  [
    'onnxruntime-web',
    ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'].map((file) =>
      join(peers, 'onnxruntime-web/dist', file),
    ),
  ],
  [
    'LiteRT.js',
    [
      join(peers, '@litertjs/core/dist/index.js'),
      join(peers, '@litertjs/wasm-utils/dist/index.js'),
      ...['litert_wasm_internal.js', 'litert_wasm_internal.wasm'].map((file) => join(peers, '@litertjs/core/wasm', file)),
    ],
  ],
  [
    'tfjs-wasm (core and backend)',
    [
      join(peers, '@tensorflow/tfjs-core/dist/tf-core.min.js'),
      ...['tf-backend-wasm.min.js', 'tfjs-backend-wasm-simd.wasm'].map((file) => join(peers, '@tensorflow/tfjs-backend-wasm/dist', file)),
    ],
  ],
].map(([name, paths]) => ({ name, ...sizesOf(paths) }));

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(12);
console.log(`${''.padEnd(36)} ${'gzip'.padStart(12)} ${'plain'.padStart(12)}`);
for (const { name, bytes, gzip } of rows) console.log(`${name.padEnd(36)} ${kb(gzip)} ${kb(bytes)}`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ rows }, null, 2)}\n`);
