import { allocate, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../core/shape.ts';
import { isShaped } from '../core/tensor.ts';
import type { Inputs, Rows } from '../train/data.ts';
import type { NamedType } from './subject.ts';

/** Rows for every input of a model. */
export interface Columns {
  readonly rows: number;
  readonly data: ReadonlyMap<string, TypedArray>;
}

const isRows = (x: Inputs): x is Rows => ArrayBuffer.isView(x) || isShaped(x);

/** `x` by input. A tensor of the shape of one item is one row. @throws INPUT for missing names, wrong dtypes or sizes, and no rows. */
export function columnsOf(x: Inputs, inputs: readonly NamedType[]): Columns {
  const names = inputs.map(({ name }) => name).join(', ');
  if (isRows(x) && inputs.length !== 1)
    throw new ThimbleError('INPUT', `the model has ${inputs.length} inputs`, { expected: `data by name: ${names}` });
  const given = isRows(x) ? { [(inputs[0] as NamedType).name]: x } : x;
  const unknown = Object.keys(given).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined) throw new ThimbleError('INPUT', `the model has no input "${unknown}"`, { expected: names });
  const data = new Map<string, TypedArray>();
  const counts = new Set<number>();
  for (const input of inputs) {
    const rows = given[input.name];
    if (!rows) throw new ThimbleError('INPUT', `no data for input "${input.name}"`, { expected: names });
    const array = arrayOf(rows, input);
    data.set(input.name, array);
    counts.add(array.length / sizeOf(input.shape));
  }
  const [rows = 0] = counts;
  if (counts.size > 1) throw new ThimbleError('INPUT', 'the inputs differ in their number of rows', { got: [...counts].join(', ') });
  if (rows === 0) throw new ThimbleError('INPUT', 'there are no rows to explain');
  return { rows, data };
}

function arrayOf(rows: Rows, { name, dtype, shape }: NamedType): TypedArray {
  const data = ArrayBuffer.isView(rows) ? rows : rows.data;
  const size = sizeOf(shape);
  const fits = !isShaped(rows) || sameShape(rows.shape, shape) || sameShape(rows.shape.slice(1), shape);
  if (data.constructor !== allocate(dtype, 0).constructor || data.length % size || !fits) {
    throw new ThimbleError('INPUT', `input "${name}" does not fit`, {
      expected: `${dtype} rows of ${formatShape(shape)}`,
      got: `${data.constructor.name}, ${isShaped(rows) ? formatShape(rows.shape) : `${data.length} elements`}`,
    });
  }
  return data;
}

/** Row `index` of the rows of `size` elements in `data`. */
export const rowOf = <T extends TypedArray>(data: T, index: number, size: number): T =>
  data.subarray(index * size, (index + 1) * size) as T;
