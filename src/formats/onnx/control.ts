import { ThimbleError } from '../../core/errors.ts';
import { normalizeAxis, sameShape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { add, concat, mul, slice, where } from '../../ops/index.ts';
import { split } from '../../ops/split.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { table } from './counted.ts';
import { elemOf } from './elements.ts';
import { integer } from './open/operand.ts';
import { type Binding, isSequence, type Operand, type Sequence } from './operand.ts';
import { damaged } from './protobuf.ts';
import { padded, reshapedTo } from './shapes.ts';

/** One of two results as a run-time condition says; undefined where they differ in more than the size of one axis. */
function chosen(condition: Value, a: Operand, b: Operand, areBothPossible: boolean): Operand | undefined {
  const { elem } = a;
  const [from, to] = [a.value.shape, b.value.shape];
  if (!areBothPossible || (sameShape(from, to) && !a.count && !b.count)) return { value: where([condition, a.value, b.value]), elem };
  const open = new Set([a, b].flatMap((operand) => (operand.count ? [operand.countAxis ?? 0] : [])));
  for (const [axis, extent] of from.entries()) if (extent !== to[axis]) open.add(axis);
  const [axis] = open;
  if (from.length !== to.length || open.size !== 1 || axis === undefined) return undefined;
  const extent = Math.max(from[axis] as number, to[axis] as number);
  const [x, y] = [a, b].map(({ value }) =>
    padded(
      value,
      value.shape.map((own, i) => [0, i === axis ? extent - own : 0]),
      'constant',
      0,
    ),
  );
  const [m, n] = [a, b].map(({ value, count }) => count ?? integer(value, value.shape[axis] as number));
  return { elem, value: where([condition, x as Value, y as Value]), count: where([condition, m as Value, n as Value]), countAxis: axis };
}

/**
 * A constant condition picks its branch; for another both are computed and the results selected: results of two sizes have that of either when it
 * runs. A branch that the shapes rule out (models for several sampling rates have such) is NaN: it would be an error where shapes are known at run
 * time.
 */
function ifRow(n: NodeContext): Result {
  const condition = n.x(0);
  const [then, otherwise] = [n.subgraph('then_branch'), n.subgraph('else_branch')];
  if (isConstant(condition)) return n.inline(evaluate(condition)[0] ? then : otherwise);
  const [yes, no] = [n.inlineIfShapesFit(then), n.inlineIfShapesFit(otherwise)];
  const possible = yes ?? no;
  const isNaNable = !!possible?.every((binding) => binding && !isSequence(binding) && binding.value.dtype === 'f32');
  // Anew, for the error.
  if (!possible || ((!yes || !no) && !isNaNable)) return n.inline(yes ? otherwise : then);
  const nan: Operand = { value: n.graph.scalar(Number.NaN), elem: 'float32' };
  return possible.map((_, i) => {
    const [a, b] = [yes ? yes[i] : nan, no ? no[i] : nan];
    const either = a && b && !isSequence(a) && !isSequence(b) && chosen(reshapedTo(condition, []), a, b, !!yes && !!no);
    if (!either) throw n.importer.needsConstant(condition, 'which branch is taken, as they differ in shape,');
    return either;
  });
}

const unsqueezed = (value: Value, axis: number): Value => reshapedTo(value, [...value.shape.slice(0, axis), 1, ...value.shape.slice(axis)]);

function tensorOf(binding: Binding | undefined): Operand {
  if (!binding || isSequence(binding)) throw new ThimbleError('DTYPE', 'a scanned value is not a tensor');
  return binding;
}

/** Tensors along a new axis. */
function stacked(list: readonly Operand[], axis: number, empty: () => never): Operand {
  const [first] = list;
  if (!first) return empty();
  const parts = list.map(({ value }) => unsqueezed(value, axis));
  return { value: parts.length === 1 ? (parts[0] as Value) : concat(parts, { axis }), elem: first.elem };
}

/** As many rounds as have an operator each in the largest graph: trip counts beyond are said of loops that end by their condition. */
const UNBOUNDED = 2 ** 15;

/** The binding where rounds still go on, else what it was before. */
function kept(live: Value, next: Binding, before: Binding | undefined): Binding {
  if (!next || !before || isSequence(next) || isSequence(before)) return next;
  const either = chosen(live, next, before, true);
  if (!either) throw new ThimbleError('UNSUPPORTED_OP', 'a loop that may end early changes the shape of what it carries on');
  return either;
}

/**
 * Unrolled: the trip count, or the condition of each round, must be constant. Where only run time knows when the condition ends a loop of so many
 * rounds at most, all are computed: what is carried on stays as it was from then on, and scanned outputs have the size of the rounds before.
 */
function loop(n: NodeContext): Result {
  const body = n.subgraph('body');
  const trips = n.has(0) ? n.number(0) : Number.POSITIVE_INFINITY;
  const truth = (value: number): Operand => ({ value: n.integers([value], []), elem: 'bool' });
  let condition: Operand = n.has(1) ? n.operand(1) : truth(1);
  let carried: Binding[] = Array.from({ length: n.arity - 2 }, (_, i) => n.binding(i + 2) ?? null);
  let live: Value | undefined;
  let rounds: Value | undefined;
  const scans: Operand[][] = Array.from({ length: body.outputs.length - 1 - carried.length }, () => []);
  for (let i = 0; i < trips; i++) {
    if (!isConstant(condition.value)) {
      if (trips >= UNBOUNDED) throw n.importer.needsConstant(condition.value, 'the condition of a loop without a trip count');
      const own = reshapedTo(condition.value, []);
      rounds ??= integer(own, i);
      live = live ? mul([live, own]) : own;
      rounds = add([rounds, live]);
    } else if (!evaluate(condition.value)[0]) break;
    else if (live && rounds) rounds = add([rounds, live]);
    const [next, ...results] = n.inline(body, [{ value: n.integers([i], []), elem: 'int64' }, condition, ...carried]);
    condition = tensorOf(next);
    const before = carried;
    carried = results.slice(0, carried.length).map((binding, k) => (live ? kept(live, binding, before[k]) : binding));
    results.slice(carried.length).forEach((binding, k) => void scans[k]?.push(tensorOf(binding)));
  }
  const none = () => n.refuse('a loop of no rounds with scan outputs');
  const sized = (operand: Operand): Operand => (rounds ? { ...operand, count: rounds, countAxis: 0 } : operand);
  return [...carried, ...scans.map((list) => sized(stacked(list, 0, none)))];
}

/** A scanned input, its axis, and whether it is read from the back. */
interface Scanned extends Operand {
  readonly axis: number;
  readonly backwards: boolean;
}

/** Element `at` of `axis`, which goes away. */
function element({ value, elem }: Operand, axis: number, at: number): Operand {
  const one = slice(value, {
    starts: value.shape.map((_, k) => (k === axis ? at : 0)),
    sizes: value.shape.map((extent, k) => (k === axis ? 1 : extent)),
  });
  const shape = value.shape.filter((_, k) => k !== axis);
  return { value: reshapedTo(one, shape), elem };
}

/** The body for each step: the last states, and what each step gave for every other output. */
function unrolled(n: NodeContext, states: readonly Binding[], inputs: readonly Scanned[]): { carried: Binding[]; scans: Operand[][] } {
  const body = n.subgraph('body');
  let carried = [...states];
  const scans: Operand[][] = Array.from({ length: Math.max(0, body.outputs.length - states.length) }, () => []);
  const steps = inputs[0] ? (inputs[0].value.shape[inputs[0].axis] as number) : 0;
  for (const { value, axis } of inputs) {
    if (value.shape[axis] !== steps) throw new ThimbleError('SHAPE', 'scanned inputs differ in length', { expected: String(steps) });
  }
  for (let t = 0; t < steps; t++) {
    const elements = inputs.map((input) => element(input, input.axis, input.backwards ? steps - 1 - t : t));
    const results = n.inline(body, [...carried, ...elements]);
    carried = results.slice(0, states.length);
    results.slice(states.length).forEach((binding, k) => void scans[k]?.push(tensorOf(binding)));
  }
  return { carried, scans };
}

const overNothing = (n: NodeContext) => (): never => n.refuse('a scan over nothing');

/** Unrolled over the scan axes. */
function scan(n: NodeContext): Result {
  if (n.version < 9) return scanOfBatch(n);
  const count = n.int('num_scan_inputs');
  const states = n.arity - count;
  const inputs = Array.from({ length: count }, (_, i): Scanned => {
    const operand = n.operand(states + i);
    const axis = normalizeAxis(n.ints('scan_input_axes')[i] ?? 0, operand.value.shape.length);
    return { ...operand, axis, backwards: n.ints('scan_input_directions')[i] === 1 };
  });
  const initial = Array.from({ length: states }, (_, i): Binding => n.binding(i) ?? null);
  const { carried, scans } = unrolled(n, initial, inputs);
  const outAxes = n.ints('scan_output_axes');
  const outBackwards = n.ints('scan_output_directions');
  return [
    ...carried,
    ...scans.map((list, i) => {
      const rank = (list[0]?.value.shape.length ?? 0) + 1;
      return stacked(outBackwards[i] ? [...list].reverse() : list, normalizeAxis(outAxes[i] ?? 0, rank), overNothing(n));
    }),
  ];
}

/** Scan of operator set 8: every operand has a batch axis in front, and each sample is scanned for itself along its first axis. */
function scanOfBatch(n: NodeContext): Result {
  if (n.has(0)) n.refuse('Scan with sequence_lens', { expected: 'sequences of one length' });
  const count = n.int('num_scan_inputs');
  const states = n.arity - 1 - count;
  const operands = Array.from({ length: states + count }, (_, i) => n.operand(i + 1));
  const samples = table(operands[0]?.value.shape[0] ?? 0, (b) => {
    const own = operands.map((operand) => element(operand, 0, b));
    const inputs = own.slice(states).map((operand, i) => ({ ...operand, axis: 0, backwards: n.ints('directions')[i] === 1 }));
    const { carried, scans } = unrolled(n, own.slice(0, states), inputs);
    return [...carried.map(tensorOf), ...scans.map((list) => stacked(list, 0, overNothing(n)))];
  });
  return n.node.outputs.map((_, i) =>
    stacked(
      samples.flatMap((outputs) => outputs[i] ?? []),
      0,
      overNothing(n),
    ),
  );
}

const sequence = (items: readonly Operand[], fallback: Sequence['elem'] = 'float32'): Sequence => ({
  items,
  elem: items[0]?.elem ?? fallback,
});

/** Index of a sequence, negative from the back; `fallback` where the input is left out. */
function position(n: NodeContext, input: number, length: number, fallback: number): number {
  const at = n.number(input, fallback);
  const index = at < 0 ? at + length : at;
  if (index < 0 || index > length) throw damaged(`position ${at} in a sequence of ${length}`);
  return index;
}

function insert(n: NodeContext): Sequence {
  const { items, elem } = n.sequence(0);
  const at = position(n, 2, items.length, items.length);
  return sequence([...items.slice(0, at), n.operand(1), ...items.slice(at)], elem);
}

function erase(n: NodeContext): Sequence {
  const { items, elem } = n.sequence(0);
  const at = position(n, 1, items.length, items.length - 1);
  return sequence(
    items.filter((_, i) => i !== at),
    elem,
  );
}

function at(n: NodeContext): Operand {
  const { items } = n.sequence(0);
  const found = items[position(n, 1, items.length, 0)];
  if (!found) throw damaged(`a sequence of ${items.length} has no such element`);
  return found;
}

function concatSequence(n: NodeContext): Operand {
  const { items, elem } = n.sequence(0);
  const rank = (items[0]?.value.shape.length ?? 0) + (n.int('new_axis', 0) ? 1 : 0);
  const axis = normalizeAxis(n.int('axis'), rank);
  if (n.int('new_axis', 0)) return stacked(items, axis, () => n.refuse('an empty sequence'));
  return {
    value:
      items.length === 1
        ? (items[0] as Operand).value
        : concat(
            items.map(({ value }) => value),
            { axis },
          ),
    elem,
  };
}

function splitToSequence(n: NodeContext): Sequence {
  const x = n.x(0);
  const axis = n.axis('axis', 0);
  const extent = x.shape[axis] as number;
  const given = n.has(1) ? n.numbers(1) : undefined;
  const each = given?.length === 1 && n.shape(1).length === 0 ? (given[0] as number) : given ? 0 : 1;
  const sizes = each ? table(Math.ceil(extent / each), (i) => Math.min(each, extent - i * each)) : (given as number[]);
  const squeeze = !given && !n.int('keepdims', 1);
  const items = split(x, { axis, sizes }).map((value) =>
    squeeze
      ? reshapedTo(
          value,
          value.shape.filter((_, i) => i !== axis),
        )
      : value,
  );
  return sequence(
    items.map((value) => ({ value, elem: n.elem(0) })),
    n.elem(0),
  );
}

function sequenceMap(n: NodeContext): Result {
  const { items } = n.sequence(0);
  const body = n.subgraph('body');
  const results = items.map((item, i) => {
    const others = Array.from({ length: n.arity - 1 }, (_, k) => {
      const binding = n.binding(k + 1) ?? null;
      return binding && isSequence(binding) ? (binding.items[i] ?? null) : binding;
    });
    return n.inline(body, [item, ...others]);
  });
  return body.outputs.map((_, k) => sequence(results.map((list) => tensorOf(list[k]))));
}

const isPresent = (n: NodeContext): Operand => ({ value: n.integers([n.binding(0) ? 1 : 0], []), elem: 'bool' });

/** Branches and loops, which are resolved at import; sequences and optionals, which exist at import only. */
export const control: Rows = {
  If: ifRow,
  Loop: loop,
  Scan: scan,
  SequenceConstruct: (n) => [sequence(Array.from({ length: n.arity }, (_, i) => n.operand(i)))],
  SequenceEmpty: (n) => [sequence([], elemOf(n.int('dtype', 1)))],
  SequenceInsert: (n) => [insert(n)],
  SequenceErase: (n) => [erase(n)],
  SequenceAt: at,
  SequenceLength: (n) => ({ value: n.integers([n.sequence(0).items.length], []), elem: 'int64' }),
  SequenceMap: sequenceMap,
  ConcatFromSequence: concatSequence,
  SplitToSequence: (n) => [splitToSequence(n)],
  Optional: (n) => [n.binding(0) ?? null],
  OptionalHasElement: isPresent,
  OptionalGetElement: (n) => [n.binding(0) ?? null],
};
