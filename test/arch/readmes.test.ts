import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { root } from './sources.ts';

const READMES = [
  'README.md',
  'src/README.md',
  'src/train/README.md',
  'src/data/digits/README.md',
  'assembly/README.md',
  'examples/cloudflare-worker/README.md',
  'examples/gateways/README.md',
  'test/formats/tflite/models/README.md',
  'test/train/golden/README.md',
];
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

describe('what a README names is there', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const files = ['src', 'assembly', 'test', 'bench', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`.replaceAll('\\', '/')),
  );

  test.each(READMES)('files and scripts of %s', (file) => {
    const text = textOf(file);
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path as string);
    const code = [...text.matchAll(/`(\w[\w./-]*\.(?:ts|mjs))`/g)].map(([, path]) => path as string);
    const missing = [
      ...links.filter((path) => !existsSync(join(root, dirname(file), path))),
      ...code.filter((path) => !path.includes('NAME') && !files.some((source) => `/${source}`.endsWith(`/${path}`))),
    ];
    expect(missing).toEqual([]);
    const called = [...text.matchAll(/npm (?:run )?(test|start|[\w]+:[\w]+|build|check|fuzz|golden|conformance|format)\b/g)].map(
      ([, name]) => name as string,
    );
    expect(called.filter((name) => !(name in scripts))).toEqual([]);
  });
});

/** What the code blocks of README.md take for granted, in their order. */
const SURROUNDINGS: readonly string[] = [
  `import type { Shaped } from 'thimble';
   declare const images: Shaped, labels: Int32Array, testImages: Shaped, testLabels: Int32Array;`,
  `import type { Model } from 'thimble'; declare const model: Model;`,
  `import type { Model } from 'thimble'; import type { Preprocessing } from 'thimble/data';
   declare const model: Model, classes: readonly string[], spec: Preprocessing, jpegBytes: Uint8Array;`,
  `import type { Preprocessing, Samples } from 'thimble/data'; import type { Tensor } from 'thimble';
   declare const onnxBytes: Uint8Array, classes: readonly string[], spec: Preprocessing;
   declare const train: Samples<{ x: Tensor; y: number }>, test: typeof train;`,
  `import type { Shaped } from 'thimble'; declare const bytes: Uint8Array, pixels: Int8Array, sileroBytes: Uint8Array, sr: Shaped;
   declare const decoderBytes: Uint8Array, tokens: Int32Array, token: Int32Array, position: Int32Array, next: Int32Array;`,
  `import { load } from 'thimble'; declare const bytes: Uint8Array, pixels: Float32Array;`,
  `import type { Model, Shaped, Task } from 'thimble'; import { type Image, type Preprocessing, preprocess } from 'thimble/data';
   declare const model: Model, image: Image, spec: Preprocessing, images: Shaped, table: Shaped, labels: Int32Array, task: Task;`,
  `import type { Model } from 'thimble'; declare const model: Model;`,
  `import type { Model, Shaped } from 'thimble';
   declare const model: Model, images: Shaped, testImages: Shaped, testLabels: Int32Array;`,
  'declare const bytes: Uint8Array, pixels: Float32Array, batch: Float32Array, labels: Int32Array;',
];

test('the code of README.md is TypeScript of the public entries', () => {
  const blocks = [...textOf('README.md').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string);
  expect(blocks).toHaveLength(SURROUNDINGS.length);
  const sources = new Map(blocks.map((code, i) => [join(root, `README.${i}.ts`), `${SURROUNDINGS[i]}\n${code}\nexport {};`]));
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const entry = (file: string) => [join(root, file)];
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      // Of users' projects few have more than `strict`.
      noUncheckedIndexedAccess: false,
      paths: {
        thimble: entry('src/index.ts'),
        'thimble/data': entry('src/data/index.ts'),
        'thimble/explain': entry('src/explain/index.ts'),
        'thimble/runtime': entry('src/hosts/runtime.ts'),
      },
    },
    root,
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.getSourceFile = (file, ...rest) => {
    const text = sources.get(file);
    return text === undefined ? getSourceFile(file, ...rest) : ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  const problems = [...sources.keys()].flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ messageText, start = 0 }) =>
        `${sources.get(file)?.slice(0, start).split('\n').at(-1)}⟨here⟩ ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
  expect(problems).toEqual([]);
}, 60_000);
