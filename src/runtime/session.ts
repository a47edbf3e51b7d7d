import { type TypedArray, viewOf } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Method, type Program, pagesOf, type Slot, type StateSlot } from '../program/format.ts';
import { flavourOf, type Kernels } from './flavour.ts';
import { slotOf } from './ports.ts';

type Kernel = (record: number) => void;

interface BoundMethod {
  readonly method: Method;
  readonly kernels: readonly Kernel[];
  readonly records: readonly number[];
}

/** What a method takes: by input name, data in row-major order. */
export type Feeds = Readonly<Record<string, Tensor | TypedArray>>;

/** @throws FORMAT where `module` lacks a kernel of `program`. */
export function checkKernels({ name, kernels }: Program, module: WebAssembly.Module): void {
  const known = new Set(WebAssembly.Module.exports(module).map((entry) => entry.name));
  const missing = kernels.find((kernel) => !known.has(kernel));
  if (missing !== undefined)
    throw new ThimbleError('FORMAT', `the program calls the unknown kernel "${missing}"`, {
      node: name,
      hint: 'a newer thimble wrote it, or the file is damaged: compile the model again',
    });
}

/**
 * A program in its own linear memory. The memory is allocated once with initial = maximum: it never grows, views never detach, and nothing
 * is allocated while a method runs.
 */
export class Session {
  readonly program: Program;
  readonly memory: WebAssembly.Memory;
  /** The kernels it runs on: their flavour, and why it is this one. */
  readonly kernels: Kernels;
  readonly #methods: ReadonlyMap<string, BoundMethod>;
  readonly #views = new Map<Slot, TypedArray>();

  /**
   * @param kernels one flavour of the kernels, as `chooseKernels` gives them, or their module.
   * @throws FORMAT for a program that calls kernels the module does not have, TRAP where the host cannot allocate the memory.
   */
  constructor(program: Program, kernels: Kernels | WebAssembly.Module) {
    this.program = program;
    this.kernels = 'flavour' in kernels ? kernels : { module: kernels, flavour: flavourOf(kernels), reason: 'its module was given' };
    checkKernels(program, this.kernels.module);
    const pages = Math.max(1, pagesOf(program));
    try {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (error) {
      throw new ThimbleError('TRAP', `the host has no ${pages} pages of 64 KiB: ${(error as Error).message}`, { node: program.name });
    }
    const { exports } = new WebAssembly.Instance(this.kernels.module, { env: { memory: this.memory } });
    new Uint8Array(this.memory.buffer).set(program.image);
    const functions = program.kernels.map((name) => exports[name] as Kernel);
    this.#methods = new Map(
      Object.entries(program.methods).map(([name, method]) => {
        const { calls } = method;
        const bound: { kernels: Kernel[]; records: number[] } = { kernels: [], records: [] };
        for (let i = 0; i < calls.length; i += 2) {
          bound.kernels.push(functions[calls[i] as number] as Kernel);
          bound.records.push(calls[i + 1] as number);
        }
        return [name, { method, ...bound }];
      }),
    );
  }

  /**
   * Runs `method`: copies `feeds` in, calls the kernels, and returns views of the outputs, valid until the next run. An input that is not
   * fed keeps what it held.
   * @throws INPUT for an unknown method or input, a wrong dtype or a wrong size.
   */
  run(method: string, feeds: Feeds = {}): Record<string, Tensor> {
    const bound = this.#bound(method);
    for (const [name, data] of Object.entries(feeds)) this.#feed(method, bound.method, name, data);
    this.execute(method);
    return Object.fromEntries(bound.method.outputs.map((slot) => [slot.name, { ...typeOf(slot), data: this.view(slot) }]));
  }

  /** Runs the kernels of `method` only. `between` is called before each call with its index, and once after the last. */
  execute(method: string, between?: (call: number) => void): void {
    const { kernels, records } = this.#bound(method);
    try {
      for (let i = 0; i < kernels.length; i++) {
        between?.(i);
        (kernels[i] as Kernel)(records[i] as number);
      }
      between?.(kernels.length);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      throw new ThimbleError('TRAP', `method "${method}" stopped: ${error.message}`, { node: this.program.name });
    }
  }

  /** The memory behind `slot`, always the same array, as memory does not grow; writing to it writes the tensor. */
  view(slot: Slot): TypedArray {
    let view = this.#views.get(slot);
    if (!view) {
      view = viewOf(slot.dtype, this.memory.buffer, slot.address, sizeOf(slot.shape));
      this.#views.set(slot, view);
    }
    return view;
  }

  /** The slot of state `name`. @throws INPUT where the program has none of that name. */
  stateSlot(name: string): StateSlot {
    return slotOf(this.program.state, name, 'no state');
  }

  /** All state bytes: parameters, moments, statistics, counters. Copy them to save, overwrite them to restore. */
  get stateBytes(): Uint8Array {
    const { address, bytes } = this.program.regions.state;
    return new Uint8Array(this.memory.buffer, address, bytes);
  }

  #bound(method: string): BoundMethod {
    const bound = this.#methods.get(method);
    if (!bound) throw new ThimbleError('INPUT', `no method "${method}"`, { expected: [...this.#methods.keys()].join(', ') });
    return bound;
  }

  #feed(methodName: string, method: Method, name: string, given: Tensor | TypedArray): void {
    const slot = slotOf(method.inputs, name, `method "${methodName}" has no input`);
    const data = ArrayBuffer.isView(given) ? given : given.data;
    const target = this.view(slot);
    const wrongShape = !ArrayBuffer.isView(given) && !sameShape(given.shape, slot.shape);
    if (data.constructor !== target.constructor || data.length !== target.length || wrongShape) {
      const shape = ArrayBuffer.isView(given) ? `${data.length} elements` : formatShape(given.shape);
      throw new ThimbleError('INPUT', `input "${name}" does not fit`, {
        expected: `${slot.dtype} ${formatShape(slot.shape)} (${target.constructor.name} of ${target.length})`,
        got: `${data.constructor.name}, ${shape}`,
      });
    }
    target.set(data);
  }
}

const typeOf = ({ dtype, shape }: Slot) => ({ dtype, shape });
