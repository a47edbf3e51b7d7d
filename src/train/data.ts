import { dtypeOf, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { isShaped, type Shaped } from '../core/tensor.ts';
import type { Symbolic } from '../layers/layer.ts';

/** One tensor's worth of data: a typed array (rows side by side) or a tensor whose first axis counts rows; a shape and data are enough. */
export type Rows = TypedArray | Shaped;

/** Data for one input, or for several by name. */
export type Inputs = Rows | Readonly<Record<string, Rows>>;

/** A batch as a dataset yields it. */
export type DatasetBatch = readonly [x: Inputs, y: Rows] | { readonly x: Inputs; readonly y: Rows; readonly sampleWeight?: Float32Array };

/**
 * Batches of any size, for as long as it yields; iterated anew each epoch. One with `epoch` (as the samples of `thimble/data`) is asked for the
 * pass of that number, so that a resumed run sees the batches it would have seen.
 */
export type Dataset =
  | AsyncIterable<DatasetBatch>
  | Iterable<DatasetBatch>
  | (AsyncIterable<DatasetBatch> & { epoch(epoch: number): AsyncIterable<DatasetBatch> });

/** Whether `x` is a dataset and not rows at hand. */
export const isDataset = (x: Inputs | Dataset): x is Dataset =>
  typeof x === 'object' && x !== null && !ArrayBuffer.isView(x) && (Symbol.asyncIterator in x || Symbol.iterator in x);

/** The parts of a dataset's batch. @throws INPUT where it is none. */
export function partsOf(batch: DatasetBatch): { x: Inputs; y: Rows; sampleWeight: Float32Array | undefined } {
  if (typeof batch !== 'object' || batch === null || !('x' in batch || Array.isArray(batch))) {
    throw new ThimbleError('INPUT', `the dataset yielded ${typeof batch === 'object' ? 'an object without x' : `a ${typeof batch}`}`, {
      expected: 'batches [x, y] or { x, y, sampleWeight }',
      hint: 'rows at hand are a typed array or a tensor, not a list',
    });
  }
  return 'x' in batch
    ? { x: batch.x, y: batch.y, sampleWeight: batch.sampleWeight }
    : { x: batch[0], y: batch[1], sampleWeight: undefined };
}

/** A dataset's batches one by one, checked by `model`. */
export async function* tablesOf(
  model: { table(x: Inputs, y: Rows, sampleWeight: Float32Array | undefined): Table },
  dataset: Dataset,
): AsyncGenerator<Table> {
  for await (const batch of dataset) {
    const { x, y, sampleWeight } = partsOf(batch);
    yield model.table(x, y, sampleWeight);
  }
}

/** A batch checked against the model. */
export interface Batch {
  readonly rows: number;
  readonly x: Readonly<Record<string, TypedArray>>;
  readonly y: TypedArray;
  readonly sampleWeight: Float32Array;
}

/** A tensor the model takes: its name, dtype and shape without batch. */
export interface Column {
  readonly name: string;
  readonly dtype: 'f32' | 'i32';
  readonly shape: Shape;
}

/** The data of `column` and its number of rows. @throws INPUT for a wrong dtype or shape. */
export function rowsOf(given: Rows, column: Column): { data: TypedArray; rows: number } {
  const data = isShaped(given) ? given.data : given;
  const size = sizeOf(column.shape);
  const expected = `${column.dtype} rows of ${formatShape(column.shape)}`;
  if (!ArrayBuffer.isView(data)) throw new ThimbleError('INPUT', `"${column.name}" is not a typed array or tensor`, { expected });
  const rows = size === 0 ? 0 : data.length / size;
  const shapeFits =
    !isShaped(given) || given.shape.slice(1).join() === column.shape.join() || (column.shape.length === 0 && given.shape.length === 1);
  if (!Number.isInteger(rows) || !shapeFits) {
    throw new ThimbleError('INPUT', `"${column.name}" has the wrong shape`, {
      expected,
      got: isShaped(given) ? formatShape(given.shape) : `${data.length} elements`,
    });
  }
  if (dtypeOf(data) !== column.dtype) {
    throw new ThimbleError('INPUT', `"${column.name}" has the wrong dtype`, {
      expected,
      got: data.constructor.name,
      hint: column.dtype === 'i32' ? 'class indexes are an Int32Array' : 'use a Float32Array',
    });
  }
  return { data, rows };
}

/** @throws INPUT where `labels` has NaN (f32), or an index outside the classes (i32). */
function checkLabels(labels: TypedArray, classes: number | undefined): void {
  const bad = (value: number) => Number.isNaN(value) || (classes !== undefined && (value < 0 || value >= classes));
  const at = labels.findIndex(bad);
  if (at < 0) return;
  throw new ThimbleError('INPUT', `label ${at} is ${labels[at]}`, {
    expected: classes === undefined ? 'a number' : `a class index from 0 to ${classes - 1}`,
  });
}

/** Rows at hand: every input, the labels, a weight each. */
export interface Table {
  readonly rows: number;
  readonly x: readonly { readonly column: Column; readonly data: TypedArray }[];
  readonly y: { readonly column: Column; readonly data: TypedArray };
  readonly sampleWeight: Float32Array | undefined;
}

/** Checks arrays against the model. */
export function tableOf(
  x: Inputs,
  y: Rows,
  sampleWeight: Float32Array | undefined,
  inputs: readonly Symbolic[],
  labels: Column,
  classes: number | undefined,
): Table {
  const columns = inputsByName(x, inputs).map(({ column, given }) => ({ column, ...rowsOf(given, column) }));
  const target = rowsOf(y, labels);
  checkLabels(target.data, classes);
  const counts = [...columns.map(({ rows }) => rows), target.rows, ...(sampleWeight ? [sampleWeight.length] : [])];
  if (new Set(counts).size > 1) {
    throw new ThimbleError('INPUT', 'inputs, labels and weights differ in their number of rows', { got: counts.join(', ') });
  }
  return { rows: target.rows, x: columns, y: { column: labels, data: target.data }, sampleWeight };
}

/** Matches data with the model's inputs. @throws INPUT for missing or unknown names. */
export function inputsByName(x: Inputs, inputs: readonly Symbolic[]): { column: Column; given: Rows }[] {
  if (ArrayBuffer.isView(x) || isShaped(x)) {
    if (inputs.length !== 1)
      throw new ThimbleError('INPUT', `the model has ${inputs.length} inputs`, {
        expected: `data by name: ${inputs.map((i) => i.name).join(', ')}`,
      });
    return [{ column: inputs[0] as Symbolic, given: x as Rows }];
  }
  const named = x as Readonly<Record<string, Rows>>;
  const unknown = Object.keys(named).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined)
    throw new ThimbleError('INPUT', `the model has no input "${unknown}"`, { expected: inputs.map((i) => i.name).join(', ') });
  return inputs.map((input) => {
    const given = named[input.name];
    if (!given) throw new ThimbleError('INPUT', `input "${input.name}" is missing`, { got: Object.keys(named).join(', ') });
    return { column: input, given };
  });
}

