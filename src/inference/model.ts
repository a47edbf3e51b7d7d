import { ThimbleError } from '../core/errors.ts';
import { checkTask, type Task } from '../core/task.ts';
import type { Port } from '../formats/imported.ts';
import type { Graph } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { encode } from '../program/encode.ts';
import type { Method, Program, Slot } from '../program/format.ts';
import type { LoweredMethod } from '../program/lower.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { RuntimeModel } from '../runtime/model.ts';
import { infoOf, type TensorInfo, visible } from '../runtime/ports.ts';

/** A model that was loaded here: what runs, the graph it computes, and its memory to the byte. */
export class InferenceModel extends RuntimeModel {
  /** Bytes of each region, known before anything ran. */
  readonly memory: MemoryPlan;
  readonly #lowered: LoweredMethod | undefined;
  readonly #source: Graph | undefined;
  readonly #methods: Readonly<Record<string, LoweredMethod>>;

  /**
   * @param source the graph as it was imported.
   * @param methods what the program has besides inference: training.
   */
  constructor(
    program: Program,
    kernels: Kernels,
    memory: MemoryPlan,
    lowered?: LoweredMethod,
    source?: Graph,
    methods: Readonly<Record<string, LoweredMethod>> = {},
  ) {
    super(program, kernels);
    this.memory = memory;
    this.#lowered = lowered;
    this.#source = source;
    this.#methods = lowered ? { ...methods, [lowered.graph.name]: lowered } : methods;
  }

  /** Every method with its graph, kernel calls and buffers, by name; none for a model from a `.thimble` file. */
  get methods(): Readonly<Record<string, LoweredMethod>> {
    return this.#methods;
  }

  /** Inputs and outputs of the signatures of a TFLite model that were asked for, by their keys; `run` takes them. */
  get signatures(): Readonly<Record<string, { readonly inputs: readonly TensorInfo[]; readonly outputs: readonly TensorInfo[] }>> {
    const { signatures = {}, methods } = this.program;
    return Object.fromEntries(
      Object.entries(signatures).map(([key, name]) => {
        const { inputs, outputs } = methods[name] as Method;
        return [key, { inputs: inputs.map(infoOf), outputs: visible(outputs).map(infoOf) }];
      }),
    );
  }

  /** The optimized graph that the program computes. @throws INPUT for a model from a `.thimble` file, which holds none. */
  get graph(): Graph {
    return this.lowered.graph;
  }

  /** The graph with its kernel calls and buffers. @throws INPUT for a model from a `.thimble` file, which holds none. */
  get lowered(): LoweredMethod {
    return this.#need(this.#lowered);
  }

  /** Whether `graph`, `lowered` and `source` are there. */
  get hasGraph(): boolean {
    return this.#source !== undefined;
  }

  /** The graph as it was imported: what is exported and quantized. @throws INPUT for a model from a `.thimble` file, which holds none. */
  get source(): Graph {
    return this.#need(this.#source);
  }

  /** Nodes and multiply-accumulates of one run, by operator of the optimized graph. @throws INPUT for a model from a `.thimble` file. */
  get work(): Readonly<Record<string, { readonly nodes: number; readonly macs: number }>> {
    const work: Record<string, { nodes: number; macs: number }> = {};
    for (const node of this.graph.nodes) {
      const { nodes, macs } = work[node.op] ?? { nodes: 0, macs: 0 };
      work[node.op] = { nodes: nodes + 1, macs: macs + (opOf(node).macs?.(node.inputs, node.attrs, node.outputs) ?? 0) };
    }
    return work;
  }

  #need<T>(part: T | undefined): T {
    if (part !== undefined) return part;
    throw new ThimbleError('INPUT', 'a .thimble file holds no graph', { hint: 'load the model it was made from' });
  }

  /**
   * The model as a `.thimble` file, which `load` of `thimble/runtime` runs without the compiler.
   * @param task what the model is for, where its own file does not say: labels and preprocessing travel along.
   */
  export({ task = this.task }: { readonly task?: Task | undefined } = {}): Uint8Array {
    if (task) checkTask(task);
    return encode(task ? { ...this.program, task } : this.program);
  }
}

/** `program` with what is known of the border of method `name`: element types of the model's file, and counts of entries. */
export function withPorts(
  program: Program,
  name: string,
  ports: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] },
): Program {
  const method = program.methods[name];
  if (!method) return program;
  const annotate = (slots: readonly Slot[], of: readonly Port[]): Slot[] =>
    slots.map((slot) => {
      const port = of.find((candidate) => candidate.name === slot.name);
      return port ? { ...slot, type: port.elem, ...(port.count && { count: port.count }) } : slot;
    });
  const annotated = { ...method, inputs: annotate(method.inputs, ports.inputs), outputs: annotate(method.outputs, ports.outputs) };
  return { ...program, methods: { ...program.methods, [name]: annotated } };
}
