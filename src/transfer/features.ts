import { allocate, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import type { Slot } from '../program/format.ts';
import type { Session } from '../runtime/session.ts';
import type { Inputs, Rows } from '../train/data.ts';
import { FEATURES } from './segments.ts';

/** The frozen part of a backbone, run on one item at a time. */
export class FeatureExtractor {
  readonly #session: Session;
  readonly #slots: readonly Slot[];
  readonly #output: Slot;

  constructor(session: Session) {
    const method = session.program.methods[FEATURES];
    this.#session = session;
    this.#slots = method?.inputs ?? [];
    this.#output = method?.outputs[0] as Slot;
  }

  /** Features of every row of `x`: [rows, …]. @throws INPUT where `x` does not fit the model's inputs. */
  rows(x: Inputs): Tensor {
    const columns = this.#slots.map((slot) => ({ slot, ...rowsFor(slot, this.#slots.length, x) }));
    const rows = columns[0]?.rows ?? 0;
    if (columns.some((column) => column.rows !== rows)) throw new ThimbleError('INPUT', 'inputs differ in their number of rows');
    const size = sizeOf(this.#output.shape);
    const data = new Float32Array(rows * size);
    for (let row = 0; row < rows; row++) {
      for (const { slot, data: all } of columns) {
        const length = sizeOf(slot.shape);
        this.#session.view(slot).set(all.subarray(row * length, (row + 1) * length));
      }
      this.#session.execute(FEATURES);
      data.set(this.#session.view(this.#output), row * size);
    }
    return { dtype: 'f32', shape: [rows, ...this.#output.shape.slice(1)], data };
  }
}

const isRows = (x: Inputs): x is Rows => ArrayBuffer.isView(x) || ('data' in x && 'shape' in x);

/** The rows of one input. */
export function rowsFor(
  { name, dtype, shape }: Pick<Value, 'name' | 'dtype' | 'shape'>,
  inputs: number,
  x: Inputs,
): { data: TypedArray; rows: number } {
  const given = isRows(x) && inputs === 1 ? x : isRows(x) ? undefined : x[name];
  if (!given) throw new ThimbleError('INPUT', `no data for input "${name}"`, { expected: inputs === 1 ? 'rows' : 'rows by name' });
  const data = ArrayBuffer.isView(given) ? given : given.data;
  const rows = data.length / sizeOf(shape);
  if (!Number.isInteger(rows) || data.constructor !== allocate(dtype, 0).constructor) {
    throw new ThimbleError('INPUT', `input "${name}" does not fit`, {
      expected: `rows of ${dtype} [${shape.slice(1)}]`,
      got: `${data.constructor.name} of ${data.length}`,
      hint: 'preprocess the data as the model wants it',
    });
  }
  return { data, rows };
}
