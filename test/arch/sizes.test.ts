import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, sourcesIn } from './sources.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const lines = (file: string) => read(file).split('\n').length - 1;

describe('a file fits in the head', () => {
  test('src: at most 350 lines', () => {
    expect(sourcesIn('src').filter((file) => lines(file) > 350)).toEqual([]);
  });
  test('assembly: at most 500 lines', () => {
    expect(sourcesIn('assembly').filter((file) => file !== 'assembly/records.ts' && lines(file) > 500)).toEqual([]);
  });
});

test('no tracked text names a place on a machine', () => {
  const names = new RegExp([`/wo${'rk'}/`, `\\bfa${'rm'}`].join('|'), 'i');
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const texts = files.filter(
    (file) => /\.(ts|mts|mjs|js|json|md|txt|html|ya?ml|toml|sh|css)$|^\.|^\.ci\//.test(file) && file !== 'package-lock.json',
  );
  expect(texts.filter((file) => names.test(readIfPresent(file)))).toEqual([]);
});

/** A file that git lists may be deleted in the working tree. */
function readIfPresent(file: string): string {
  try {
    return read(file);
  } catch {
    return '';
  }
}
