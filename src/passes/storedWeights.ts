import type { Node, Value } from '../ir/graph.ts';
import { type Conv2dAttributes, type Conv2dGradInputAttributes, filterShape } from '../ops/conv2d.ts';
import { type ProductWeights, weightsOf } from './activationPlan.ts';
import { CELLS } from './sequences.ts';

/** Weights that a file can hold as whole numbers. */
export interface StoredWeights extends ProductWeights {
  /** Which input they are. */
  readonly input: number;
  /** Steps they have: one for each index of their last axis, or one in all. */
  readonly columns: number;
}

/**
 * The weights of products, and those of layers that compute with floats whatever their weights are stored as: recurrent ones, transposed convolutions
 * (whose last axis is that of the input), tables of which rows are taken, with one step in all.
 */
export function storedWeights(node: Node): StoredWeights | undefined {
  const { op, inputs, attrs } = node;
  const product = weightsOf(node);
  if (product) return { ...product, input: 1, columns: product.logical.at(-1) as number };
  const isHeld = (input: number): boolean => {
    const { origin, dtype } = inputs[input] ?? {};
    return dtype === 'f32' && (origin?.kind === 'const' || origin?.kind === 'state');
  };
  if (op === 'conv2dGradInput' && isHeld(1)) {
    const { filters, groups, input } = attrs as unknown as Conv2dGradInputAttributes;
    return { logical: filterShape(input[2], attrs as unknown as Conv2dAttributes), groups, input: 1, columns: filters };
  }
  if (CELLS.includes(op) && isHeld(1)) {
    const units = attrs.units as number;
    const columns = op === 'gruBefore' ? 2 * units : ((inputs[0] as Value).shape.at(-1) as number);
    return { logical: [units, columns], groups: 1, input: 1, columns };
  }
  const [table, indexes] = inputs;
  if (op !== 'gather' || !isHeld(0) || indexes?.origin.kind === 'const' || (table as Value).shape.length < 2) return undefined;
  return { logical: (table as Value).shape, groups: undefined, input: 0, columns: 1 };
}
