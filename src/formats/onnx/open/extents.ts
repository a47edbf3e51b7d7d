import { sizeOf } from '../../../core/shape.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { isConstant } from '../../../ops/evaluate.ts';

/** What an integer of the running model is at least and at most. */
export interface Extent {
  readonly least: number;
  readonly most: number;
}

/** Elements beyond this are no shape. */
const MOST_ELEMENTS = 64;

const known = new WeakMap<Value, readonly Extent[] | null>();

/**
 * Bounds of the elements of integers that follow from constants and from the counts that NonZero, NonMaxSuppression and Unique find, as sizes and the
 * arithmetic on them do; undefined for others.
 */
export function extentsOf(value: Value): readonly Extent[] | undefined {
  let found = known.get(value);
  if (found === undefined) {
    const isSize = value.dtype === 'i32' && value.shape.length <= 1 && sizeOf(value.shape) <= MOST_ELEMENTS;
    found = (isSize && boundsOf(value)) || null;
    known.set(value, found);
  }
  return found ?? undefined;
}

function boundsOf(value: Value): readonly Extent[] | undefined {
  const { origin } = value;
  if (origin.kind === 'const') return Array.from(origin.data, (number) => ({ least: number, most: number }));
  if (origin.kind !== 'node') return undefined;
  const { node } = origin;
  const counted = COUNTED[node.op];
  if (counted !== undefined) return value === node.outputs[counted] ? [{ least: 0, most: node.outputs[0]?.shape[0] as number }] : undefined;
  const rule = rules[node.op];
  if (!rule) return undefined;
  const inputs = node.inputs.map(extentsOf);
  if (!inputs.every((input) => input !== undefined)) return undefined;
  const bounds = rule(inputs, node);
  return bounds?.length === sizeOf(value.shape) ? bounds : undefined;
}

/** Operators that count what they find, in the first axis of their first output, and the output with the count. */
const COUNTED: Readonly<Record<string, number>> = { nonZero: 1, nonMaxSuppression: 1, unique: 4 };

type Bounds = readonly Extent[];
type Rule = (inputs: readonly Bounds[], node: Node) => Bounds | undefined;

/** Of a pair of bounds, element by element, one element against many. */
const paired =
  (rule: (a: Extent, b: Extent) => Extent | undefined): Rule =>
  ([a, b]) => {
    const both = Array.from({ length: Math.max(a?.length ?? 0, b?.length ?? 0) }, (_, i) => {
      const [x, y] = [a, b].map((list) => list?.[list.length === 1 ? 0 : i]);
      return x && y ? rule(x, y) : undefined;
    });
    return both.every((one) => one !== undefined) ? both : undefined;
  };

const monotone = (f: (a: number, b: number) => number) => (a: Extent, b: Extent) => ({
  least: f(a.least, b.least),
  most: f(a.most, b.most),
});
const natural = (a: Extent, b: Extent) => a.least >= 0 && b.least >= 0;
const plus = monotone((a, b) => a + b);
const times = (a: Extent, b: Extent) => (natural(a, b) ? monotone((x, y) => x * y)(a, b) : undefined);
const equals = (a: Extent, b: Extent): Extent =>
  a.most < b.least || b.most < a.least ? { least: 0, most: 0 } : { least: a.least === b.most && a.most === b.least ? 1 : 0, most: 1 };

const folded =
  (rule: (a: Extent, b: Extent) => Extent | undefined): Rule =>
  ([x]) => {
    const [first, ...rest] = x ?? [];
    const all = rest.reduce<Extent | undefined>((a, b) => a && rule(a, b), first);
    return all && [all];
  };

const same: Rule = ([x]) => x;

/** What is chosen for certain, else from the least of both to the most. */
const chosen: Rule = (inputs) => {
  const length = Math.max(...inputs.map((list) => list.length));
  return Array.from({ length }, (_, i) => {
    const [condition, a, b] = inputs.map((list) => list[list.length === 1 ? 0 : i]) as [Extent, Extent, Extent];
    if (condition.least > 0) return a;
    return condition.most === 0 ? b : { least: Math.min(a.least, b.least), most: Math.max(a.most, b.most) };
  });
};

const rules: Readonly<Record<string, Rule>> = {
  reshape: same,
  cast: same,
  copy: same,
  add: paired(plus),
  sub: paired((a, b) => ({ least: a.least - b.most, most: a.most - b.least })),
  mul: paired(times),
  div: paired((a, b) =>
    natural(a, b) && b.least > 0 ? { least: Math.floor(a.least / b.most), most: Math.floor(a.most / b.least) } : undefined,
  ),
  min: paired(monotone(Math.min)),
  max: paired(monotone(Math.max)),
  equal: paired(equals),
  greater: paired((a, b) => ({ least: a.least > b.most ? 1 : 0, most: a.most > b.least ? 1 : 0 })),
  greaterOrEqual: paired((a, b) => ({ least: a.least >= b.most ? 1 : 0, most: a.most >= b.least ? 1 : 0 })),
  reduceMin: folded(monotone(Math.min)),
  reduceMax: folded(monotone(Math.max)),
  reduceSum: folded(plus),
  reduceProd: folded(times),
  concat: (inputs) => inputs.flat(),
  slice([x], { attrs }) {
    const { starts, sizes, steps } = attrs as { starts: readonly number[]; sizes: readonly number[]; steps?: readonly number[] };
    return Array.from({ length: sizes[0] ?? 0 }, (_, i) => x?.[(starts[0] as number) + i * (steps?.[0] ?? 1)]).filter(
      (one) => one !== undefined,
    );
  },
  gather([x, at]) {
    return at?.flatMap(({ least, most }) => (least === most ? (x?.[least] ?? []) : []));
  },
  where: chosen,
};

/** Whether the element is known at run time only. */
export const isOpen = ({ least, most }: Extent): boolean => least !== most;

/** Whether `value` holds sizes that are known at run time only, within bounds. */
export const isOpenSize = (value: Value): boolean => !isConstant(value) && !!extentsOf(value)?.some(isOpen);

/** The elements of a value that does not follow from constants alone but has the same elements in every run. */
export function fixedSizes(value: Value): Int32Array | undefined {
  const extents = extentsOf(value);
  return extents && !extents.some(isOpen) ? Int32Array.from(extents, ({ most }) => most) : undefined;
}
