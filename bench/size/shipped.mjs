import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** A script of the package and all it imports statically, as they are shipped; kernels, reports and the like are imported when they are wanted. */
export function shipped(entry, found = new Set()) {
  if (found.has(entry)) return found;
  found.add(entry);
  const text = readFileSync(entry, 'utf8');
  for (const [, path] of text.matchAll(/(?:\bfrom|\bimport)\s*"(\.[^"]+)"/g)) shipped(join(dirname(entry), path), found);
  return found;
}

/** Bytes of files, plain and gzipped one by one, as servers send them. */
export function sizesOf(paths) {
  const contents = [...paths].map((path) => readFileSync(path));
  return {
    bytes: contents.reduce((sum, { length }) => sum + length, 0),
    gzip: contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0),
  };
}
