import type { Value } from '../ir/graph.ts';
import { add } from './add.ts';
import { mul } from './mul.ts';
import { relu } from './relu.ts';
import { sub } from './sub.ts';

/** y = x > 0 ? x : slope x, with a learned slope that broadcasts to x (He et al. 2015); composed as relu(x) + slope (x - relu(x)). */
export function prelu(x: Value, slope: Value): Value {
  const positive = relu(x);
  return add([positive, mul([slope, sub([x, positive])])]);
}
