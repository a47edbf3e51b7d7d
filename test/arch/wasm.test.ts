import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import binaryen from 'assemblyscript/binaryen';
import { describe, expect, test } from 'vitest';
import { recordsSource } from '../../assembly/build.mjs';
import { kernels } from '../../src/kernels/list.ts';
import { root } from './sources.ts';

const text = (file: string) => readFileSync(join(root, file), 'utf8');

test('assembly/records.ts is generated from src/kernels/records.ts', async () => {
  expect(text('assembly/records.ts')).toBe(await recordsSource());
});

test('assembly/index.ts is the export list and nothing else', () => {
  const rest = text('assembly/index.ts')
    .replace(/^export \{[\w\s,]*\} from '\.\/kernels\/\w+';$/gm, '')
    .trim();
  expect(rest).toBe('');
});

describe.each(['scalar', 'simd', 'relaxed'])('the %s module', (flavour) => {
  const module = binaryen.readBinary(readFileSync(join(root, `dist/kernels/${flavour}.wasm`)));
  const wat = module.emitText();
  const exports = Array.from({ length: module.getNumExports() }, (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)));

  test('imports a memory of any size and nothing else', () => {
    expect(wat.match(/\(import .*/g)).toEqual([expect.stringMatching(/^\(import "env" "memory" \(memory \S+ [01]\)\)$/)]);
  });

  test('exports exactly the kernels of src/kernels/list.ts, each taking one address', () => {
    expect(exports.map(({ name }) => name).sort()).toEqual(Object.keys(kernels).sort());
    const kernel = (value: string) => binaryen.getFunctionInfo(module.getFunction(value));
    const wrong = exports.filter(({ value }) => kernel(value).params !== binaryen.i32 || kernel(value).results !== binaryen.none);
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test('owns no memory: no static data, no allocator, no state, no start function', () => {
    expect(wat.match(/\(data .*|\(memory\.grow|\(global .*\(mut .*|\(start .*|\(table .*/g)).toBeNull();
  });

  test('uses the instructions of its flavour', () => {
    const simd = /\bv128\b/.test(wat);
    const relaxed = /\.relaxed_|_relaxed_/.test(wat);
    expect({ simd, relaxed: relaxed && flavour !== 'relaxed' }).toEqual({ simd: flavour !== 'scalar', relaxed: false });
  });
});
