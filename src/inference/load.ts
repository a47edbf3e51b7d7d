import type { Shape } from '../core/shape.ts';
import { taskOf } from '../core/task.ts';
import type { Tensor } from '../core/tensor.ts';
import type { ExternalData } from '../formats/onnx/elements.ts';
import { Importer } from '../formats/onnx/importer.ts';
import { decodeModel } from '../formats/onnx/proto.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import { optimize } from '../passes/optimize.ts';
import { build } from '../program/build.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { InferenceModel, withPorts } from './model.ts';
import { isStored, loadStored } from './stored.ts';

export interface LoadOptions {
  /**
   * Extents of inputs that the model leaves open: `{ image: [1, 3, 224, 224] }` by input, or `{ batch: 4 }` by the name of a dimension. An open
   * first axis is 1.
   */
  readonly shapes?: Readonly<Record<string, Shape | number>>;
  /** Inputs that never change; they become constants of the program. Operands that decide on shapes have to be constant. */
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** Bytes, or text such as '256KB', that the whole linear memory may use. */
  readonly budget?: number | string;
  /** Kernels to run on; where left out or `auto`, the fastest this host accepts that pass their self-test. `simd` and `scalar` give the same bits everywhere. */
  readonly flavour?: Flavour | 'auto';
  /** The bytes of a file that holds external tensor data, by the location the model states. */
  readonly externalData?: ExternalData;
}

/**
 * Reads an ONNX model (operator sets 7 and newer), optimizes it, plans its memory to the byte and compiles it to a program; or takes the
 * program of a `.thimble` file as it is.
 * @throws FORMAT for damaged bytes, UNSUPPORTED_OP or UNSUPPORTED_ATTR listing every node thimble cannot run, SHAPE where shapes are open or do
 * not fit, INPUT for names the model does not have, BUDGET where the plan exceeds `budget`.
 * Files need not be trusted: import takes bounded time, and allocates at most 256 MiB and 1 KiB for each byte of the file (a linear memory
 * apart: it is allocated, as planned, at the first run).
 */
export async function load(bytes: Uint8Array, options: LoadOptions = {}): Promise<InferenceModel> {
  const { shapes, constants, budget, flavour = 'auto', externalData } = options;
  const kernels = await kernelsFor(flavour);
  if (isStored(bytes)) return loadStored(bytes, kernels, budget);
  const proto = decodeModel(bytes);
  const imported = new Importer(proto, bytes.length, externalData).run({ shapes, constants });
  const graph = optimize(imported.graph);
  const { program, memory, methods } = build([graph], { name: proto.graph.name || 'model', budget });
  const task = taskOf(proto.metadata);
  const annotated = { ...withPorts(program, graph.name, imported), ...(task && { task }) };
  return new InferenceModel(annotated, kernels, memory, methods[graph.name], imported.graph);
}
