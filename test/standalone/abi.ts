import type { DType, TypedArray } from '../../src/core/dtype.ts';
import { viewOf } from '../../src/core/dtype.ts';

/** What a standalone module exports, as src/standalone/abi.ts documents it. */
export interface Exports {
  readonly memory: WebAssembly.Memory;
  abi_version(): number;
  input_count(method: number): number;
  input(method: number, index: number): number;
  output_count(method: number): number;
  output(method: number, index: number): number;
  state_count(): number;
  state(index: number): number;
  state_data(): number;
  state_bytes(): number;
  weights_data(): number;
  weights_bytes(): number;
  infer(): void;
  train_step(): void;
  accumulate(): void;
  reset(): void;
}

export interface StandaloneTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

const dtypes: readonly DType[] = ['f32', 'i32', 'i8', 'u8', 'bool'];

/** Reads the table of a method's inputs or outputs, as a host would. */
export function tensorsOf(exports: Exports, table: 'input' | 'output', method: number): StandaloneTensor[] {
  const { buffer } = exports.memory;
  const view = new DataView(buffer);
  return Array.from({ length: exports[`${table}_count`](method) }, (_, index) => {
    const at = exports[table](method, index);
    const [data, bytes, code, rank, shape, name] = [0, 4, 8, 12, 16, 20].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const dtype = dtypes[code] as DType;
    const text = new Uint8Array(buffer, name);
    return {
      name: new TextDecoder().decode(text.subarray(0, text.indexOf(0))),
      dtype,
      shape: [...new Uint32Array(buffer, shape, rank)],
      data: viewOf(dtype, buffer, data, bytes / (dtype === 'f32' || dtype === 'i32' ? 4 : 1)),
    };
  });
}
