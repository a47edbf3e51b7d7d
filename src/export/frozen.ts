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

/** Extent that stands for an open batch while a graph is written: a prime that no other extent of a network is a multiple of. */
export const OPEN_BATCH = 65521;

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
