// What a WASI preview 1 command is given: the system's calls, and what the linker knows of the model (src/standalone/link.ts).

@external('wasi_snapshot_preview1', 'fd_read')
export declare function fd_read(fd: i32, iovs: usize, iovsLength: i32, read: usize): i32;

@external('wasi_snapshot_preview1', 'fd_write')
export declare function fd_write(fd: i32, iovs: usize, iovsLength: i32, written: usize): i32;

@external('wasi_snapshot_preview1', 'fd_close')
export declare function fd_close(fd: i32): i32;

@external('wasi_snapshot_preview1', 'fd_prestat_get')
export declare function fd_prestat_get(fd: i32, prestat: usize): i32;

@external('wasi_snapshot_preview1', 'fd_prestat_dir_name')
export declare function fd_prestat_dir_name(fd: i32, path: usize, length: i32): i32;

@external('wasi_snapshot_preview1', 'path_open')
export declare function path_open(
  fd: i32,
  lookup: i32,
  path: usize,
  length: i32,
  open: i32,
  rights: i64,
  inherited: i64,
  flags: i32,
  opened: usize,
): i32;

@external('wasi_snapshot_preview1', 'args_sizes_get')
export declare function args_sizes_get(count: usize, bytes: usize): i32;

@external('wasi_snapshot_preview1', 'args_get')
export declare function args_get(argv: usize, buffer: usize): i32;

@external('wasi_snapshot_preview1', 'proc_exit')
export declare function proc_exit(code: i32): void;

/** Address of `SCRATCH_BYTES` that belong to the command. */
@external('model', 'scratch')
export declare function scratch(): usize;
/** Address of message `id` (src/standalone/messages.ts), which ends with a zero. */
@external('model', 'message')
export declare function message(id: i32): usize;
/** Methods: 0 infers, 1 trains. Inputs that have defaults, the learning rate and the weights of samples, are not among those of training. */
@external('model', 'fed_count')
export declare function fed_count(method: i32): i32;

@external('model', 'fed')
export declare function fed(method: i32, index: i32): usize;

@external('model', 'output_count')
export declare function output_count(method: i32): i32;

@external('model', 'output')
export declare function output(method: i32, index: i32): usize;
/** Runs a method. */
@external('model', 'run')
export declare function run(method: i32): void;
/** Address of the loss, or 0 where the model does not train. */
@external('model', 'loss')
export declare function loss(): usize;

@external('model', 'state_data')
export declare function state_data(): usize;

@external('model', 'state_bytes')
export declare function state_bytes(): i32;

/** A tensor of the model: the ABI's `thimble_tensor`. */
@unmanaged
export class Tensor {
  data: usize;
  bytes: u32;
  dtype: u32;
  rank: u32;
  shape: usize;
  name: usize;
}

/** Codes of `Tensor.dtype`. */
export const F32: u32 = 0;
export const I32: u32 = 1;
export const I8: u32 = 2;
export const U8: u32 = 3;
export const BOOL: u32 = 4;

/** Ids of messages: their order in src/standalone/messages.ts. */
export const USAGE: i32 = 0;
export const UNKNOWN_OPTION: i32 = 1;
export const NEEDS_VALUE: i32 = 2;
export const CANNOT_OPEN: i32 = 3;
export const CANNOT_READ: i32 = 4;
export const CANNOT_WRITE: i32 = 5;
export const ENDS_EARLY: i32 = 6;
export const BAD_HEADER: i32 = 7;
export const WRONG_TYPE: i32 = 8;
export const WRONG_SHAPE: i32 = 9;
export const OUT_OF_RANGE: i32 = 10;
export const TOO_MANY_FILES: i32 = 11;
export const TOO_FEW_FILES: i32 = 12;
export const DOES_NOT_TRAIN: i32 = 13;
export const LONG_ARGUMENTS: i32 = 14;
export const NO_INPUT: i32 = 15;
export const WRONG_STATE: i32 = 16;
export const STEP: i32 = 17;
export const LOSS: i32 = 18;
export const DESCR: i32 = 19;
export const DESCR_KEY: i32 = 20;
export const SHAPE_KEY: i32 = 21;
export const TYPES: i32 = 22;
export const OPTION_HELP: i32 = 23;
export const OPTION_TRAIN: i32 = 24;
export const OPTION_STATE: i32 = 25;
export const OPTION_RAW: i32 = 26;
export const OPTION_NPY: i32 = 27;
export const FORTRAN: i32 = 28;
export const PREFIX: i32 = 29;

/** The scratch: words of system calls first, then an argument area, then a page to read into. */
export const SCRATCH_BYTES: usize = 12288;
export const IOV: usize = 0;
export const RESULT: usize = 16;
export const ARGUMENTS: usize = 64;
export const ARGUMENT_BYTES: u32 = 4096;
export const CHUNK: usize = 4224;
export const CHUNK_BYTES: u32 = 8000;
