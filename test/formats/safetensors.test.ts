import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ThimbleError } from '../../src/core/errors.ts';
import { readSafetensors, type SafeTensor, writeSafetensors } from '../../src/formats/safetensors.ts';

const tensors = new Map<string, SafeTensor>([
  ['b', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 5, 6) }],
  ['a', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['c', { dtype: 'I64', shape: [], data: BigInt64Array.of(-(2n ** 40n)) }],
  ['empty', { dtype: 'F16', shape: [0, 4], data: new Uint16Array(0) }],
]);

it('reads what it writes, aligned or not', () => {
  const bytes = writeSafetensors(tensors, { note: 'hello' });
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  for (const input of [bytes, shifted.subarray(1)]) {
    const file = readSafetensors(input);
    expect(file.metadata).toEqual({ note: 'hello' });
    for (const [name, tensor] of tensors) expect(file.tensors.get(name)).toEqual(tensor);
  }
});

it("reads PyTorch's traces, and writes them back the same", () => {
  const folder = new URL('../train/golden/', import.meta.url);
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.safetensors'))) {
    const file = readSafetensors(readFileSync(new URL(name, folder)));
    expect(file.tensors.size).toBeGreaterThan(15);
    expect(readSafetensors(writeSafetensors(file.tensors, file.metadata))).toEqual(file);
  }
});

it('any damage is a FORMAT error or leaves a sound file', () => {
  const bytes = writeSafetensors(tensors, { note: 'hello' });
  fc.assert(
    fc.property(fc.nat(bytes.length), fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }), (length, edits) => {
      const damaged = bytes.slice(0, edits.length ? bytes.length : length);
      for (const [at, value] of edits) damaged[at] = value;
      try {
        for (const { data, shape } of readSafetensors(damaged).tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
      } catch (error) {
        expect(error).toBeInstanceOf(ThimbleError);
        expect((error as ThimbleError).code).toBe('FORMAT');
      }
    }),
    { numRuns: 2000 },
  );
});

it('the reference implementation reads it', (context) => {
  const path = join(mkdtempSync(join(tmpdir(), 'thimble-')), 'file.safetensors');
  writeFileSync(path, writeSafetensors(tensors, { note: 'hello' }));
  const script = `import sys
try:
  from safetensors import safe_open
except ImportError:
  sys.exit(3)
with safe_open(sys.argv[1], 'np') as f:
  print(f.metadata()['note'], f.get_tensor('b').tolist(), f.get_tensor('a').tolist(), f.get_tensor('c').tolist())`;
  try {
    expect(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim()).toBe(
      'hello [[1.0, -2.0, 3.5], [0.0, 5.0, 6.0]] [1, 2, 255] -1099511627776',
    );
  } catch (error) {
    const { status, code } = error as { status?: number; code?: string };
    if (status !== 3 && code !== 'ENOENT') throw error;
    context.skip('python3 with safetensors is not installed');
  }
});
