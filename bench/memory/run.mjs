// Linear memory of every bench model: thimble's regions, planned and actual, beside what the peers' modules hold after three runs.
// Then what 8-bit TFLite models need beside their weights, next to the arenas of TensorFlow Lite Micro; `--arenas`: only that.
// Usage: npm run bench:memory -- [--node PATH] [--only TEXT] [--json FILE] [--arenas]
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, modelsFolder } from '../models/cases.mjs';
import { installPeers } from '../peers.mjs';
import { printArenas } from './arenas.mjs';

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: process.execPath },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    arenas: { type: 'boolean', default: false },
  },
});
if (!existsSync(modelsFolder)) {
  console.error(`The models are not here: this benchmark reads them from ${modelsFolder}`);
  process.exit(1);
}
if (values.arenas) {
  await printArenas();
  process.exit(0);
}
const peers = installPeers(['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm', '@litertjs/core', 'onnxruntime-web']);
const script = fileURLToPath(new URL('measure.mjs', import.meta.url));

/** A runtime holds on to memory: each model gets a process of its own. */
function measured(runtime, model) {
  const output = execFileSync(values.node, [script, peers, runtime, model], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(output.trim().split('\n').at(-1));
}

const rows = [];
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`.padStart(10);
let isWrong = false;
for (const { name } of await cases(values.only)) {
  console.log(`\n${name}`);
  for (const runtime of ['thimble', 'onnxruntime-web', 'tfjs-wasm', 'LiteRT.js']) {
    const result = measured(runtime, name);
    if (!result) continue;
    const { linearBytes, plan } = result;
    rows.push({ model: name, runtime, linearBytes, ...plan });
    const notes = plan
      ? [
          `planned ${plan.totalBytes.toLocaleString('en-US')} bytes in ${plan.pages} pages`,
          ...Object.entries(plan.regions).map(([region, bytes]) => `${region} ${bytes.toLocaleString('en-US')}`),
        ]
      : [];
    console.log(`  ${runtime.padEnd(18)} ${mib(linearBytes)}  ${notes.join(', ')}`);
    if (plan && linearBytes !== plan.pages * 65536) {
      isWrong = true;
      console.log(`  the linear memory is not as planned: ${plan.pages * 65536} bytes`);
    }
  }
}
const tfliteMicro = await printArenas();
if (values.json) writeFileSync(values.json, `${JSON.stringify({ rows, tfliteMicro }, null, 2)}\n`);
process.exit(isWrong ? 1 : 0);
