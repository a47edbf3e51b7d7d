import type { Elem } from '../core/elem.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Task } from '../core/task.ts';
import type { TensorType } from '../core/tensor.ts';

/** A tensor at a fixed place of linear memory. */
export interface Slot extends TensorType {
  readonly name: string;
  /** Byte address. */
  readonly address: number;
  /** Element type in the file the model came from, where it is not `dtype`: 64-bit integers are held as i32. */
  readonly type?: Elem;
  /** Of an output whose size is found at run time: the output with the number of valid entries, and the axis it counts. */
  readonly count?: { readonly name: string; readonly axis: number };
}

/** A state slot, and how the tensor a user sees is laid out in it (see `ir/variable.ts`). */
export interface StateSlot extends Slot {
  readonly role: 'parameter' | 'statistic' | 'moment' | 'counter' | 'stream';
  readonly layout: { readonly kind: 'rows' } | { readonly kind: 'panels'; readonly groups: number };
  readonly logicalShape: readonly number[];
}

export const regionNames = ['static', 'const', 'state', 'io', 'arena'] as const;
export type RegionName = (typeof regionNames)[number];

/** A contiguous part of linear memory, in bytes. */
export interface Region {
  readonly address: number;
  readonly bytes: number;
}

/** One entry point: kernel calls in order. */
export interface Method {
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  /** `kernels[calls[2i]](calls[2i + 1])` for each i: an index into `Program.kernels` and a record's address. */
  readonly calls: readonly number[];
}

/** What a host has to know to call the method `train`. */
export interface Training {
  readonly batchSize: number;
  /** By completed optimizer steps, which the state `step` counts. */
  readonly learningRate: number | Schedule;
  /** Batches an update takes: all but the last of them go to the method `accumulate`. */
  readonly accumulationSteps: number;
  /** Batches since the last update, in the state as it is in the file. */
  readonly accumulated: number;
}

/** Names, sizes and lifetimes of a method's nodes and arena buffers, which nothing but a profile needs (`profile/plan.ts` says the columns). */
export interface StoredPlan {
  readonly nodes: readonly (readonly [string, string, string, string, number, number, number])[];
  readonly buffers: readonly (readonly [string, string, string, number, number, number, number])[];
  readonly constants: Readonly<Record<string, number>>;
}

/**
 * Everything a host needs to run: entry points, the memory map, and the bytes to start with. Nothing is allocated after instantiation.
 */
export interface Program {
  readonly name: string;
  readonly regions: Readonly<Record<RegionName, Region>>;
  /** Bytes of linear memory in use, the reserved first ones included. */
  readonly totalBytes: number;
  readonly kernels: readonly string[];
  readonly methods: Readonly<Record<string, Method>>;
  /** Name of the method that runs a signature of a TFLite model, by its key, where signatures were asked for. */
  readonly signatures?: Readonly<Record<string, string>>;
  readonly state: readonly StateSlot[];
  readonly training?: Training;
  /** What it is for, where it is a classifier that says so. */
  readonly task?: Task;
  /** By method, where the file can be profiled. */
  readonly plans?: Readonly<Record<string, StoredPlan>>;
  /** Initial contents of static, const and state, which lie side by side. The rest starts as zeros. */
  readonly image: Uint8Array;
}

/** Address 0 means "absent" in records, so the first bytes stay unused. */
export const RESERVED_BYTES = 16;

export const PAGE_BYTES = 65536;

/** WebAssembly pages of the program's memory: initial = maximum. */
export const pagesOf = (program: Program): number => Math.ceil(program.totalBytes / PAGE_BYTES);
