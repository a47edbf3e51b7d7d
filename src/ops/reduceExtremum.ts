import type { Value } from '../ir/graph.ts';
import { div } from './div.ts';
import { equal } from './equal.ts';
import { mul } from './mul.ts';
import type { ReduceAttributes } from './reduce.ts';
import { reduceSum, spread } from './reduceSum.ts';

/** dx of a maximum or minimum: dy in equal shares to the elements that hold it. */
export function extremumGrad(x: Value, y: Value, dy: Value, attrs: ReduceAttributes): Value {
  const holders = equal([x, spread(y, x, attrs)]);
  return mul([holders, spread(div([dy, reduceSum(holders, attrs)]), x, attrs)]);
}
