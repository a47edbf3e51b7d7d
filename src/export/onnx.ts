import { checkTask, metadataOf, type Task } from '../core/task.ts';
import { exportGraph } from '../formats/onnx/exporter.ts';
import { InferenceModel } from '../inference/model.ts';
import type { Model } from '../train/model.ts';
import { frozenGraph, openBatch } from './frozen.ts';
import { roundedToSteps, wholeWeights } from './wholeWeights.ts';

export interface ExportOnnxOptions {
  /** Items of a trained model's batch axis; left open ("batch") where left out. A loaded model keeps the extents it was loaded with. */
  readonly batchSize?: number;
  /** What the model is for; a loaded model's own where left out. */
  readonly task?: Task;
  /** Name of the graph. */
  readonly name?: string;
}

/**
 * The model as an ONNX file (ai.onnx 20) that other runtimes run: batch normalisation folded into the products before it, convolutions in NCHW, inputs
 * and outputs with the names and shapes they have here. What a loaded file has in 8 bits stays in 8 bits.
 * @throws UNSUPPORTED_OP listing what ONNX has no operator for.
 */
export function exportOnnx(model: Model | InferenceModel, { batchSize, name, task }: ExportOnnxOptions = {}): Uint8Array<ArrayBuffer> {
  const isOpen = batchSize === undefined && !(model instanceof InferenceModel);
  const batch = isOpen ? openBatch(frozenGraph(model, 1).graph) : undefined;
  const { graph: frozen, borders } = frozenGraph(model, batch ?? batchSize ?? 1);
  const isLoaded = model instanceof InferenceModel;
  const graph = isLoaded ? roundedToSteps(frozen) : frozen;
  const purpose = task ?? (model instanceof InferenceModel ? model.program.task : undefined);
  if (purpose) checkTask(purpose);
  const metadata = purpose && metadataOf(purpose);
  return exportGraph(graph, {
    borders,
    metadata,
    batch,
    ...(isLoaded && { weights: wholeWeights(graph) }),
    ...(name !== undefined && { name }),
  });
}
