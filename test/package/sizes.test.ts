import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { root } from '../arch/sources.ts';

const KIB = 1024;
/** Shipped bytes of the peers, gzip: onnxruntime-web 1.30, LiteRT.js 2.5, tfjs-wasm 4.22. */
const PEERS = 'onnxruntime-web 3.7 MB, LiteRT.js 2.9 MB, tfjs-wasm 0.4 MB';

const gzipped = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;

it('thimble/runtime is at most 12 KB of JavaScript, and the simd kernels at most 100 KB, gzip', async () => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['dist/runtime.js'],
    outdir: 'out',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    logLevel: 'error',
    write: false,
  });
  // The kernels are in chunks that load when they are chosen; the rest is the entry.
  const entry = outputFiles.find(({ path }) => path.endsWith('runtime.js'));
  const script = gzipped(entry?.contents as Uint8Array);
  const simd = gzipped(readFileSync(join(root, 'dist/kernels/simd.wasm')));
  const size = (bytes: number) => `${(bytes / KIB).toFixed(1)} KB`;
  console.log(`gzip: thimble/runtime ${size(script)}, simd kernels ${size(simd)}; ${PEERS}`);
  expect(script).toBeGreaterThan(2 * KIB);
  expect(script).toBeLessThanOrEqual(12 * KIB);
  expect(simd).toBeLessThanOrEqual(100 * KIB);
});
