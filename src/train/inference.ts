import { allocate, type TypedArray } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Symbolic } from '../layers/layer.ts';
import type { Session } from '../runtime/session.ts';
import { type Column, type Dataset, type Inputs, inputsByName, isDataset, partsOf, rowsOf, type Table } from './data.ts';
import type { Loss } from './losses.ts';
import { io } from './methods.ts';
import type { Metric } from './metrics.ts';
import type { Network } from './network.ts';

interface Filled {
  readonly column: Column;
  readonly data: TypedArray;
}

/** Runs an inference method over all rows; the last chunk is filled up with zeros, and its surplus rows are ignored: rows do not see each other. */
function inChunks(
  session: Session,
  method: string,
  batchSize: number,
  columns: readonly Filled[],
  rows: number,
  each: (outputs: Record<string, Tensor>, from: number, rows: number) => void,
): void {
  const slots = session.program.methods[method]?.inputs ?? [];
  for (let from = 0; from < rows; from += batchSize) {
    const count = Math.min(batchSize, rows - from);
    for (const { column, data } of columns) {
      const slot = slots.find((candidate) => candidate.name === column.name);
      const size = sizeOf(column.shape);
      if (slot)
        session
          .view(slot)
          .fill(0)
          .set(data.subarray(from * size, (from + count) * size));
    }
    each(session.run(method), from, count);
  }
}

/** Mean loss and metrics over all rows of `tables`, which are read one after the other. @throws INPUT where there are none. */
export async function evaluateRows(
  session: Session,
  batchSize: number,
  tables: AsyncIterable<Table> | Iterable<Table>,
  metrics: readonly Metric[],
  loss: Loss,
): Promise<Record<string, number>> {
  for (const metric of metrics) metric.reset();
  let sum = 0;
  let total = 0;
  for await (const table of tables) {
    const labelSize = sizeOf(table.y.column.shape);
    inChunks(session, 'evaluate', batchSize, [...table.x, table.y], table.rows, (outputs, from, rows) => {
      const losses = (outputs.losses as Tensor).data;
      for (let i = 0; i < rows; i++) sum += (losses[i] as number) * (table.sampleWeight?.[from + i] ?? 1);
      const { data, shape } = outputs[io.predictions] as Tensor;
      const labels = table.y.data.subarray(from * labelSize, (from + rows) * labelSize);
      for (const metric of metrics) metric.update(labels, data.subarray(0, rows * sizeOf(shape.slice(1))), rows, loss);
    });
    total += table.rows;
  }
  return { loss: sum / Math.max(1, total), ...Object.fromEntries(metrics.map((metric) => [metric.name, metric.result()])) };
}

/** The network's output for every row. */
function predictRows(
  session: Session,
  batchSize: number,
  columns: readonly (Filled & { readonly rows: number })[],
  output: Symbolic,
): Tensor {
  const rows = columns[0]?.rows ?? 0;
  const { dtype, shape } = output;
  const size = sizeOf(shape);
  const data = allocate(dtype, rows * size);
  inChunks(session, 'predict', batchSize, columns, rows, (outputs, from, count) => {
    data.set((outputs[io.predictions] as Tensor).data.subarray(0, count * size), from * size);
  });
  return { dtype, shape: [rows, ...shape], data };
}

/** The output of `network` for every row of `x`, or of all batches of a dataset. */
export async function predictInputs(
  session: Session,
  batchSize: number,
  { inputs, output }: Network,
  x: Inputs | Dataset,
): Promise<Tensor> {
  const predict = (rows: Inputs): Tensor => {
    const columns = inputsByName(rows, inputs).map(({ column, given }) => ({ column, ...rowsOf(given, column) }));
    return predictRows(session, batchSize, columns, output);
  };
  if (!isDataset(x)) return predict(x);
  const parts: Tensor[] = [];
  for await (const batch of x) parts.push(predict(partsOf(batch).x));
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] as number), 0);
  const data = allocate(output.dtype, rows * sizeOf(output.shape));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { dtype: output.dtype, shape: [rows, ...output.shape], data };
}
