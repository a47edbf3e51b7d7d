import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI } from 'node:wasi';
import { beforeAll, describe, expect, it } from 'vitest';
import { readNpy } from '../../src/data/npz.ts';
import { kernelsFor } from '../../src/hosts/kernels.ts';
import * as t from '../../src/index.ts';
import { decode } from '../../src/program/decode.ts';
import { RuntimeModel } from '../../src/runtime/model.ts';
import { compileStandalone } from '../../src/standalone/index.ts';

const BATCH = 4;
let module: WebAssembly.Module;
let session: RuntimeModel;
const folder = mkdtempSync(join(tmpdir(), 'thimble-wasi-'));

beforeAll(async () => {
  const model = t.sequential([t.input({ shape: [3, 2], name: 'x' }), t.flatten(), t.dense({ units: 5 })]);
  await model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', batchSize: BATCH });
  const program = decode(model.export({ training: true, name: 'small' }));
  const { wasm } = await compileStandalone(program, { target: 'wasi', training: true });
  module = new WebAssembly.Module(wasm as Uint8Array<ArrayBuffer>);
  session = new RuntimeModel(program, await kernelsFor('simd'));
});

/** Runs the command on Node's WASI with files for its streams. */
function run(input: Uint8Array, ...args: string[]) {
  const path = (name: string) => join(folder, name);
  writeFileSync(path('in'), input);
  const [stdin, stdout, stderr] = [openSync(path('in'), 'r'), openSync(path('out'), 'w+'), openSync(path('err'), 'w+')];
  const wasi = new WASI({
    version: 'preview1',
    args: ['model.wasm', ...args],
    stdin,
    stdout,
    stderr,
    preopens: { '/files': folder, '.': folder },
  });
  const code = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports));
  for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  return { code, out: new Uint8Array(readFileSync(path('out'))), errors: readFileSync(path('err'), 'utf8') };
}

