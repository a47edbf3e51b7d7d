import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { withExactDot } from './test/kernels/exactDot.ts';

/** The bytes of a file; with EXACT_DOT set, the relaxed kernels as they run on hosts with exact dot products of bytes. */
const bytesOf = (path: string): Uint8Array => {
  const bytes = new Uint8Array(readFileSync(path));
  return process.env.EXACT_DOT && path.endsWith('relaxed.wasm') ? withExactDot(bytes) : bytes;
};

/** Imports of .wasm and .gz are their bytes, as in the bundles (`src/build.mjs`). */
const binary = {
  name: 'binary',
  enforce: 'pre' as const,
  load(id: string) {
    if (!/\.(wasm|gz)$/.test(id)) return undefined;
    return `export default Uint8Array.from(atob(${JSON.stringify(Buffer.from(bytesOf(id)).toString('base64'))}), (c) => c.charCodeAt(0));`;
  },
};

export default defineConfig({
  plugins: [binary],
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, reporters: ['default'] },
});
