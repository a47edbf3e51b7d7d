import { ThimbleError } from '../../core/errors.ts';
import { activations } from './activation.ts';
import { arithmetic } from './arithmetic.ts';
import { bits } from './bits.ts';
import type { Row, Rows } from './context.ts';
import { control } from './control.ts';
import { conversions } from './conversions.ts';
import { convolutions } from './convolutions.ts';
import { convolutions3d } from './convolutions3d.ts';
import { custom } from './custom.ts';
import { diagonals } from './diagonals.ts';
import { indexing } from './indexing.ts';
import { layers } from './layers.ts';
import { logic } from './logic.ts';
import { movement } from './movement.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resizing.ts';
import type { OperatorSpec } from './schema.ts';
import { segments } from './segments.ts';
import { shapes } from './shapes.ts';
import { signal } from './signal.ts';
import { slicing } from './slicing.ts';
import { stablehlo } from './stablehlo.ts';
import { suppression } from './suppression.ts';
import { variables } from './variables.ts';

const rows: Rows = {
  ...activations,
  ...arithmetic,
  ...bits,
  ...control,
  ...conversions,
  ...convolutions,
  ...convolutions3d,
  ...diagonals,
  ...indexing,
  ...layers,
  ...logic,
  ...movement,
  ...pooling,
  ...products,
  ...recurrent,
  ...reductions,
  ...resizing,
  ...segments,
  ...shapes,
  ...signal,
  ...slicing,
  ...stablehlo,
  ...suppression,
  ...variables,
};

const tableOf = ({ isCustom }: Pick<OperatorSpec, 'isCustom'>): Rows => (isCustom ? custom : rows);

/** Whether thimble has a row for the operator. */
export const isSupported = (node: Pick<OperatorSpec, 'op' | 'isCustom'>): boolean => Object.hasOwn(tableOf(node), node.op);

/** @throws UNSUPPORTED_OP for an operator that thimble does not have. */
export function rowOf(node: OperatorSpec): Row {
  const row = isSupported(node) ? tableOf(node)[node.op] : undefined;
  if (!row) throw new ThimbleError('UNSUPPORTED_OP', `thimble has no ${node.isCustom ? 'custom ' : ''}operator ${node.op}`);
  return row;
}
