// Writes digits.wasm, its clients and some digits into the folder of each host. Usage: node build.mjs [MODEL.thimble|.safetensors] [FOLDER]
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { decode, loadModel } from '../../dist/index.js';
import { clients, compileStandalone } from '../../dist/standalone.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const [, , model = join(root, 'thimble-digits/digits.safetensors'), folder = here] = process.argv;

/** A .thimble file that can train, or a saved model that becomes one. */
async function programOf(path) {
  const bytes = new Uint8Array(readFileSync(path));
  if (path.endsWith('.thimble')) return decode(bytes);
  return decode((await loadModel(bytes)).export({ training: true, name: 'digits' }));
}

const program = await programOf(model);
const { wasm } = await compileStandalone(program, { training: true });
/** For interpreters, which have no SIMD or are slower with it. */
const { wasm: scalar } = await compileStandalone(program, { training: true, flavour: 'scalar' });
const sources = clients(program, 'digits', { training: true });

// A digit to classify, then 32 to train on: 64 pixels from 0 to 16 and the label, as bytes.
const rows = gunzipSync(readFileSync(join(root, 'src/data/digits/digits.csv.gz')))
  .toString()
  .trim()
  .split('\n')
  .slice(0, 33);
const digits = Uint8Array.from(rows.flatMap((row) => row.split(',').map(Number)));

/** Where a host wants its client. */
const places = {
  go: { 'digits.go': 'digits/digits.go' },
  python: { 'digits.py': 'digits.py' },
  rust: { 'digits.rs': 'src/digits.rs' },
  c: { 'digits.h': 'digits.h' },
  node: { 'digits.mjs': 'digits.mjs' },
  wasm3: {},
  wamr: { 'digits.h': 'digits.h' },
};
for (const [host, files] of Object.entries(places)) {
  const target = join(folder, host);
  if (folder !== here) cpSync(join(here, host), target, { recursive: true });
  for (const [name, path] of Object.entries(files)) {
    mkdirSync(join(target, path, '..'), { recursive: true });
    writeFileSync(join(target, path), sources[name]);
  }
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, 'digits.wasm'), host === 'wasm3' || host === 'wamr' ? scalar : wasm);
  writeFileSync(join(target, 'digits.bin'), digits);
}
console.log(`digits.wasm: ${(wasm.length / 1024).toFixed(1)} KB with weights and training, scalar ${(scalar.length / 1024).toFixed(1)} KB`);
