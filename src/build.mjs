// What `npm start` and `npm test` run first: installs what is missing, compiles the kernels, bundles the library and the CLI.
// Only what is stale is built again. `--types` also writes the declarations (slow; for publishing).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const windows = process.platform === 'win32';

/** Whether node_modules holds what package-lock.json names: npm keeps its own record of what it installed. */
function installed() {
  const packages = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  try {
    const present = packages('node_modules/.package-lock.json');
    return Object.entries(packages('package-lock.json')).every(
      ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
    );
  } catch {
    return false;
  }
}

function install() {
  if (installed()) return;
  console.log('installing dependencies …');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: windows,
  });
}

/** The files under `folder`, as paths from the root. */
function filesIn(folder) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** dist/index.js, dist/runtime/index.js and dist/cli.js, which share dist/chunks. Kernels are inlined, each flavour in a chunk of its own. */
async function bundle(replaceFile) {
  const hash = createHash('sha256');
  for (const file of [...filesIn('src'), 'dist/kernels/stamp', 'package-lock.json'])
    hash.update(file).update(readFileSync(join(root, file)));
  const digest = hash.digest('hex');
  const stamp = join(root, 'dist/stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;

  const { build } = await import('esbuild');
  const entries = { index: 'src/index.ts', 'runtime/index': 'src/runtime/index.ts', cli: 'src/cli/main.ts' };
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(join(root, path)))),
    outdir: 'dist',
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // The CLI's plain libraries are dependencies; what draws the report is bundled (linkedom asks for canvas only where it is there).
    external: ['node:*', 'commander', 'cli-table3', 'canvas'],
    target: 'es2022',
    loader: { '.wasm': 'binary', '.gz': 'binary' },
    logLevel: 'error',
    write: false,
  });
  for (const { path, contents } of outputFiles) replaceFile(path, contents);
  const current = new Set(outputFiles.map(({ path }) => relative(root, path)));
  for (const file of filesIn('dist/chunks')) if (!current.has(file)) rmSync(join(root, file), { force: true });
  replaceFile(stamp, digest);
}

try {
  install();
  const { build: buildKernels, replaceFile } = await import('../assembly/build.mjs');
  await buildKernels();
  await bundle(replaceFile);
  if (process.argv.includes('--types')) {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'src/tsconfig.types.json'], { cwd: root, stdio: 'inherit' });
  }
} catch (error) {
  // esbuild has printed its errors itself; a stack of this script adds nothing to any.
  if (!error.errors) console.error(error.message);
  process.exitCode = 1;
}
