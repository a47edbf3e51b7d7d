import { ThimbleError } from '../core/errors.ts';
import { checkTask, type Task } from '../core/task.ts';
import type { Graph } from '../ir/graph.ts';
import type { Budget } from '../plan/budget.ts';
import { build } from '../program/build.ts';
import { encode } from '../program/encode.ts';
import { evaluateGraph, predictGraph, trainGraph } from './methods.ts';
import type { Model } from './model.ts';

export interface ExportOptions {
  /** Rows that a call of `predict` takes; 1 where left out. */
  readonly batchSize?: number;
  /** Whether the file can train: then it has the methods `train` and `evaluate`, for batches of the size the model was compiled with. */
  readonly training?: boolean;
  /** Name of the program. */
  readonly name?: string;
  /** Bytes, or text such as '64KB' or `least`, that the whole linear memory may use. */
  readonly budget?: Budget;
  /** What the model is for: labels, preprocessing. Its output is `predictions`. */
  readonly task?: Task;
  /** More methods over the same weights, such as those of `explanationMethods` (`thimble/explain`). */
  readonly methods?: readonly Graph[];
}

/**
 * The model with its present state as the bytes of a `.thimble` file; what `Model.export` gives.
 * @throws INPUT for training without `compile` and a loss, BUDGET where the plan exceeds `budget`.
 */
export function exportModel(model: Model, options: ExportOptions): Uint8Array {
  const { batchSize = 1, training = false, name = 'model', budget, task, methods = [] } = options;
  if (task) checkTask(task);
  const purpose = task && { task };
  const { network, compiled, batchSize: rows } = model;
  const graphs = [predictGraph(network, batchSize, undefined, model.rounding), ...methods];
  if (!training) return encode({ ...build(graphs, { name, budget }).program, ...purpose });
  if (!compiled) {
    throw new ThimbleError('INPUT', 'a model without a loss cannot be exported with training', {
      hint: 'await model.compile({ optimizer, loss, … }) first',
    });
  }
  const { spec, loss, optimizer } = compiled;
  const { learningRate, gradientAccumulationSteps: accumulationSteps } = optimizer.options;
  graphs.push(evaluateGraph(network, loss, rows, model.rounding), trainGraph('train', spec, rows, true));
  if (accumulationSteps > 1) graphs.push(trainGraph('accumulate', spec, rows, false));
  const { program } = build(graphs, { name, budget });
  const rate = model.learningRateOverride ?? learningRate;
  return encode({
    ...program,
    ...purpose,
    training: { batchSize: rows, learningRate: rate, accumulationSteps, accumulated: model.accumulated },
  });
}
