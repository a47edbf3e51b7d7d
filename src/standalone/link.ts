import type Binaryen from 'binaryen';
import { ThimbleError } from '../core/errors.ts';
import { commandBytes } from '../hosts/command.ts';
import { PAGE_BYTES, type Program } from '../program/format.ts';
import {
  ABI_VERSION,
  Descriptions,
  defaultOf,
  defaultsOf,
  type Exported,
  exportedMethods,
  isStateful,
  type Placed,
  TENSOR_BYTES,
} from './abi.ts';
import { messages, usageOf } from './messages.ts';

type Module = Binaryen.Module;
type Expression = Binaryen.ExpressionRef;

export interface LinkOptions {
  /** `wasm`: a reactor without imports; `wasi`: a command for WASI preview 1. */
  readonly target: 'wasm' | 'wasi';
  /** Whether training is exported. */
  readonly training: boolean;
  /** Weights and constants stay out of the module: the host writes them into its memory. */
  readonly separateWeights: boolean;
  /** Whether the state's first value is a passive segment; else it is in memory a second time, for engines without `memory.init`. */
  readonly passiveState: boolean;
}

/** A module and what belongs to it. */
export interface Linked {
  readonly wasm: Uint8Array;
  /** With separate weights: the bytes for `weights_data()`. */
  readonly weights: Uint8Array | undefined;
  readonly memoryBytes: number;
}

/** Bytes the command keeps for itself: SCRATCH_BYTES of assembly/wasi/host.ts. */
const SCRATCH_BYTES = 12288;
/** Instructions that modules may have. */
const FEATURES = ['MutableGlobals', 'SignExt', 'NontrappingFPToInt', 'BulkMemory', 'BulkMemoryOpt', 'SIMD128', 'RelaxedSIMD'] as const;

/**
 * Links `program` with the kernels it calls to one module: its memory in place of the imported one, records and weights as data, a function a
 * method. Kernels that are not called are gone; the others are as they were, so the bits are those of the kernels' module.
 */
export async function link(program: Program, kernels: Uint8Array, options: LinkOptions): Promise<Linked> {
  const binaryen = await loadBinaryen();
  const module = binaryen.readBinary(kernels);
  try {
    return await new Linker(binaryen, module, program, options).link();
  } finally {
    module.dispose();
  }
}

async function loadBinaryen(): Promise<typeof Binaryen> {
  try {
    return (await import('binaryen')).default;
  } catch {
    throw new ThimbleError('INPUT', 'standalone modules are linked with binaryen, which is not installed', {
      hint: 'npm install binaryen',
    });
  }
}

class Linker {
  readonly #binaryen: typeof Binaryen;
  readonly #module: Module;
  readonly #program: Program;
  readonly #options: LinkOptions;
  readonly #methods: readonly Exported[];
  readonly #descriptions: Descriptions;
  readonly #resets: boolean;

  constructor(binaryen: typeof Binaryen, module: Module, program: Program, options: LinkOptions) {
    this.#binaryen = binaryen;
    this.#module = module;
    this.#program = program;
    this.#options = options;
    this.#methods = exportedMethods(program, options.training);
    this.#descriptions = new Descriptions(program.totalBytes);
    this.#resets = isStateful(program, options.training) && !options.separateWeights;
  }

  async link(): Promise<Linked> {
    const module = this.#module;
    const { Features } = this.#binaryen;
    module.setFeatures(FEATURES.reduce((all, name) => all | Features[name], Features.MVP));
    const kernels = this.#takeKernels();
    this.#addMethods(kernels);
    this.#addTables();
    this.#addState();
    if (this.#options.target === 'wasi') await this.#addCommand();
    const pages = this.#setMemory();
    module.runPasses(['remove-unused-module-elements', 'strip-debug', 'strip-producers']);
    if (!module.validate()) throw new Error('the linked module is not valid');
    const { regions, image } = this.#program;
    const weights = this.#options.separateWeights ? image.slice(regions.const.address) : undefined;
    return { wasm: module.emitBinary(), weights, memoryBytes: pages * PAGE_BYTES };
  }

  /** Drops the kernels' exports; returns their internal names by name. */
  #takeKernels(): Map<string, string> {
    const module = this.#module;
    const { getExportInfo } = this.#binaryen;
    const infos = Array.from({ length: module.getNumExports() }, (_, i) => getExportInfo(module.getExportByIndex(i)));
    for (const { name } of infos) module.removeExport(name);
    return new Map(infos.map(({ name, value }) => [name, value]));
  }

  /** A function for each method: its kernel calls in order. */
  #addMethods(kernels: ReadonlyMap<string, string>): void {
    const { none } = this.#binaryen;
    const module = this.#module;
    for (const { name, method } of this.#methods) {
      const calls: Expression[] = [];
      for (let i = 0; i < method.calls.length; i += 2) {
        const kernel = this.#program.kernels[method.calls[i] as number] as string;
        const record = module.i32.const(method.calls[i + 1] as number);
        calls.push(module.call(kernels.get(kernel) as string, [record], none));
      }
      module.addFunction(name, none, none, [], module.block(null, calls));
      if (this.#options.target === 'wasm') module.addFunctionExport(name, name);
    }
  }

