// examples/cloudflare-worker in workerd, over HTTP: pictures in, JSON out, and a head that is trained and kept.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { cache } from './install.mjs';
import { run } from './processes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const digitsFile = join(root, 'src/data/digits/digits.csv.gz');
const ISOLATE_BYTES = 128 * 2 ** 20;
/** What the first request may take more than later ones: it loads the model, makes its memory, and runs cold code. The least of some lives counts. */
const START_MS = 50;
const LIVES = 3;

/** @param app folder with the tarball in node_modules */
export async function checkWorkerExample({ folder: app }) {
  const example = join(app, 'cloudflare-worker');
  cpSync(join(root, 'examples/cloudflare-worker'), example, { recursive: true });
  await run(process.execPath, [join(example, 'build.mjs'), digitsFile, join(example, 'model.thimble')]);
  const out = join(example, 'out');
  const wrangler = join(cache, 'node_modules/wrangler/bin/wrangler.js');
  const env = { WRANGLER_SEND_METRICS: 'false', CI: 'true' };
  await run(process.execPath, [wrangler, 'deploy', '--dry-run', '--outdir', out, '--config', join(example, 'wrangler.json')], {
    cwd: example,
    env,
  });
  const { Miniflare } = await import(pathToFileURL(join(cache, 'node_modules/miniflare/dist/src/index.js')).href);
  const storage = mkdtempSync(join(tmpdir(), 'thimble-storage-'));
  const modules = modulesOf(out);
  const options = {
    modules,
    compatibilityDate: '2026-04-01',
    durableObjects: { HEADS: { className: 'Head', useSQLite: true } },
    durableObjectsPersist: storage,
  };
  try {
    const { memoryBytes } = await withWorker(Miniflare, options, firstLife);
    // The isolate is new, the storage is not.
    await withWorker(Miniflare, options, secondLife);
    const bytes = modules.reduce((sum, { contents }) => sum + contents.length, 0);
    const gzip = modules.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
    if (bytes + memoryBytes > ISOLATE_BYTES) throw new Error(`${bytes} + ${memoryBytes} bytes do not fit into an isolate`);
    const starts = [];
    for (let life = 0; life < LIVES; life++) starts.push(await withWorker(Miniflare, options, startOf));
    const start = Math.min(...starts);
    if (start > START_MS) throw new Error(`the first request takes ${starts.map((ms) => ms.toFixed(0)).join(', ')} ms more than others`);
    const size = `bundle ${(bytes / 1024).toFixed(0)} KiB (gzip ${(gzip / 1024).toFixed(0)} KiB), model memory ${memoryBytes / 1024} KiB`;
    return `${size}, start ${start.toFixed(1)} ms`;
  } finally {
    rmSync(storage, { recursive: true, force: true });
  }
}

function modulesOf(folder) {
  const types = { js: 'ESModule', wasm: 'CompiledWasm', thimble: 'Data' };
  const files = readdirSync(folder).filter((name) => types[name.split('.').at(-1)]);
  files.sort((a, b) => Number(b === 'worker.js') - Number(a === 'worker.js'));
  return files.map((name) => ({ type: types[name.split('.').at(-1)], path: name, contents: readFileSync(join(folder, name)) }));
}

async function withWorker(Miniflare, options, use) {
  const miniflare = new Miniflare(options);
  try {
    return await use(await miniflare.ready);
  } finally {
    await miniflare.dispose();
  }
}

const rows = gunzipSync(readFileSync(digitsFile))
  .toString()
  .trim()
  .split('\n')
  .slice(0, 60)
  .map((row) => row.split(',').map(Number));

/** A digit as a picture eight times as large, so that it has to be resized. */
function picture(row, encodePixels) {
  const [width, height] = [64, 64];
  const pixel = (x, y) => Math.round((rows[row][(y >> 3) * 8 + (x >> 3)] * 255) / 16);
  return encodePixels(width, height, (i) => pixel(i % width, Math.floor(i / width)));
}

const png = (width, height, at) =>
  encode({ width, height, channels: 1, data: Uint8Array.from({ length: width * height }, (_, i) => at(i)) });
const jpg = (width, height, at) => {
  const data = Buffer.from(Array.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 ? 255 : at(i >> 2))));
  return jpeg.encode({ width, height, data }, 95).data;
};

const expect = (holds, problem) => {
  if (!holds) throw new Error(problem);
};

async function call(url, path, body) {
  const response = await fetch(new URL(path, url), { method: body === undefined ? 'GET' : 'POST', body });
  return { status: response.status, ...(await response.json()) };
}

async function firstLife(url) {
  const { verdicts } = await call(url, '/classify', picture(0, png));
  expect(verdicts?.length === 10, `/classify says ${JSON.stringify(verdicts)}`);
  expect(Math.abs(verdicts.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-6, 'probabilities do not add up to 1');
  let right = 0;
  for (let row = 0; row < rows.length; row++) {
    const answer = await call(url, '/classify', picture(row, row % 2 ? jpg : png));
    if (answer.verdicts[0].label === String(rows[row][64])) right++;
  }
  expect(right >= 54, `only ${right} of ${rows.length} pictures are recognised`);

  // Anna writes what looks like a 0 for a 7.
  const form = new FormData();
  for (const row of zeros.slice(0, 3)) form.append('7', new Blob([picture(row, png)]));
  const trained = await call(url, '/train?head=anna', form);
  expect(trained.status === 200 && trained.step === 20, `/train says ${JSON.stringify(trained)}`);
  expect(trained.losses[1] < trained.losses[0] / 4, `the loss went from ${trained.losses[0]} to ${trained.losses[1]}`);
  expect((await call(url, '/classify', picture(zeros[3], png))).verdicts[0].label === '0', 'training one head changed the shared model');
  expect((await call(url, '/classify?head=bert', picture(zeros[3], png))).verdicts[0].label === '0', 'training one head changed another');

  const refused = [
    [400, '/classify', new Uint8Array([1, 2, 3])],
    [400, '/classify', picture(0, png).subarray(0, 60)],
    [400, '/train', new FormData()],
    [400, '/train?head=anna', new FormData()],
    [400, '/train?head=anna', formOf('eleven', picture(0, png))],
    [404, '/other', new Uint8Array(1)],
    [405, '/classify', undefined],
  ];
  for (const [status, path, body] of refused) {
    const answer = await call(url, path, body);
    expect(answer.status === status && answer.error, `${path} says ${JSON.stringify(answer)}, not ${status}`);
  }
  const { memoryBytes, flavour } = await call(url, '/');
  expect(flavour === 'relaxed', `it runs on ${flavour} kernels`);
  return { memoryBytes };
}

/** Milliseconds that the first request of a new isolate takes more than the middle of five later ones. */
async function startOf(url) {
  const times = [];
  for (let request = 0; request < 6; request++) {
    const started = performance.now();
    await call(url, '/classify', picture(0, png));
    times.push(performance.now() - started);
  }
  const [first, ...later] = times;
  return first - later.sort((a, b) => a - b)[2];
}

const zeros = rows.flatMap((row, index) => (row[64] === 0 ? [index] : []));

function formOf(label, bytes) {
  const form = new FormData();
  form.append(label, new Blob([bytes]));
  return form;
}

async function secondLife(url) {
  const answer = await call(url, '/classify?head=anna', picture(zeros[0], png));
  expect(answer.step === 20, `the head is at step ${answer.step} after a restart, not 20`);
  expect(answer.verdicts[0].label === '7', `the head has forgotten: ${JSON.stringify(answer.verdicts.slice(0, 2))}`);
}
