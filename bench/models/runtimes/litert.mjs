import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** LiteRT.js on XNNPACK. It is made for browsers' workers: `self` and `importScripts` are what it misses in Node, and its loader is CommonJS. */
export async function openLiteRt(peers) {
  const folder = join(peers, 'litert-loader');
  const wasm = join(peers, 'node_modules/@litertjs/core/wasm');
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    for (const file of readdirSync(wasm)) copyFileSync(join(wasm, file), join(folder, file));
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
  }
  const require = createRequire(join(folder, 'index.js'));
  globalThis.self = globalThis;
  globalThis.importScripts = (path) => {
    globalThis.ModuleFactory = require(path);
  };
  const litert = await import(pathToFileURL(join(peers, 'node_modules/@litertjs/core/dist/index.js')).href);
  const relaxed = await litert.supportsFeature('relaxedSimd');
  await quietly(() => litert.loadLiteRt(`${folder}/`));
  return [
    {
      runtime: 'LiteRT.js',
      flavour: relaxed ? 'relaxed' : 'simd',
      async load({ form, bytes, kind }) {
        if (kind !== 'tflite') return undefined;
        const options = { accelerator: 'wasm', cpuOptions: { numThreads: 1 } };
        const model = await quietly(() => litert.loadAndCompile(new Uint8Array(bytes), options));
        const input = new litert.Tensor(form.input, form.shape);
        return {
          async run() {
            const [output] = await model.run([input]);
            const data = await output.data();
            output.delete();
            return data;
          },
          close() {
            input.delete();
            model.delete();
          },
        };
      },
    },
  ];
}

/** It reports on GPUs it does not find. */
async function quietly(action) {
  const { log, info, warn, error } = console;
  Object.assign(console, { log() {}, info() {}, warn() {}, error() {} });
  try {
    return await action();
  } finally {
    Object.assign(console, { log, info, warn, error });
  }
}
