import { allocate, dtypeOf, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { isShaped, type Shaped, type Tensor } from '../core/tensor.ts';

/** One tensor of one sample: elements, or a tensor (a shape and data are enough); without batch axis. */
export type Element = TypedArray | Shaped;

/** A sample to learn from: what the model sees (by name where it has several inputs), and a class index or a target. */
export type Example =
  | { readonly x: Element | Readonly<Record<string, Element>>; readonly y: number | Element; readonly sampleWeight?: number }
  | readonly [x: Element | Readonly<Record<string, Element>>, y: number | Element];

/** Samples side by side, as `fit` takes them. */
export interface CollatedBatch {
  readonly x: Tensor | Readonly<Record<string, Tensor>>;
  readonly y: Tensor;
  readonly sampleWeight?: Float32Array;
}

const tensorOf = (given: Element): Tensor =>
  ArrayBuffer.isView(given) ? { dtype: dtypeOf(given), shape: [given.length], data: given } : { dtype: dtypeOf(given.data), ...given };
const isElement = (given: unknown): given is Element => ArrayBuffer.isView(given) || isShaped(given);

/** @throws INPUT where samples differ in shape or dtype, or lack a part. */
export function collate(examples: readonly Example[]): CollatedBatch {
  const parts = examples.map((example) => ('x' in example ? example : { x: example[0], y: example[1], sampleWeight: undefined }));
  const [first] = parts;
  if (!first || first.x === undefined || first.y === undefined)
    throw new ThimbleError('INPUT', 'a sample to batch has no x or no y', { expected: '{ x, y } or [x, y]' });
  const xs = parts.map(({ x }) => x);
  const x = isElement(first.x)
    ? stack('x', xs as Element[])
    : Object.fromEntries(
        Object.keys(first.x).map((name) => [
          name,
          stack(
            name,
            xs.map((given) => (given as Record<string, Element>)[name]),
          ),
        ]),
      );
  const y =
    typeof first.y === 'number'
      ? { dtype: 'i32' as const, shape: [parts.length], data: Int32Array.from(parts, ({ y }) => y as number) }
      : stack(
          'y',
          parts.map(({ y }) => y as Element),
        );
  if (!parts.some(({ sampleWeight }) => sampleWeight !== undefined)) return { x, y };
  return { x, y, sampleWeight: Float32Array.from(parts, ({ sampleWeight = 1 }) => sampleWeight) };
}

function stack(name: string, elements: readonly (Element | undefined)[]): Tensor {
  const tensors = elements.map((element) => {
    if (element !== undefined && isElement(element)) return tensorOf(element);
    throw new ThimbleError('INPUT', `a sample has no "${name}"`, { expected: 'a typed array or tensor in every sample' });
  });
  const { dtype, shape, data } = tensors[0] as Tensor;
  const other = tensors.find((tensor) => tensor.dtype !== dtype || tensor.shape.join() !== shape.join());
  if (other) {
    throw new ThimbleError('INPUT', `samples of a batch differ in "${name}"`, {
      expected: `${dtype} ${formatShape(shape)} in all`,
      got: `${other.dtype} ${formatShape(other.shape)}`,
      hint: 'bring them to one size with map',
    });
  }
  const all = allocate(dtype, data.length * tensors.length);
  tensors.forEach((tensor, i) => {
    all.set(tensor.data, i * data.length);
  });
  return { dtype, shape: [tensors.length, ...shape], data: all };
}
