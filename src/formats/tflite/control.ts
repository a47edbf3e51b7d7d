import type { Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { bitwiseAnd, where } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { type Binding, isHandle, isOperand, type Operand } from './operand.ts';
import { callOptions, compositeOptions, ifOptions, whileOptions } from './options.ts';
import type { Snapshot } from './variables.ts';

const bindings = (n: NodeContext, from: number): Binding[] => n.node.inputs.slice(from).map((_, i) => n.binding(from + i));

/** What `condition`, one number, chooses: `yes` where it is not 0. */
function chosen(n: NodeContext, condition: Value, yes: Operand, no: Operand): Operand {
  if (yes.value.shape.join() !== no.value.shape.join()) return n.refuse('branches whose results differ in shape');
  return { ...yes, value: n.wide([yes.value, no.value], ([a, b]) => where([reshapedTo(condition, []), a as Value, b as Value])) };
}

function allChosen(n: NodeContext, condition: Value, yes: readonly Binding[], no: readonly Binding[]): Binding[] {
  return yes.map((one, i) => {
    const other = no[i];
    // A handle that both have stands for the same variable.
    if (one === other || (other && isHandle(one) && isHandle(other) && one.variable === other.variable)) return one;
    if (!other || !isOperand(one) || !isOperand(other)) return n.refuse('branches that give handles or complex numbers');
    return one.value === other.value ? one : chosen(n, condition, one, other);
  });
}

/** A constant condition takes one branch; otherwise both are computed, and of results and variables one is kept. */
function branch(n: NodeContext): Result {
  const { thenSubgraphIndex, elseSubgraphIndex } = n.options(ifOptions);
  const given = bindings(n, 1);
  const condition = n.i32(0);
  const { importer } = n;
  if (isConstant(condition)) return importer.subgraph(n.number(0) !== 0 ? thenSubgraphIndex : elseSubgraphIndex, given);
  const before = importer.variables.snapshot();
  const yes = importer.subgraph(thenSubgraphIndex, given);
  const afterYes = importer.variables.snapshot();
  importer.variables.restore(before);
  const no = importer.subgraph(elseSubgraphIndex, given);
  importer.variables.merge(afterYes, importer.variables.snapshot(), (a, b) => chosen(n, condition, a, b));
  return allChosen(n, condition, yes, no);
}

/** Rounds of a loop whose end is found when the model runs. */
const MAX_ROUNDS = 1024;

/** What a loop has come to: what it carries from round to round, and the variables. */
interface Reached {
  readonly state: readonly Binding[];
  readonly variables: Snapshot;
}

/**
 * A loop is unrolled until its condition is known to be false. Rounds whose condition is known when the model runs alone are computed all the same, as
 * `i < 9 && …` ends at last; what was reached when the first of these conditions was false is kept.
 */
function loop(n: NodeContext): Result {
  const { condSubgraphIndex, bodySubgraphIndex } = n.options(whileOptions);
  const { importer } = n;
  const { variables } = importer;
  let state: readonly Binding[] = bindings(n, 0);
  let kept: Reached | undefined;
  /** Whether all conditions so far were true; undefined while they are known. */
  let running: Value | undefined;
  for (let unknown = 0; ; ) {
    const [condition] = importer.subgraph(condSubgraphIndex, state);
    if (!condition || !isOperand(condition)) return n.refuse('a condition that is no tensor');
    const { value } = condition;
    const known = isConstant(value);
    if (known && evaluate(value)[0] === 0) break;
    if (!known) {
      kept ??= { state, variables: variables.snapshot() };
      running = running ? bitwiseAnd([running, value]) : value;
    }
    const before = state;
    state = importer.subgraph(bodySubgraphIndex, before);
    if (!known && (++unknown > MAX_ROUNDS || !counts(before, state)))
      throw importer.needsConstant(value, `the condition of a loop without a largest number of rounds (${MAX_ROUNDS} or less)`);
    if (kept && running) kept = keptOf(n, running, { state, variables: variables.snapshot() }, kept);
  }
  if (!kept) return state;
  variables.restore(kept.variables);
  return kept.state;
}

/** `next` while the loop is `running`, else what was kept before. */
function keptOf(n: NodeContext, running: Value, next: Reached, before: Reached): Reached {
  const { variables } = n.importer;
  const state = allChosen(n, running, next.state, before.state);
  variables.merge(next.variables, before.variables, (a, b) => chosen(n, running, a, b));
  const kept = { state, variables: variables.snapshot() };
  variables.restore(next.variables);
  return kept;
}

/** Whether a constant among what the loop carries changes, as its counter does. */
const counts = (before: readonly Binding[], after: readonly Binding[]): boolean =>
  after.some((binding, i) => {
    const previous = before[i];
    if (!previous || !isOperand(previous) || !isOperand(binding)) return false;
    return isConstant(previous.value) && isConstant(binding.value) && String(evaluate(previous.value)) !== String(evaluate(binding.value));
  });

/** Subgraphs. */
export const control: Rows = {
  IF: branch,
  WHILE: loop,
  // Its name says what a faster kernel may do instead.
  STABLEHLO_COMPOSITE: (n) => n.importer.subgraph(n.options(compositeOptions).decompositionSubgraphIndex, bindings(n, 0)),
  CALL: (n) => n.importer.subgraph(n.options(callOptions).subgraph, bindings(n, 0)),
};
