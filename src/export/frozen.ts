import { ThimbleError } from '../core/errors.ts';
import { byteLength } from '../core/tensor.ts';
import type { BorderType } from '../formats/onnx/exporter.ts';
import { InferenceModel } from '../inference/model.ts';
import type { Graph } from '../ir/graph.ts';
import { freeze } from '../passes/freeze.ts';
import { simplify } from '../passes/optimize.ts';
import { predictGraph } from '../train/methods.ts';
import type { Model } from '../train/model.ts';
import type { Held } from '../train/state.ts';

/** What a model computes at inference: no state, no training, and of operators that other runtimes have too. */
export interface Frozen {
  readonly graph: Graph;
  readonly borders: readonly BorderType[];
}

/** Where the search for an open batch begins, and the bytes up to which its tensors may grow: a quarter of what 32-bit addresses reach. */
const MOST_ITEMS = 65521;
const MOST_BYTES = 2 ** 30;

/**
 * Extent that stands for an open batch while a graph is written: a prime that no extent of `single`, the graph of one item, is a multiple of.
 * @throws UNSUPPORTED_OP where its tensors are too large to stand for many.
 */
export function openBatch(single: Graph): number {
  const values = [...single.inputs, ...single.nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])];
  const extents = [...new Set(values.flatMap(({ shape }) => shape))];
  const largest = Math.max(1, ...values.map(byteLength));
  for (let batch = Math.min(MOST_ITEMS, Math.floor(MOST_BYTES / largest)); batch > 1; batch--)
    if (isPrime(batch) && extents.every((extent) => extent === 0 || extent % batch !== 0)) return batch;
  throw new ThimbleError('UNSUPPORTED_OP', 'the batch of a model with tensors as large as these cannot be left open', {
    hint: 'export with a fixed batch size',
  });
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return n > 1;
}

/** The graph of a trained model for `batch` items with its present weights, or of a loaded one with the extents it was loaded with. */
export function frozenGraph(model: Model | InferenceModel, batch: number): Frozen {
  if (model instanceof InferenceModel) return { graph: simplify(model.source), borders: [...model.inputs, ...model.outputs] };
  const contents = new Map(model.state().map((held: Held) => [held.variable, held.data]));
  const graph = freeze(
    predictGraph(model.network, batch, undefined, model.rounding),
    (variable) => contents.get(variable) ?? variable.initial(),
  );
  return { graph: simplify(graph), borders: [] };
}
