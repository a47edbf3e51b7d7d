// Shipped bytes, gzipped: what a page or a bundle carries of thimble and of its peers. Usage: npm run bench:size -- [--json FILE]
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { installPeers } from '../peers.mjs';

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const peers = join(
  installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@litertjs/core', 'onnxruntime-web']),
  'node_modules',
);

const sizesOf = (paths) => {
  const contents = paths.map((path) => readFileSync(path));
  return {
    bytes: contents.reduce((sum, { length }) => sum + length, 0),
    gzip: contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0),
  };
};

/** `entry` and all it imports statically; kernels, reports and the like are imported when they are wanted. */
function closure(entry, found = new Set()) {
  if (found.has(entry)) return found;
  found.add(entry);
  const text = readFileSync(entry, 'utf8');
  for (const [, path] of text.matchAll(/(?:\bfrom|\bimport)\s*"(\.[^"]+)"/g)) closure(join(dirname(entry), path), found);
  return found;
}

const flavours = ['scalar', 'simd', 'relaxed'];
const kernels = (flavour) => join(dist, `kernels/${flavour}.wasm`);
const runtime = [...closure(join(dist, 'runtime.js'))];
const rows = [
  ['thimble/runtime, JavaScript', runtime],
  ...flavours.map((flavour) => [`kernels, ${flavour}`, [kernels(flavour)]]),
  ['thimble/runtime with simd kernels', [...runtime, kernels('simd')]],
  ['importers with simd kernels (load)', [...closure(join(dist, 'parts/load.js')), kernels('simd')]],
  ['whole library with simd kernels', [...closure(join(dist, 'index.js')), kernels('simd')]],
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
