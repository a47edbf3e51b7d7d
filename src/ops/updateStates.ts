import type { Value } from '../ir/graph.ts';
import { assign } from './assign.ts';
import { copy } from './copy.ts';
import { opOf } from './registry.ts';

/** A state, and the value it has at the next call. */
export interface Update {
  readonly state: Value;
  readonly next: Value;
}

/** Appends the nodes that write each state. What shows a state itself is copied, so that all are read before any is written. */
export function updateStates(updates: readonly Update[]): void {
  const copied = updates.map(({ state, next }) => ({ state, next: rootOf(next).origin.kind === 'state' ? copy(next) : next }));
  for (const { state, next } of copied) assign.node([state, next]);
}

/** What a value is a view of. */
export function rootOf(value: Value): Value {
  let root = value;
  while (root.origin.kind === 'node' && opOf(root.origin.node).view) root = root.origin.node.inputs[0] as Value;
  return root;
}
