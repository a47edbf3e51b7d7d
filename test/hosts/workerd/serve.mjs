// Runs the modules that wrangler bundled in workerd, through miniflare. Usage: node serve.mjs FOLDER MINIFLARE_ENTRY
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , folder, entry] = process.argv;
const { Miniflare } = await import(pathToFileURL(entry).href);
const types = { js: 'ESModule', wasm: 'CompiledWasm', thimble: 'Data', bin: 'Data' };
const files = readdirSync(folder).filter((name) => types[name.split('.').at(-1)] && !name.endsWith('.map'));
files.sort((a, b) => Number(b === 'worker.js') - Number(a === 'worker.js'));
const modules = files.map((name) => ({ type: types[name.split('.').at(-1)], path: name, contents: readFileSync(join(folder, name)) }));
const miniflare = new Miniflare({ modules, compatibilityDate: '2026-04-01' });
try {
  const response = await miniflare.dispatchFetch('http://localhost/');
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  console.log(text);
} finally {
  await miniflare.dispose();
}
