import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { concat } from '../../ops/index.ts';
import { part, reshapedTo } from '../moves.ts';

/** Sequences of cells that no kernel has are unrolled. */
const MAX_STEPS = 4096;

/** Runs `step` for each of x's steps [batch, width], in order or backwards, and joins what it gives. */
export function overTime(x: Value, timeMajor: boolean, step: (x: Value) => Value, reverse = false): Value {
  if (x.shape.length !== 3) throw new ThimbleError('SHAPE', 'a sequence has three axes', { got: formatShape(x.shape) });
  const time = timeMajor ? 0 : 1;
  const [batch, width] = [x.shape[1 - time] as number, x.shape[2] as number];
  const steps = x.shape[time] as number;
  if (steps > MAX_STEPS) throw new ThimbleError('UNSUPPORTED_OP', `a sequence of ${steps} steps`, { expected: `at most ${MAX_STEPS}` });
  const results: Value[] = [];
  for (let i = 0; i < steps; i++) {
    const at = reverse ? steps - 1 - i : i;
    const y = step(reshapedTo(part(x, time, at, 1), [batch, width]));
    results[at] = reshapedTo(y, timeMajor ? [1, batch, y.shape[1] as number] : [batch, 1, y.shape[1] as number]);
  }
  return results.length === 1 ? (results[0] as Value) : concat(results, { axis: time });
}
