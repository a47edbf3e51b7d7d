// What a user has: a page, and nothing about WebAssembly.
import { fileURLToPath } from 'node:url';

export default {
  root: fileURLToPath(new URL('.', import.meta.url)),
  logLevel: 'error',
  build: { outDir: 'vite', rollupOptions: { input: fileURLToPath(new URL('bundled.html', import.meta.url)) } },
};
