import { allocate, type TypedArray } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Symbolic } from '../layers/layer.ts';
import type { Session } from '../runtime/session.ts';
import type { Column, Table } from './data.ts';
import type { Loss } from './losses.ts';
import { io } from './methods.ts';
import type { Metric } from './metrics.ts';

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

/** Mean loss and metrics over a table. */
export function evaluateRows(
  session: Session,
  batchSize: number,
  table: Table,
  metrics: readonly Metric[],
  loss: Loss,
): Record<string, number> {
  for (const metric of metrics) metric.reset();
  const labelSize = sizeOf(table.y.column.shape);
  let sum = 0;
  inChunks(session, 'evaluate', batchSize, [...table.x, table.y], table.rows, (outputs, from, rows) => {
    const losses = (outputs.losses as Tensor).data;
    for (let i = 0; i < rows; i++) sum += (losses[i] as number) * (table.sampleWeight?.[from + i] ?? 1);
    const { data, shape } = outputs[io.predictions] as Tensor;
    const labels = table.y.data.subarray(from * labelSize, (from + rows) * labelSize);
    for (const metric of metrics) metric.update(labels, data.subarray(0, rows * sizeOf(shape.slice(1))), rows, loss);
  });
  return { loss: sum / Math.max(1, table.rows), ...Object.fromEntries(metrics.map((metric) => [metric.name, metric.result()])) };
}

/** The network's output for every row. */
export function predictRows(
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