/** A .npy file as NumPy writes it. */
function npy(data: ArrayBufferView, descr: string, shape: readonly number[], { version = 1, fortran = 'False' } = {}): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const prefix = version === 1 ? 10 : 12;
  const plain = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${tuple}), }`;
  const header = `${plain.padEnd(Math.ceil((prefix + plain.length + 1) / 64) * 64 - prefix - 1)}\n`;
  const length = Buffer.alloc(prefix - 8);
  length.writeUIntLE(header.length, 0, length.length);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY'), Buffer.from([version, 0]), length, Buffer.from(header), bytes]);
}

const x = (row: number) => Float32Array.from({ length: 6 }, (_, i) => Math.fround(Math.cos(row * 6 + i)));
const expected = (row: number) => session.run({ x: x(row) }).predictions?.data as Float32Array;
const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('inference', () => {
  it('raw in, raw out; .npy in, .npy out: the bits of a session', () => {
    expect(run(bytesOf(x(0)))).toEqual({ code: 0, out: bytesOf(expected(0)), errors: '' });
    const { code, out, errors } = run(npy(x(1), '<f4', [1, 3, 2]));
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(readNpy(out)).toEqual({ dtype: 'f32', shape: [1, 5], data: expected(1) });
    expect(out.indexOf(10) % 64).toBe(63);
  });

  it('sets of inputs one after the other, doubles, other ranks and versions of the format', () => {
    const { out } = run(Buffer.concat([bytesOf(x(0)), bytesOf(x(1)), bytesOf(x(2))]));
    expect(out).toEqual(new Uint8Array(Buffer.concat([0, 1, 2].map((row) => bytesOf(expected(row))))));
    const wide = npy(Float64Array.from(x(3)), '<f8', [6], { version: 2 });
    expect(readNpy(run(wide).out).data).toEqual(expected(3));
  });

  it('files in place of standard input, under the folders the host opens', () => {
    mkdirSync(join(folder, 'deep'), { recursive: true });
    writeFileSync(join(folder, 'deep/x.npy'), npy(x(4), '<f4', [1, 3, 2]));
    for (const path of ['/files/deep/x.npy', 'deep/x.npy', './deep/x.npy']) {
      expect(readNpy(run(new Uint8Array(), path).out).data).toEqual(expected(4));
    }
    expect(readNpy(run(npy(x(5), '<f4', [3, 2]), '-').out).data).toEqual(expected(5));
  });
});

it('training takes a step a set, says the losses, writes the state, and starts from one', () => {
  const labels = BigInt64Array.from([0n, 1n, 4n, 2n]);
  const rows = Float32Array.from([0, 1, 2, 3].flatMap((row) => [...x(row)]));
  const set = Buffer.concat([npy(rows, '<f4', [BATCH, 3, 2]), npy(labels, '<i8', [BATCH])]);
  const feeds = { x: rows, labels: Int32Array.from(labels, Number) };
  session.reset();
  const losses = [1, 2, 3].map(() => session.trainStep(feeds).loss);
  const first = run(Buffer.concat([set, set]), '--train');
  expect(first.errors).toBe(`step 1: loss ${losses[0]?.toFixed(6)}\nstep 2: loss ${losses[1]?.toFixed(6)}\n`);
  writeFileSync(join(folder, 'state'), first.out);
  const second = run(set, '--train', '--state', '/files/state');
  expect(second.errors).toBe(`step 1: loss ${losses[2]?.toFixed(6)}\n`);
  expect(second.out).toEqual(session.session.stateBytes);
  expect(run(bytesOf(x(0)), '--state', 'state').out).not.toEqual(run(bytesOf(x(0))).out);
  session.reset();
});

describe('what is wrong ends with exit code 1, one line, and no output', () => {
  const good = () => npy(x(0), '<f4', [1, 3, 2]);
  it.each([
    ['no input', () => run(new Uint8Array()), /x: no data on standard input/],
    ['raw data that ends early', () => run(bytesOf(x(0)).subarray(0, 23)), /x: the data ends early/],
    ['an array that ends early', () => run(good().subarray(0, 150)), /x: the data ends early/],
    ['a header that ends early', () => run(good().subarray(0, 40)), /x: the data ends early/],
    ['another type', () => run(npy(new Int32Array(6), '<i4', [6])), /x: the elements have another type/],
    ['another order of bytes', () => run(npy(x(0), '>f4', [6])), /x: the elements have another type or order/],
    ['columns first', () => run(npy(x(0), '<f4', [1, 3, 2], { fortran: 'True' })), /another type or order/],
    ['another shape', () => run(npy(x(0), '<f4', [1, 2, 3])), /x: the shape does not fit/],
    ['another number of elements', () => run(npy(x(0), '<f4', [1, 3, 2, 99999])), /x: the shape does not fit/],
    ['a huge extent', () => run(npy(x(0), '<f4', [1, 3, 2, 4294967296])), /x: the shape does not fit/],
    ['a header without a type', () => run(Buffer.from(good().map((byte) => (byte === 100 ? 120 : byte)))), /x: not a \.npy header/],
    ['raw data where .npy is asked for', () => run(bytesOf(x(0)), '--npy'), /x: not a \.npy header/],
    ['an unknown option', () => run(good(), '--fast'), /--fast: unknown option; see --help/],
    ['an option without its file', () => run(good(), '--state'), /--state: needs a file/],
    ['a state of another size', () => run(good(), '--state', 'in'), /in: not a state of this model/],
    ['a file that is not there', () => run(good(), 'nowhere.npy'), /nowhere\.npy: cannot be opened; the host must open its folder/],
    ['too many files', () => run(good(), 'in', 'more'), /more: one file too many/],
  ])('%s', (_, call, message) => {
    const { code, out, errors } = call();
    expect(errors).toMatch(message);
    expect(errors.match(/\n/g)).toHaveLength(1);
    expect(errors).toMatch(/^thimble: /);
    expect({ code, out: out.length }).toEqual({ code: 1, out: 0 });
  });
});

it('--help says what it reads and writes', () => {
  const { code, out } = run(new Uint8Array(), '--help');
  expect(code).toBe(0);
  expect(new TextDecoder().decode(out)).toMatch(
    /^small: .*\nreads x f32\[1,3,2\]\nwrites predictions f32\[1,5\]\n--train reads x f32\[4,3,2\], labels i32\[4\]\n/s,
  );
});
