// What `npm start` and `npm test` run first: installs what is missing, compiles the kernels, bundles the library and the CLI.
// Only what is stale is built again. `--types` also writes the declarations (slow; for publishing).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
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

/** The entries users import, and two that nobody does: they part the importers from training, so that a user's bundler can leave one out. */
const library = {
  index: 'src/index.ts',
  runtime: 'src/hosts/runtime.ts',
  data: 'src/data/index.ts',
  explain: 'src/explain/index.ts',
  'parts/load': 'src/inference/load.ts',
  'parts/train': 'src/train/model.ts',
};

/** What the bundles share. */
const settings = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  // A host reads all of a bundle before it runs any.
  minify: true,
  // Hosts print the whole line of code that an error came from.
  lineLimit: 160,
  logLevel: 'error',
  metafile: true,
  write: false,
};

/**
 * The bundles of each kind of host. On most, kernels are inlined, each flavour in a chunk of its own that is loaded when it is chosen. Workers
 * compile no bytes: there the bundle imports the .wasm files, which are modules.
 */
const bundles = [
  {
    ...settings,
    entryPoints: { ...library, standalone: 'src/standalone/index.ts', cli: 'src/cli/main.ts' },
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    // The CLI's plain libraries are dependencies; what draws the report is bundled (linkedom asks for canvas only where it is there).
    external: ['node:*', 'commander', 'cli-table3', 'fast-png', 'jpeg-js', 'canvas', 'binaryen'],
    loader: { '.gz': 'binary' },
    plugins: [{ name: 'inlined', setup: inlineKernels }],
  },
  {
    ...settings,
    entryPoints: library,
    outdir: 'dist/workerd',
    chunkNames: '[name]-[hash]',
    external: ['node:*', 'fast-png', 'jpeg-js'],
    plugins: [{ name: 'workerd', setup: useKernelModules }],
  },
];

/** Inlines .wasm files as base64 that the host decodes. */
function inlineKernels(build) {
  const decoder = JSON.stringify(join(root, 'src/hosts/base64.ts'));
  build.onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
    contents: `import { fromBase64 } from ${decoder};\nexport default fromBase64("${readFileSync(path, 'base64')}");`,
    loader: 'js',
  }));
}

/** Takes src/hosts/kernels.workerd.ts for kernels.ts, and leaves its imports of .wasm files in place. */
function useKernelModules(build) {
  build.onResolve({ filter: /\/kernels\.ts$/ }, ({ path, resolveDir }) =>
    resolve(resolveDir, path) === join(root, 'src/hosts/kernels.ts') ? { path: join(root, 'src/hosts/kernels.workerd.ts') } : undefined,
  );
  build.onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `../kernels/${basename(path)}`, external: true }));
}

/**
 * The files of a bundle. Each of its entries imports the chunk of esbuild's helpers for CommonJS modules, for what it may do: it does nothing, so those
 * that take no helper from it need not load it.
 */
function outputsOf({ outputFiles, metafile }) {
  const helpers = Object.entries(metafile.outputs).filter(([, { inputs }]) => Object.keys(inputs).every((input) => input === '<runtime>'));
  const unused = helpers.map(([path]) => new RegExp(`import"[^"]*/${basename(path)}";`, 'g'));
  return outputFiles.map(({ path, text }) => ({
    path,
    contents: unused.reduce((result, statement) => result.replace(statement, ''), text),
  }));
}

/** Writes the bundles, if a source changed since they were written. */
async function bundle(replaceFile) {
  const hash = createHash('sha256');
  for (const file of [...filesIn('src'), 'dist/kernels/stamp', 'package.json', 'package-lock.json'])
    hash.update(file).update(readFileSync(join(root, file)));
  const digest = hash.digest('hex');
  const stamp = join(root, 'dist/stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;

  const { build } = await import('esbuild');
  const results = await Promise.all(bundles.map(build));
  const outputFiles = results.flatMap(outputsOf);
  for (const { path, contents } of outputFiles) replaceFile(path, contents);
  const current = new Set(outputFiles.map(({ path }) => relative(root, path)));
  for (const file of ['chunks', 'parts', 'runtime', 'workerd'].flatMap((folder) => filesIn(`dist/${folder}`))) {
    if (!current.has(file)) rmSync(join(root, file), { force: true });
  }
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
