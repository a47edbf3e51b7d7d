import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Imports of .wasm and .gz are their bytes, as in the bundles (`src/build.mjs`). */
const binary = {
  name: 'binary',
  enforce: 'pre' as const,
  load(id: string) {
    if (!/\.(wasm|gz)$/.test(id)) return undefined;
    return `export default Uint8Array.from(atob(${JSON.stringify(readFileSync(id).toString('base64'))}), (c) => c.charCodeAt(0));`;
  },
};

export default defineConfig({
  plugins: [binary],
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, reporters: ['default'] },
});