  /** What describes the model: tables of tensors, and functions that look into them. */
  #addTables(): void {
    const inputs = this.#methods.map(({ number, method }) => ({ number, slots: method.inputs }));
    const outputs = this.#methods.map(({ number, method }) => ({ number, slots: method.outputs }));
    for (const [name, tables] of [
      ['input', inputs],
      ['output', outputs],
    ] as const) {
      const placed = tables.map(({ number, slots }) => ({ number, count: slots.length, address: this.#descriptions.tensors(slots) }));
      this.#exportFunction(
        `${name}_count`,
        1,
        this.#choose(placed, ({ count }) => this.#const(count)),
      );
      this.#exportFunction(
        name,
        2,
        this.#choose(placed, ({ address, count }) => this.#element(address, count, 1)),
      );
    }
    this.#exportFunction('abi_version', 0, this.#const(ABI_VERSION));
  }

  #addState(): void {
    const { state, regions } = this.#program;
    this.#exportFunction('state_count', 0, this.#const(state.length));
    this.#exportFunction('state', 1, this.#element(this.#descriptions.tensors(state), state.length, 0));
    this.#exportFunction('state_data', 0, this.#const(regions.state.address));
    this.#exportFunction('state_bytes', 0, this.#const(regions.state.bytes));
    if (this.#options.separateWeights) {
      this.#exportFunction('weights_data', 0, this.#const(regions.const.address));
      this.#exportFunction('weights_bytes', 0, this.#const(regions.io.address - regions.const.address));
      return;
    }
    const { none } = this.#binaryen;
    const module = this.#module;
    module.addFunction('reset', none, none, [], this.#resets ? this.#firstState() : module.nop());
    if (this.#options.target === 'wasm') module.addFunctionExport('reset', 'reset');
    // The state is in the module once: the same bytes start it and reset it.
    if (this.#resets) module.setStart(module.getFunction('reset'));
  }

  /** Puts the first value into the state. */
  #firstState(): Expression {
    const { regions, image } = this.#program;
    const { address, bytes } = regions.state;
    const [to, length] = [this.#const(address), this.#const(bytes)];
    const { memory } = this.#module;
    if (this.#options.passiveState) return memory.init('state', to, this.#const(0), length, MEMORY);
    return memory.copy(to, this.#const(this.#descriptions.add(image.subarray(address, address + bytes))), length, MEMORY, MEMORY);
  }

  /** The memory and what it starts with. Returns its pages. */
  #setMemory(): number {
    const module = this.#module;
    const pages = Math.ceil(this.#descriptions.end / PAGE_BYTES);
    const { regions, image } = this.#program;
    const part = (from: number, to: number): Placed => ({ address: from, bytes: image.subarray(from, to) });
    const { separateWeights } = this.#options;
    const fixed = part(0, separateWeights ? regions.const.address : this.#resets ? regions.state.address : image.length);
    const active = [fixed, this.#descriptions.placed(), ...defaultsOf(this.#program)].flatMap(withoutZeros);
    const segments = active.map(({ address, bytes }, i) => ({
      name: `data${i}`,
      data: bytes,
      offset: this.#const(address),
      passive: false,
    }));
    if (this.#resets && this.#options.passiveState) {
      const data = image.subarray(regions.state.address, regions.state.address + regions.state.bytes);
      segments.push({ name: 'state', data, offset: 0, passive: true });
    }
    module.setMemory(pages, pages, 'memory', segments, false, false, MEMORY);
    return pages;
  }

  /** Takes in the command: assembly/wasi, whose imports from `model` become functions here. */
  async #addCommand(): Promise<void> {
    const binaryen = this.#binaryen;
    const module = this.#module;
    const command = binaryen.readBinary(await commandBytes());
    try {
      const provided = this.#addProvided();
      for (let i = 0; i < command.getNumFunctions(); i++) {
        const { name, module: from, base, params, results, vars, body } = binaryen.getFunctionInfo(command.getFunctionByIndex(i));
        if (from === 'model') {
          const target = provided.get(base ?? '');
          if (!target) throw new Error(`the command needs model.${base}`);
          const types = binaryen.expandType(params);
          const operands = types.map((type, at) => module.local.get(at, type));
          module.addFunction(name, params, results, [], module.call(target, operands, results));
        } else if (from) module.addFunctionImport(name, from, base ?? '', params, results);
        else module.addFunction(name, params, results, vars, module.copyExpression(body));
      }
      const start = binaryen.getExportInfo(command.getExport('_start'));
      module.addFunctionExport(start.value, '_start');
    } finally {
      command.dispose();
    }
  }

  /** What assembly/wasi/host.ts imports from `model`: internal names by name. */
  #addProvided(): Map<string, string> {
    const module = this.#module;
    const { none, i32 } = this.#binaryen;
    const texts = messages(usageOf(this.#program, this.#methods)).map((text) => this.#descriptions.text(text));
    const table = this.#descriptions.add(new Uint8Array(Uint32Array.from(texts).buffer));
    const scratch = this.#descriptions.add(new Uint8Array(SCRATCH_BYTES));
    const fed = this.#methods.map(({ number, method }) => {
      const slots = method.inputs.filter(({ name }) => number === 0 || defaultOf(name, this.#program.training) === undefined);
      return { number, count: slots.length, address: this.#descriptions.tensors(slots) };
    });
    const loss = this.#methods.find(({ name }) => name === 'train_step')?.method.outputs.find(({ name }) => name === 'loss');
    this.#addFunction(
      'fed_count',
      1,
      this.#choose(fed, ({ count }) => this.#const(count)),
    );
    this.#addFunction(
      'fed',
      2,
      this.#choose(fed, ({ address, count }) => this.#element(address, count, 1)),
    );
    this.#addFunction('scratch', 0, this.#const(scratch));
    this.#addFunction('loss', 0, this.#const(loss?.address ?? 0));
    this.#addFunction(
      'message',
      1,
      module.i32.load(0, 4, module.i32.add(this.#const(table), module.i32.mul(this.#local(0), this.#const(4))), MEMORY),
    );
    const runs = this.#methods.map(({ name, number }) => {
      const call = name === 'train_step' ? this.#nextTrainingStep() : module.call(name, [], none);
      return module.if(module.i32.eq(this.#local(0), this.#const(number)), call);
    });
    module.addFunction('run', i32, none, [], module.block(null, runs));
    const names = ['scratch', 'message', 'fed_count', 'fed', 'output_count', 'output', 'run', 'loss', 'state_data', 'state_bytes'];
    return new Map(names.map((name) => [name, name]));
  }

  /** A call of `train_step`; under gradient accumulation over n batches, n - 1 of `accumulate` before it. */
  #nextTrainingStep(): Expression {
    const { none, i32 } = this.#binaryen;
    const module = this.#module;
    const { accumulationSteps = 1, accumulated = 0 } = this.#program.training ?? {};
    if (accumulationSteps <= 1) return module.call('train_step', [], none);
    module.addGlobal('accumulated', i32, true, this.#const(accumulated));
    const count = () => module.global.get('accumulated', i32);
    return module.block(null, [
      module.global.set('accumulated', module.i32.add(count(), this.#const(1))),
      module.if(
        module.i32.lt_s(count(), this.#const(accumulationSteps)),
        module.call('accumulate', [], none),
        module.block(null, [module.global.set('accumulated', this.#const(0)), module.call('train_step', [], none)]),
      ),
    ]);
  }

  #const(value: number): Expression {
    return this.#module.i32.const(value);
  }

  #local(index: number): Expression {
    return this.#module.local.get(index, this.#binaryen.i32);
  }

  /** Adds a function of `parameters` i32 that gives an i32. */
  #addFunction(name: string, parameters: number, body: Expression): void {
    const { i32, createType } = this.#binaryen;
    this.#module.addFunction(name, createType(new Array(parameters).fill(i32)), i32, [], body);
  }

  #exportFunction(name: string, parameters: number, body: Expression): void {
    this.#addFunction(name, parameters, body);
    if (this.#options.target === 'wasm') this.#module.addFunctionExport(name, name);
  }

  /** `of` the entry whose number is local 0, or 0. */
  #choose<T extends { readonly number: number }>(entries: readonly T[], of: (entry: T) => Expression): Expression {
    return entries.reduceRight(
      (otherwise, entry) => this.#module.if(this.#module.i32.eq(this.#local(0), this.#const(entry.number)), of(entry), otherwise),
      this.#const(0),
    );
  }

  /** Address of the tensor whose index is in `local`, or 0 behind the end. */
  #element(table: number, count: number, local: number): Expression {
    const module = this.#module;
    const { i32 } = module;
    const address = i32.add(this.#const(table), i32.mul(this.#local(local), this.#const(TENSOR_BYTES)));
    return module.select(i32.lt_u(this.#local(local), this.#const(count)), address, this.#const(0));
  }
}

/** Zeros in a row that are left out of the data: a segment of its own costs some 10 bytes. */
const WORTHWHILE = 32;

/** The parts of `placed` between long runs of zeros: memory starts as zeros. */
function withoutZeros({ address, bytes }: Placed): Placed[] {
  const parts: Placed[] = [];
  let start = 0;
  let zeros = 0;
  const cut = (end: number) => {
    if (end > start) parts.push({ address: address + start, bytes: bytes.subarray(start, end) });
  };
  for (let i = 0; i <= bytes.length; i++) {
    if (i < bytes.length && bytes[i] === 0) zeros++;
    else {
      if (zeros >= WORTHWHILE || i === bytes.length) {
        cut(i - zeros);
        start = i;
      }
      zeros = 0;
    }
  }
  return parts;
}

/** Internal name of the memory the kernels import. */
const MEMORY = 'mimport$0';
