import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';

/** An integer of a graph: a constant and multiples of elements that are computed, by value and place. */
export interface Affine {
  readonly constant: number;
  readonly terms: ReadonlyMap<string, number>;
}

/** How far a number is followed back. */
const DEPTH = 64;

const constant = (number: number): Affine => ({ constant: number, terms: new Map() });

/** a + factor · b */
function combined(a: Affine, b: Affine, factor: number): Affine {
  const terms = new Map(a.terms);
  for (const [element, count] of b.terms) {
    const sum = (terms.get(element) ?? 0) + factor * count;
    if (sum === 0) terms.delete(element);
    else terms.set(element, sum);
  }
  return { constant: a.constant + factor * b.constant, terms };
}

/** The number where it does not depend on anything computed. */
export const known = ({ constant, terms }: Affine): number | undefined => (terms.size === 0 ? constant : undefined);

/** a - b where that is the same whatever is computed: of `i + 3` and `i` it is 3. */
export const difference = (a: Affine, b: Affine): number | undefined => known(combined(a, b, -1));

/** Element `at` of `value` (i32), followed back through sums, multiples and moves of single elements. */
export function affine(value: Value, at = 0): Affine {
  return follow(value, at, 0, new Map());
}

function follow(value: Value, at: number, depth: number, seen: Map<string, Affine>): Affine {
  const key = `${value.id}:${at}`;
  const before = seen.get(key);
  if (before) return before;
  const found = (depth < DEPTH && parts(value, at, (from, place) => follow(from, place, depth + 1, seen))) || {
    constant: 0,
    terms: new Map([[key, 1]]),
  };
  seen.set(key, found);
  return found;
}

/** What the element is made of; undefined where it is one of its own. */
function parts(value: Value, at: number, element: (value: Value, at: number) => Affine): Affine | undefined {
  const { origin } = value;
  if (origin.kind === 'const') return constant(origin.data[at] as number);
  if (origin.kind !== 'node') return undefined;
  const { op, inputs, attrs } = origin.node;
  const [x, y] = inputs as [Value, Value];
  /** Element of an operand that may be one number for all. */
  const operand = (from: Value): Affine | undefined => {
    const size = sizeOf(from.shape);
    return size === 1 ? element(from, 0) : size === sizeOf(value.shape) ? element(from, at) : undefined;
  };
  if (op === 'reshape' || op === 'copy' || (op === 'cast' && x.dtype === 'i32')) return element(x, at);
  if (op === 'neg') return combined(constant(0), element(x, at), -1);
  if (op === 'concat' && value.shape.length === 1) return joined(inputs, at, element);
  if (op === 'slice' && x.shape.length === 1) {
    const { starts, steps } = attrs as { readonly starts: readonly number[]; readonly steps: readonly number[] };
    return element(x, (starts[0] as number) + at * (steps[0] ?? 1));
  }
  if (op !== 'add' && op !== 'sub' && op !== 'mul') return undefined;
  const [a, b] = [operand(x), operand(y)];
  if (!a || !b) return undefined;
  if (op !== 'mul') return combined(a, b, op === 'add' ? 1 : -1);
  const [factor, other] = known(a) === undefined ? [known(b), a] : [known(a), b];
  return factor === undefined ? undefined : combined(constant(0), other, factor);
}

function joined(inputs: readonly Value[], at: number, element: (value: Value, at: number) => Affine): Affine | undefined {
  let place = at;
  for (const input of inputs) {
    const size = sizeOf(input.shape);
    if (place < size) return element(input, place);
    place -= size;
  }
  return undefined;
}