/** The rows `order[from … to)` of `data`. */
function pick(data: TypedArray, size: number, order: Uint32Array, from: number, to: number): TypedArray {
  const picked = data.slice(0, (to - from) * size);
  for (let i = from; i < to; i++)
    picked.set(data.subarray((order[i] as number) * size, ((order[i] as number) + 1) * size), (i - from) * size);
  return picked;
}

/** Batches of `batchSize` rows in the order of `order` (as they stand where left out); the last may be smaller. */
export function* batchesOf(
  table: Table,
  batchSize: number,
  order: Uint32Array = Uint32Array.from({ length: table.rows }, (_, i) => i),
): Generator<Batch> {
  for (let from = 0; from < order.length; from += batchSize) {
    const to = Math.min(from + batchSize, order.length);
    yield {
      rows: to - from,
      x: Object.fromEntries(table.x.map(({ column, data }) => [column.name, pick(data, sizeOf(column.shape), order, from, to)])),
      y: pick(table.y.data, sizeOf(table.y.column.shape), order, from, to),
      sampleWeight: table.sampleWeight
        ? (pick(table.sampleWeight, 1, order, from, to) as Float32Array)
        : new Float32Array(to - from).fill(1),
    };
  }
}

/** The first rows and the last share `fraction` of a table, unshuffled, as Keras' validation_split. */
export function splitTable(table: Table, fraction: number): { first: Table; last: Table } {
  if (!(fraction > 0 && fraction < 1))
    throw new ThimbleError('INPUT', `validationSplit ${fraction}`, { expected: 'a number between 0 and 1' });
  const at = Math.floor(table.rows * (1 - fraction));
  const part = (from: number, to: number): Table => ({
    rows: to - from,
    x: table.x.map(({ column, data }) => ({ column, data: data.subarray(from * sizeOf(column.shape), to * sizeOf(column.shape)) })),
    y: { column: table.y.column, data: table.y.data.subarray(from * sizeOf(table.y.column.shape), to * sizeOf(table.y.column.shape)) },
    sampleWeight: table.sampleWeight?.subarray(from, to),
  });
  return { first: part(0, at), last: part(at, table.rows) };
}

/** The order of an epoch: a function of seed and epoch alone, so that a resumed run continues with the same batches. */
export const epochOrder = (rows: number, seed: number, epoch: number): Uint32Array =>
  new Random(Math.imul(seed ^ 0x9e3779b9, epoch + 1)).permutation(rows);
