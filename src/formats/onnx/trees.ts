import type { Value } from '../../ir/graph.ts';
import { treeEnsemble } from '../../ops/index.ts';
import type { Rows } from './context.ts';
export const treeEnsembles: Rows = {};
export type { Value };
export { treeEnsemble };
