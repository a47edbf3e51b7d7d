import type { Value } from '../ir/graph.ts';
import { rootOf } from '../ir/root.ts';
import { assign } from './assign.ts';
import { copy } from './copy.ts';
import { opOf } from './registry.ts';

/** A state, and the value it has at the next call. */
export interface Update {
  readonly state: Value;
  readonly next: Value;
}

/** The value as it is before any state is written: a copy of what shows a state itself. */
export const beforeUpdates = (value: Value): Value => (rootOf(value, opOf).origin.kind === 'state' ? copy(value) : value);

/** Appends the nodes that write each state, after all that read one. */
export function updateStates(updates: readonly Update[]): void {
  const settled = updates.map(({ state, next }) => ({ state, next: beforeUpdates(next) }));
  for (const { state, next } of settled) assign.node([state, next]);
}
