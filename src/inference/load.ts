import { ThimbleError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { type Task, taskOf } from '../core/task.ts';
import type { Shaped } from '../core/tensor.ts';
import type { Imported } from '../formats/imported.ts';
import { type ExternalData, readExternal } from '../formats/onnx/external.ts';
import { Importer } from '../formats/onnx/importer.ts';
import { decodeModel } from '../formats/onnx/proto.ts';
import { statesOf } from '../formats/onnx/states.ts';
import { decodeModel as decodeTflite, isTflite } from '../formats/tflite/schema.ts';
import { importSignatures } from '../formats/tflite/signatures.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import { optimize } from '../passes/optimize.ts';
import { type Budget, mostBytes } from '../plan/budget.ts';
import { build } from '../program/build.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { InferenceModel, withPorts } from './model.ts';
import { bindShared, bindStates } from './states.ts';
import { isStored, loadStored } from './stored.ts';

export interface LoadOptions {
  /**
   * Extents of inputs that the model leaves open: `{ image: [1, 3, 224, 224] }` by input, or `{ batch: 4 }` by the name of a dimension. An open
   * first axis is 1.
   */
  readonly shapes?: Readonly<Record<string, Shape | number>>;
  /** Inputs that never change; they become constants of the program. Operands that decide on shapes have to be constant. */
  readonly constants?: Readonly<Record<string, Shaped>>;
  /**
   * Inputs that hold what an output had at the call before, with that output: `{ h: 'hn' }`. They become state of the model, which it keeps itself and
   * `reset` sets to zeros, or to what the file holds for the input.
   */
  readonly states?: Readonly<Record<string, string>>;
  /**
   * Bytes, or text such as '256KB', that the whole linear memory may use; or `least`: as few as give the same results. Where the fastest way does not fit,
   * layers at the peak take less scratch and more time, for the same bits (`memory.small` says so). Constants that an ONNX file makes of a few bytes may be
   * as large as a budget.
   */
  readonly budget?: Budget;
  /** Kernels to run on; where left out or `auto`, the fastest this host accepts that pass their self-test. `simd` and `scalar` give the same bits everywhere. */
  readonly flavour?: Flavour | 'auto';
  /** The bytes, or a promise of them, of a file that holds external tensor data, by the location the model states. Asked once for each file. */
  readonly externalData?: ExternalData;
  /**
   * Signature of a TFLite model to load, by its key: inputs and outputs get its names. Several become one model whose signatures share weights and
   * variables; `run` takes the first of them where it is not told another. Left out, it is the first subgraph, with the names of its tensors.
   */
  readonly signature?: string | readonly string[];
}

/**
 * Reads an ONNX model (operator sets 7 and newer) or a TFLite model, told apart by their contents, optimizes it, plans its memory to the byte and
 * compiles it to a program; or takes the program of a `.thimble` file as it is.
 * @throws FORMAT for damaged bytes, UNSUPPORTED_OP or UNSUPPORTED_ATTR listing every node thimble cannot run, SHAPE where shapes are open or do
 * not fit, INPUT for names the model does not have, BUDGET where the plan exceeds `budget`.
 * Files need not be trusted: import takes bounded time, and allocates at most 256 MiB and 1 KiB for each byte of the file, and for each 8 bytes of
 * a budget (a linear memory apart: it is allocated, as planned, at the first run).
 */
export async function load(bytes: Uint8Array, options: LoadOptions = {}): Promise<InferenceModel> {
  const { budget, flavour = 'auto' } = options;
  // Engines compile in threads of their own while this one plans.
  const kernels = kernelsFor(flavour);
  kernels.catch(() => undefined);
  if (isStored(bytes)) return loadStored(bytes, await kernels, budget);
  const { imported, name, task, keys = [] } = isTflite(bytes) ? importTflite(bytes, options) : await importOnnx(bytes, options);
  const { program, memory, methods } = build(
    imported.map(({ graph }) => optimize(graph)),
    { name, budget },
  );
  const signatures = Object.fromEntries(keys.map((key, i) => [key, (imported[i] as Imported).graph.name]));
  const annotated = {
    ...imported.reduce((result, ports) => withPorts(result, ports.graph.name, ports), program),
    ...(keys.length && { signatures }),
    ...(task && { task }),
  };
  const [main] = imported as [Imported];
  return new InferenceModel(annotated, await kernels, memory, methods[main.graph.name], main.graph, methods);
}

/** The signatures of a model as graphs, the main one first, and its name. */
interface Named {
  readonly imported: readonly Imported[];
  readonly name: string;
  readonly task?: Task | undefined;
  /** Of the signatures, where the file has such. */
  readonly keys?: readonly string[];
}

async function importOnnx(bytes: Uint8Array, options: LoadOptions): Promise<Named> {
  const { shapes, constants, externalData, signature, budget } = options;
  if (signature !== undefined) throw new ThimbleError('INPUT', 'an ONNX model has no signatures');
  const proto = decodeModel(bytes);
  const own = statesOf(proto);
  const allowed = budget === undefined ? 0 : mostBytes(budget);
  const importer = new Importer(proto, bytes.length, await readExternal(proto, externalData), allowed);
  const states = { ...Object.fromEntries([...own].map(([input, { next }]) => [input, next])), ...options.states };
  const firsts = new Map([...own].flatMap(([input, { contents }]) => (contents ? [[input, contents]] : [])));
  const imported = bindStates(importer.run({ shapes, constants }), states, firsts);
  return { imported: [imported], name: proto.graph.name || 'model', task: taskOf(proto.metadata) };
}

function importTflite(bytes: Uint8Array, { shapes, constants, signature = [], states = {} }: LoadOptions): Named {
  const model = decodeTflite(bytes);
  const keys = typeof signature === 'string' ? [signature] : signature;
  const imported = importSignatures(model, bytes.length, keys, { shapes, constants });
  return { imported: bindShared(imported, states), name: model.subgraphs[0]?.name || 'model', keys };
}
