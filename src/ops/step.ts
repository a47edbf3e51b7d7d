import type { TensorType } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import { type KernelName, kernels } from '../kernels/list.ts';
import { type FieldType, records } from '../kernels/records.ts';

/** A scratch buffer: lives during one node only. */
export interface Scratch {
  readonly scratch: number;
  readonly bytes: number;
}

/** An address the planner fills in: a byte offset into a value's buffer or a scratch buffer. */
export interface Address {
  readonly base: Value | Scratch;
  readonly offset: number;
}

type Fields<K extends KernelName> = (typeof records)[(typeof kernels)[K]];

/** The fields of kernel K's record: addresses for pointers (0 is "absent"), numbers for the rest. */
export type StepFields<K extends KernelName> = {
  readonly [F in keyof Fields<K>]: Fields<K>[F] extends 'ptr' ? Address | 0 : number;
};

/** One kernel call. */
export interface Step {
  readonly kernel: KernelName;
  readonly fields: Readonly<Record<string, Address | number>>;
}

/** What `lower` works with: the node's tensors as addresses, and a place to put steps. */
export class LowerContext<A = unknown> {
  readonly attrs: A;
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  /** Whether to ask for as little scratch as gives the same bits, in however much time. */
  readonly small: boolean;
  readonly steps: Step[] = [];
  readonly scratches: Scratch[] = [];
  readonly #node: Node;

  constructor(node: Node, small: boolean) {
    this.#node = node;
    this.small = small;
    this.attrs = node.attrs as A;
    this.inputs = node.inputs;
    this.outputs = node.outputs;
  }

  /** Address of input `index`, `offset` bytes in. */
  in(index: number, offset = 0): Address {
    return { base: this.#node.inputs[index] as Value, offset };
  }

  /** Address of an optional input: 0 where the node has none. */
  optional(index: number): Address | 0 {
    return index < this.#node.inputs.length ? this.in(index) : 0;
  }

  out(index = 0, offset = 0): Address {
    return { base: this.#node.outputs[index] as Value, offset };
  }

  /** A buffer of `bytes` that no other buffer overlaps while this node runs; its contents are undefined at first. 0 bytes: 0. */
  scratch(bytes: number): Address | 0 {
    if (bytes === 0) return 0;
    const base = { scratch: this.scratches.length, bytes };
    this.scratches.push(base);
    return { base, offset: 0 };
  }

  /** Appends a kernel call. */
  step<K extends KernelName>(kernel: K, fields: StepFields<K>): void {
    const record: Readonly<Record<string, FieldType>> = records[kernels[kernel]];
    const known = Object.keys(record);
    const given = Object.keys(fields);
    if (given.length !== known.length || known.some((field) => !(field in fields))) {
      throw new Error(`${kernel} takes { ${known.join(', ')} }, not { ${given.join(', ')} }`);
    }
    this.steps.push({ kernel, fields });
  }
}

/** Moves an address by `bytes`. */
export const offsetBy = (address: Address, bytes: number): Address => ({ base: address.base, offset: address.offset + bytes });
