import { alignUp } from '../core/bytes.ts';
import type { DType } from '../core/dtype.ts';
import { rateAt } from '../core/schedule.ts';
import { byteLength, type TensorType } from '../core/tensor.ts';
import type { Method, Program, Slot } from '../program/format.ts';

/**
 * What a standalone module shows its host. All numbers are little endian; addresses are bytes in the exported memory, which never grows.
 *
 * | export | gives |
 * |---|---|
 * | `memory` | the linear memory: initial = maximum |
 * | `abi_version() → i32` | 1 |
 * | `input_count(method) → i32`, `output_count(method) → i32` | tensors of a method; 0 for a method the module does not have |
 * | `input(method, index) → ptr`, `output(method, index) → ptr` | a `thimble_tensor`, or 0 |
 * | `state_count() → i32`, `state(index) → ptr` | the tensors that outlive a call, in memory layout |
 * | `state_data() → ptr`, `state_bytes() → i32` | all of them: copy the bytes to save, overwrite them to restore |
 * | `infer()`, and where the model trains `train_step()`, `accumulate()`, `evaluate()` | runs a method: write its inputs first, read its outputs after |
 * | `reset()` | puts the state back to what the module was made with |
 * | `weights_data() → ptr`, `weights_bytes() → i32` | only with separate weights: where the host puts the file's bytes before anything runs |
 *
 * Methods by number: 0 infer, 1 train_step, 2 accumulate, 3 evaluate. A `thimble_tensor` is six u32: data (ptr), bytes, dtype (0 f32, 1 i32, 2 i8, 3 u8,
 * 4 bool), rank, shape (ptr to rank u32), name (ptr to UTF-8 that ends with 0). Data is row-major. `learningRate` starts as the rate the model was
 * compiled with (of a schedule, the first), `sampleWeight` as ones. Under gradient accumulation over n batches the host calls `accumulate` n - 1 times,
 * then `train_step`.
 */
export const ABI_VERSION = 1;

/** Exported methods by number, and the program's methods they are made of. */
const METHODS = [
  { name: 'infer', of: ['infer', 'predict'] },
  { name: 'train_step', of: ['train'] },
  { name: 'accumulate', of: ['accumulate'] },
  { name: 'evaluate', of: ['evaluate'] },
] as const;

export type MethodName = (typeof METHODS)[number]['name'];

/** Codes of element types. */
const DTYPES: Readonly<Record<DType, number>> = { f32: 0, i32: 1, i8: 2, u8: 3, bool: 4 };

/** Bytes of a `thimble_tensor`. */
export const TENSOR_BYTES = 24;

/** A method as it is exported. */
export interface Exported {
  readonly name: MethodName;
  readonly number: number;
  readonly method: Method;
}

/** The methods of `program` that a module exports; only inference without `training`. */
export function exportedMethods(program: Program, training: boolean): Exported[] {
  return METHODS.slice(0, training ? METHODS.length : 1).flatMap(({ name, of }, number) => {
    const found = of.map((candidate) => program.methods[candidate]).find((method) => method);
    return found ? [{ name, number, method: found }] : [];
  });
}

/** Bytes at fixed addresses: what the module's memory starts with. */
export interface Placed {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Tables and texts appended behind a program's memory. Addresses are final. */
export class Descriptions {
  readonly #start: number;
  readonly #parts: Placed[] = [];
  #end: number;

  constructor(start: number) {
    this.#start = alignUp(start);
    this.#end = this.#start;
  }

  /** Address behind all parts. */
  get end(): number {
    return this.#end;
  }

  /** Appends `bytes` and returns their address. */
  add(bytes: Uint8Array): number {
    const address = this.#end;
    this.#parts.push({ address, bytes });
    this.#end = alignUp(address + bytes.length, 4);
    return address;
  }

  /** Appends UTF-8 with a zero at its end. */
  text(text: string): number {
    return this.add(new TextEncoder().encode(`${text}\0`));
  }

  /** Appends a table of `thimble_tensor`s. */
  tensors(slots: readonly Slot[]): number {
    const words = slots.flatMap((slot) => {
      const shape = this.add(bytesOf(Uint32Array.from(slot.shape)));
      return [slot.address, byteLength(slot), DTYPES[slot.dtype], slot.shape.length, shape, this.text(slot.name)];
    });
    return this.add(bytesOf(Uint32Array.from(words)));
  }

  /** One block of all parts. */
  placed(): Placed {
    const bytes = new Uint8Array(this.#end - this.#start);
    for (const part of this.#parts) bytes.set(part.bytes, part.address - this.#start);
    return { address: this.#start, bytes };
  }
}

const bytesOf = (words: Uint32Array | Float32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** Inputs of training that a host need not write: their names, and what they start with. */
export function defaultsOf({ training, methods }: Program): Placed[] {
  const inputs = [...(methods.train?.inputs ?? []), ...(methods.accumulate?.inputs ?? [])];
  return inputs.flatMap((slot) => {
    const value = defaultOf(slot.name, training);
    return value === undefined ? [] : [{ address: slot.address, bytes: bytesOf(new Float32Array(elementsOf(slot)).fill(value)) }];
  });
}

const elementsOf = (type: TensorType): number => byteLength(type) / 4;

/** The value an input of training starts with; undefined for those a host must write. */
export function defaultOf(name: string, training: Program['training']): number | undefined {
  if (name === 'sampleWeight') return 1;
  return name === 'learningRate' && training ? rateAt(training.learningRate, 0) : undefined;
}

/** Whether the methods change the state, so that `reset` has something to do. Counters of a training step stand still while it is not called. */
export const isStateful = (program: Program, training: boolean): boolean =>
  program.state.some(({ role }) => training || role === 'stream' || (role === 'counter' && !program.training));
