// From the start of the process to the first DS-CNN inference, each runtime in a fresh process, in turns; the build is there, files are in the
// cache. thimble from the .thimble file it is deployed as, and from ONNX. Usage: npm run bench:start -- [--node PATH] [--rounds N] [--json FILE]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load } from '../../dist/index.js';
import { cases, modelsFolder } from '../models/cases.mjs';
import { installPeers } from '../peers.mjs';

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    rounds: { type: 'string', default: '15' },
    json: { type: 'string' },
  },
});
if (!existsSync(modelsFolder)) {
  console.error(`The models are not here: this benchmark reads them from ${modelsFolder}`);
  process.exit(1);
}
const peers = installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@litertjs/core', 'onnxruntime-web']);
const [item] = await cases('dscnn_kws');
const folder = mkdtempSync(join(tmpdir(), 'thimble-start-'));
const onnx = join(folder, 'model.onnx');
const tflite = join(folder, 'model.tflite');
const program = join(folder, 'model.thimble');
writeFileSync(onnx, item.onnx.bytes);
writeFileSync(tflite, item.tflite.bytes);
writeFileSync(program, (await load(item.onnx.bytes)).export());

const script = fileURLToPath(new URL('first.mjs', import.meta.url));
const entrants = [
  ['bare Node', 'bare', onnx],
  ['thimble/runtime, .thimble', 'runtime', program],
  ['thimble, ONNX', 'thimble', onnx],
  ['onnxruntime-web, ONNX', 'onnxruntime-web', onnx],
  ['tfjs-wasm, its first convolution', 'tfjs-wasm', onnx],
  ['LiteRT.js, TFLite', 'LiteRT.js', tflite],
].map(([name, runtime, path]) => ({ name, args: [script, runtime, path, peers], times: [] }));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { args, times } of entrants) {
    const output = execFileSync(values.node, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    times.push(Number(output.trim().split('\n').at(-1)));
  }
}
rmSync(folder, { recursive: true });
const rows = entrants.map(({ name, times }) => {
  const sorted = times.sort((a, b) => a - b);
  return { name, medianMs: sorted[sorted.length >> 1], leastMs: sorted[0] };
});
for (const { name, medianMs, leastMs } of rows)
  console.log(`${name.padEnd(34)} ${medianMs.toFixed(1).padStart(7)} ms (least ${leastMs.toFixed(1)})`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ rows }, null, 2)}\n`);
