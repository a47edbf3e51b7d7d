// What checkers of packages say of the tarball, its types, and its sizes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cache } from './install.mjs';
import { run } from './processes.mjs';
import { checkWorkerExample } from './workerExample.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a user's TypeScript resolves packages. */
const RESOLUTIONS = [
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];

export const packageChecks = [
  {
    name: 'publint',
    async check({ folder }) {
      const { publint } = await import(pathToFileURL(join(cache, 'node_modules/publint/src/index-node.js')).href);
      const { messages } = await publint({ pkgDir: join(folder, 'node_modules/thimble'), strict: true, pack: false });
      if (messages.length) throw new Error(messages.map(({ code, path }) => `${code} at ${path?.join('.')}`).join('\n'));
      return 'clean, strict';
    },
  },
  {
    name: 'are the types wrong',
    async check({ tarball }) {
      const attw = join(cache, 'node_modules/@arethetypeswrong/cli/dist/index.js');
      // Required from CommonJS the package is an ES module, which Node ≥ 20.19 allows: what the profile ignores.
      await run(process.execPath, [attw, tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-emoji']);
      return 'clean, profile esm-only';
    },
  },
  {
    name: 'types',
    async check({ folder }) {
      for (const resolution of RESOLUTIONS) {
        const compilerOptions = { ...resolution, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'], types: [] };
        const project = join(folder, 'types', `${resolution.moduleResolution}.json`);
        writeFileSync(
          project,
          JSON.stringify({
            compilerOptions: { ...compilerOptions, strict: true, noEmit: true, skipLibCheck: false },
            files: ['consumer.ts'],
          }),
        );
        await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project]);
      }
      return `a strict consumer compiles under ${RESOLUTIONS.map(({ moduleResolution }) => moduleResolution).join(' and ')}`;
    },
  },
  {
    name: 'the command line',
    async check({ folder }) {
      const said = execFileSync(process.execPath, [join(folder, 'node_modules/thimble/dist/cli.js'), '--version'], {
        encoding: 'utf8',
      }).trim();
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
      if (said !== version) throw new Error(`thimble --version says ${said}, not ${version}`);
      return said;
    },
  },
  { name: 'example: cloudflare-worker', check: checkWorkerExample },
  {
    name: 'trees shake',
    async check({ folder }) {
      const size = async (code) => (await bundled(folder, code)).length / 1024;
      const [one, layers, all] = [
        await size("import { tensor } from 'thimble'; console.log(tensor);"),
        await size("import { sequential, dense } from 'thimble'; console.log(sequential, dense);"),
        await size("import * as thimble from 'thimble'; console.log(thimble);"),
      ];
      if (one > 4 || layers > 0.75 * all) throw new Error(`tensor ${one} KiB, sequential and dense ${layers} KiB, all ${all} KiB`);
      return `tensor ${one.toFixed(1)} KiB, layers ${layers.toFixed(0)} KiB, all ${all.toFixed(0)} KiB (minified)`;
    },
  },
];

/** The entry chunk of `code` with what it imports statically, minified: kernels are in chunks that load when they are chosen. */
async function bundled(folder, code) {
  const entry = join(folder, 'shaken.mjs');
  mkdirSync(folder, { recursive: true });
  writeFileSync(entry, code);
  const outdir = join(folder, 'shaken');
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: folder,
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    external: ['node:*'],
    metafile: true,
    write: false,
  });
  const wanted = new Set();
  const visit = (path) => {
    if (wanted.has(path)) return;
    wanted.add(path);
    for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) if (kind === 'import-statement') visit(next);
  };
  visit('shaken/shaken.js');
  return Buffer.concat(outputFiles.filter(({ path }) => wanted.has(path.slice(folder.length + 1))).map(({ contents }) => contents));
}
