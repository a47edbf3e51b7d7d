import { ThimbleError } from '../core/errors.ts';
import type { Node } from '../ir/graph.ts';
import type { Op } from './define.ts';
import * as operators from './index.ts';

/** Every operator by name. */
export const registry: ReadonlyMap<string, Op> = new Map(Object.values(operators).map((op) => [op.name, op as unknown as Op]));

/** The operator of `node`. @throws UNSUPPORTED_OP for a name the registry does not have. */
export function opOf(node: Node): Op {
  const op = registry.get(node.op);
  if (!op) throw new ThimbleError('UNSUPPORTED_OP', `no operator "${node.op}"`, { op: node.op, node: node.name });
  return op;
}
