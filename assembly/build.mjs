// Builds assembly/records.ts, the three flavours of the kernels into dist/kernels, and the WASI command of standalone modules into dist/standalone.
// `build()` compiles only what is stale.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const root = fileURLToPath(new URL('..', import.meta.url));
const FLAVOURS = ['scalar', 'simd', 'relaxed'];
/** What is compiled: source and target of asconfig.json by file in dist. */
const MODULES = {
  ...Object.fromEntries(FLAVOURS.map((flavour) => [`kernels/${flavour}.wasm`, { entry: 'assembly/index.ts', target: flavour, flavour }])),
  'standalone/wasi.wasm': { entry: 'assembly/wasi/index.ts', target: 'wasi' },
};

// asc is single-threaded: each flavour compiles in a worker that runs this file.
if (!isMainThread && workerData?.file) parentPort.postMessage(await compile(MODULES[workerData.file]));

/** A module and the compiler's messages. asconfig.json has the options; its silenced warnings are about wasm64 and JS callers of v128. */
async function compile({ entry, target, flavour }) {
  const asc = await import('assemblyscript/asc');
  let bytes;
  const { error, stderr } = await asc.main([entry, '--target', target, '--baseDir', root], {
    writeFile: (_name, contents) => {
      bytes = contents;
    },
  });
  if (bytes && flavour) bytes = withSection(bytes, 'thimble.flavour', flavour);
  return { bytes, error: error?.message, messages: stderr.toString() };
}

/** `module` with a custom section: an id of 0, the size, the length of the name, the name, the contents. All lengths here are below 128. */
function withSection(module, name, contents) {
  const body = [name.length, ...Buffer.from(name + contents)];
  return Buffer.concat([module, Buffer.from([0, body.length, ...body])]);
}

function compileInWorker(file) {
  return new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: { file } }).on('message', resolve).on('error', reject);
  });
}

/** The text of assembly/records.ts: the table of src/kernels/records.ts as classes. */
export async function recordsSource() {
  const { build } = await import('esbuild');
  const entry = join(root, 'src/kernels/records.ts');
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  const { records } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const types = { ptr: 'usize', u32: 'u32', i32: 'i32', f32: 'f32' };
  const classes = Object.entries(records).map(([name, fields]) => {
    const lines = Object.entries(fields).map(([field, type]) => `  ${field}: ${types[type]};`);
    return `@unmanaged\nexport class ${name} {\n${lines.join('\n')}\n}\n`;
  });
  return `// GENERATED from src/kernels/records.ts by assembly/build.mjs.\n\n${classes.join('\n')}`;
}

const read = (path) => {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
};

/** Replaces the file at once, so that a process that reads it meanwhile never sees half of it. Leaves an equal file alone. */
export function replaceFile(path, contents) {
  const bytes = Buffer.from(contents);
  if (read(path)?.equals(bytes)) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, bytes);
  renameSync(draft, path);
}

/** Compiles the flavours if a source changed since they were built. */
export async function build() {
  replaceFile(join(root, 'assembly/records.ts'), await recordsSource());

  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'assembly'), { recursive: true }).filter((file) => /\.(ts|mjs)$/.test(file));
  for (const file of ['asconfig.json', 'package-lock.json', ...sources.map((source) => `assembly/${source}`).sort()]) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  const digest = hash.digest('hex');
  const stamp = join(root, 'dist/kernels/stamp');
  const files = Object.keys(MODULES);
  if (read(stamp)?.toString() === digest && files.every((file) => read(join(root, 'dist', file)))) return;

  const results = await Promise.all(files.map(compileInWorker));
  // The flavours share their sources, so they mostly share their errors too: the first failure says enough.
  const failed = results.findIndex((result) => result.error);
  if (failed >= 0) throw new Error(`${files[failed]} does not compile\n${results[failed].messages}${results[failed].error}`);
  const warned = results.find((result) => result.messages);
  if (warned) console.warn(warned.messages);
  results.forEach(({ bytes }, i) => {
    replaceFile(join(root, 'dist', files[i]), bytes);
  });
  replaceFile(stamp, digest);
}
