import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dist, shipped, sizesOf } from '../../bench/size/shipped.mjs';

/** Shipped bytes of the peers, gzip: onnxruntime-web 1.30, LiteRT.js 2.5, tfjs-wasm 4.22. */
const PEERS = 'onnxruntime-web 3.7 MB, LiteRT.js 2.9 MB, tfjs-wasm 0.4 MB';
const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;

it('thimble/runtime is at most 12 KiB of JavaScript as it is shipped, and the simd kernels at most 100 KiB, gzip', () => {
  const files = shipped(join(dist, 'runtime.js'));
  const script = sizesOf(files).gzip;
  const simd = sizesOf([join(dist, 'kernels/simd.wasm')]).gzip;
  console.log(`gzip: thimble/runtime ${kb(script)} in ${files.size} files, simd kernels ${kb(simd)}; ${PEERS}`);
  expect(files.size).toBeGreaterThan(1);
  expect(script).toBeGreaterThan(5_000);
  expect(script).toBeLessThanOrEqual(12 * 1024);
  expect(simd).toBeLessThanOrEqual(100 * 1024);
});
