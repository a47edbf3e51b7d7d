// Models on one thread: thimble against onnxruntime-web, tfjs-wasm, LiteRT.js and native onnxruntime in one interleaved run, outputs checked first.
// Usage: npm run bench:models -- [--node PATH] [--only TEXT] [--json FILE] [--profile]. --profile shows the steps of thimble instead.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { installPeers } from '../peers.mjs';
import { modelsFolder } from './cases.mjs';

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});
if (!existsSync(modelsFolder)) {
  console.error(`The models are not here: this benchmark reads them from ${modelsFolder}`);
  process.exit(1);
}
const script = (name) => fileURLToPath(new URL(name, import.meta.url));
if (values.profile) {
  execFileSync(values.node, [script('profile.mjs'), values.only], { stdio: 'inherit' });
  process.exit();
}
const peers = installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@litertjs/core', 'onnxruntime-web', 'onnxruntime-node']);

const { stdout, status } = spawnSync(values.node, [script('measure.mjs'), peers, values.only], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status) process.exit(status);
// Runtimes write to the standard output as well.
const { node, cpu, ceiling, rows } = JSON.parse(stdout.trim().split('\n').at(-1));

const gmacs = (n) => n.toFixed(1).padStart(6);
console.log(
  `${cpu}, Node ${node}, one thread: medians in ms. Micro-kernel ceiling, f32: ${Object.entries(ceiling)
    .filter(([, value]) => value)
    .map(([flavour, value]) => `${flavour} ${value.toFixed(1)}`)
    .join(', ')} GMAC/s`,
);
for (const model of new Set(rows.map((row) => row.model))) {
  const own = rows.filter((row) => row.model === model);
  const ours = own.filter(({ runtime }) => runtime === 'thimble').sort((a, b) => a.medianMs - b.medianMs);
  console.log(`\n${model}`);
  for (const { runtime, flavour, format, medianMs, p25Ms, gmacs: speed, bytes } of own) {
    const limit = model.endsWith('int8') ? undefined : ceiling[flavour];
    const notes = [
      `${gmacs(speed)} GMAC/s${limit ? ` (${((speed / limit) * 100).toFixed(0)} % of the ceiling)` : ''}`,
      ...(bytes ? [`${(bytes / medianMs / 1e6).toFixed(0)} GB/s`] : []),
      ...(runtime !== 'thimble' && ours.length ? [`thimble takes ${(ours[0].medianMs / medianMs).toFixed(2)}×`] : []),
    ];
    const name = `${runtime} ${flavour}`.padEnd(24);
    console.log(`  ${name} ${format.padEnd(6)} ${medianMs.toFixed(4).padStart(9)} (p25 ${p25Ms.toFixed(4)})  ${notes.join(', ')}`);
  }
}
if (values.json) {
  const kept = rows.map(({ format, bytes, ...row }) => row);
  writeFileSync(values.json, `${JSON.stringify({ node, cpu, rows: kept }, null, 2)}\n`);
}
