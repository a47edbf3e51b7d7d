import { formatBytes, parseBytes } from '../core/bytes.ts';
import { ThimbleError } from '../core/errors.ts';
import type { MemoryPlan, MethodMemory } from './report.ts';

/**
 * Bytes, or text such as '64KB', that the whole linear memory may use; or `least`: as few as give the same results. Where the fastest way does not fit, layers
 * at the peak take less scratch and more time, for the same bits.
 */
export type Budget = number | string;

/** @throws INPUT for what is no size. */
export const mostBytes = (budget: Budget | undefined): number =>
  budget === undefined ? Number.POSITIVE_INFINITY : budget === 'least' ? 0 : parseBytes(budget);

/** Buffers named in the error. */
const NAMED = 3;

/**
 * @throws BUDGET where the plan needs more than `budget` bytes: names the step at the peak, the largest buffers alive there, and what would fit.
 */
export function checkBudget(plan: MemoryPlan, budget: number): void {
  const excess = plan.totalBytes - budget;
  if (excess <= 0) return;
  const method = plan.methods.reduce((a, b) => (b.arenaBytes > a.arenaBytes ? b : a));
  const position = method.live.indexOf(Math.max(...method.live));
  const largest = method.buffers
    .filter((buffer) => buffer.first <= position && position <= buffer.last)
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, NAMED);
  const regions = Object.entries(plan.regions).map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
  throw new ThimbleError(
    'BUDGET',
    `"${plan.name}" needs ${plan.totalBytes.toLocaleString('en-US')} bytes, ${excess.toLocaleString('en-US')} more than the budget ` +
      `(${regions.join(', ')}); the peak of the arena is "${method.nodes[position]}" in ${method.name}, ` +
      `where ${largest.map((buffer) => `"${buffer.label}" takes ${formatBytes(buffer.bytes)}`).join(', ')}`,
    {
      node: method.nodes[position],
      expected: `at most ${budget} bytes`,
      got: `${plan.totalBytes} bytes`,
      hint: advice(plan, method, excess),
    },
  );
}

/** What would fit, from the sizes at hand: only measures that can free `excess` bytes are named. */
function advice(plan: MemoryPlan, peak: MethodMemory, excess: number): string {
  const { arena, io, state } = plan.regions;
  const fixed = plan.totalBytes - arena - io;
  const room = arena + io - excess;
  const measures: string[] = [`a budget of ${plan.totalBytes} bytes fits, the least it can do with`];
  if (room > 0)
    measures.push(`of a batch, about ${Math.floor((room / (arena + io)) * 100)} % of the present size fits (arena and io shrink with it)`);
  else measures.push(`no batch size fits: records, constants and state alone take ${formatBytes(fixed)}`);
  if (peak.name.startsWith('train')) measures.push('freezing early layers removes their gradients and moments');
  if (state > excess)
    measures.push('an optimizer with fewer moments (sgd: none, momentum and rmsprop: one, adam: two per parameter) shrinks the state');
  return measures.join('; ');
}
