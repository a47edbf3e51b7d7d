import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { importsOf, root, sourcesIn } from './sources.ts';

interface Layer {
  /** Layers (`ir`) or single files (`program/decode.ts`) this layer may import. */
  readonly uses: readonly string[];
  /** The same, for types only. */
  readonly types?: readonly string[];
  /** Packages and `node:` modules. */
  readonly packages?: readonly (string | RegExp)[];
}

const COMPILER = ['core', 'kernels', 'ir', 'ops', 'passes', 'plan', 'program', 'formats', 'layers'];
const LIBRARY = [
  ...COMPILER,
  'runtime',
  'hosts',
  'train',
  'inference',
  'export',
  'quantize',
  'transfer',
  'data',
  'explain',
  'profile',
  'report',
];

/** Which folder of src may import which: dependencies run one way. `index` is src/index.ts. */
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { uses: [] },
  kernels: { uses: ['core'] },
  ir: { uses: ['core'] },
  ops: { uses: ['ir', 'kernels', 'core'] },
  plan: { uses: ['ir', 'core'], types: ['kernels', 'ops'] },
  // The schedule pass minimises the peak, so it asks the planner for lifetimes.
  passes: { uses: ['ops', 'ir', 'core', 'kernels', 'plan/lifetimes.ts'] },
  // Lowering ends with the passes that every graph needs, those of training too.
  program: { uses: ['plan', 'ops', 'ir', 'kernels', 'core', 'passes/prune.ts', 'passes/schedule.ts', 'passes/sequences.ts'] },
  formats: { uses: ['ir', 'ops', 'core'], packages: ['flatbuffers'] },
  layers: { uses: ['ir', 'ops', 'core'] },
  runtime: { uses: ['core', 'kernels', 'program/decode.ts', 'program/format.ts', 'formats/safetensors.ts'] },
  hosts: { uses: ['runtime', 'core', 'kernels', 'program/decode.ts'], packages: [/^node:/] },
  train: { uses: [...COMPILER, 'runtime', 'hosts'] },
  inference: { uses: [...COMPILER, 'runtime', 'hosts'] },
  export: { uses: [...COMPILER, 'runtime', 'hosts', 'train', 'inference'] },
  quantize: { uses: [...COMPILER, 'runtime', 'hosts', 'train', 'inference', 'export'] },
  transfer: { uses: [...COMPILER, 'runtime', 'hosts', 'train', 'inference'] },
  data: { uses: ['core', 'hosts/files.ts'], packages: ['fast-png', 'jpeg-js'] },
  explain: { uses: LIBRARY },
  profile: { uses: LIBRARY },
  report: { uses: LIBRARY, packages: ['@observablehq/plot', 'linkedom'] },
  standalone: { uses: ['core', 'program/format.ts', 'hosts', 'runtime'], packages: ['binaryen'] },
  index: { uses: LIBRARY },
  cli: {
    uses: ['index', 'data', 'explain', 'report', 'standalone', 'core/preprocessing.ts', 'core/progressLine.ts', 'package.json'],
    packages: [/^node:/, 'commander', 'cli-table3'],
  },
};

const pathInSrc = (path: string) => path.replace(/^src\//, '');
const layerOf = (path: string) => (path === 'src/index.ts' ? 'index' : (pathInSrc(path).split('/')[0] as string));
const sources = sourcesIn('src');

test('every folder of src is a layer with a rule', () => {
  expect([...new Set(sources.map(layerOf))].filter((layer) => !LAYERS[layer])).toEqual([]);
});

describe('a layer imports only what is below it', () => {
  for (const [layer, { uses, types = [], packages = [] }] of Object.entries(LAYERS)) {
    const files = sources.filter((file) => layerOf(file) === layer);
    if (files.length === 0) continue;
    test(layer, () => {
      const forbidden: string[] = [];
      for (const file of files) {
        for (const { target, typeOnly, relative } of importsOf(file)) {
          const kernelBytes = layer === 'hosts' && /^dist\/(kernels|standalone)\/\w+\.wasm$/.test(target);
          const allowed = relative
            ? [layer, ...uses, ...(typeOnly ? types : [])].some((rule) => rule === layerOf(target) || rule === pathInSrc(target)) ||
              kernelBytes
            : packages.some((rule) => (typeof rule === 'string' ? rule === target : rule.test(target)));
          if (!allowed) forbidden.push(`${file} imports ${target}`);
        }
      }
      expect(forbidden).toEqual([]);
    });
  }
});

test('only hosts and the CLI name globals of Node, Deno and Bun', () => {
  const names = /\b(process\.\w+|Buffer\.\w+|__dirname|require\(|Deno\.\w+|Bun\.\w+)/;
  const portable = sources.filter((file) => !['hosts', 'cli'].includes(layerOf(file)));
  expect(portable.flatMap((file) => names.exec(readFileSync(join(root, file), 'utf8'))?.[0].concat(' in ', file) ?? [])).toEqual([]);
});

describe('the published entries', () => {
  async function inputsOf(entry: string) {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      packages: 'external',
      loader: { '.wasm': 'binary', '.gz': 'binary' },
      metafile: true,
      write: false,
      outdir: 'out',
    });
    const packages = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((i) => i.external).map((i) => i.path));
    // src/build.mjs puts flatbuffers into the bundle: users do not install it.
    return { files: Object.keys(metafile.inputs), packages: packages.filter((name) => name !== 'flatbuffers') };
  }

  test('thimble/runtime contains nothing of the compiler and no package', async () => {
    const { files, packages } = await inputsOf('src/hosts/runtime.ts');
    const runtime =
      /^src\/(core|kernels|runtime|hosts)\/|^src\/program\/(decode|format)\.ts$|^src\/formats\/safetensors\.ts$|^dist\/kernels\//;
    expect(files.filter((file) => !runtime.test(file))).toEqual([]);
    expect(packages).toEqual([]);
  });

  test('thimble/data contains nothing of the compiler and no package but its decoders', async () => {
    const { files, packages } = await inputsOf('src/data/index.ts');
    expect(files.filter((file) => !/^src\/(core|data|hosts)\//.test(file))).toEqual([]);
    expect([...new Set(packages)].filter((name) => !name.startsWith('node:')).sort()).toEqual(['fast-png', 'jpeg-js']);
  });

  test.each(['src/index.ts', 'src/explain/index.ts'])('%s needs no package', async (entry) => {
    const { packages } = await inputsOf(entry);
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual([]);
  });
});
