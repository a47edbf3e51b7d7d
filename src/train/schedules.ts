import { ThimbleError } from '../core/errors.ts';
import type { Schedule } from '../core/schedule.ts';

export { rateAt, type Schedule } from '../core/schedule.ts';

/** Steps: values[i] up to and including boundaries[i], the last value after. */
export function piecewiseConstant(boundaries: readonly number[], values: readonly number[]): Schedule {
  if (values.length !== boundaries.length + 1) {
    throw new ThimbleError('INPUT', 'piecewiseConstant needs one value more than boundaries', {
      got: `${values.length} and ${boundaries.length}`,
    });
  }
  return { type: 'piecewiseConstant', boundaries, values };
}

/** initial · rate^(step / decaySteps); with `staircase` the exponent is whole (step decay). */
export const exponentialDecay = (options: {
  readonly initialLearningRate: number;
  readonly decaySteps: number;
  readonly decayRate: number;
  readonly staircase?: boolean;
}): Schedule => ({ type: 'exponentialDecay', staircase: false, ...options });

/** initial · ((1 - alpha) (1 + cos(π step / decaySteps)) / 2 + alpha), constant after (Loshchilov and Hutter 2017). */
export const cosineDecay = (options: {
  readonly initialLearningRate: number;
  readonly decaySteps: number;
  readonly alpha?: number;
}): Schedule => ({
  type: 'cosineDecay',
  alpha: 0,
  ...options,
});

/** Linear from `from` to the schedule's first rate over `steps`, then the schedule, which starts at its step 0. */
export const warmup = ({
  steps,
  from = 0,
  schedule,
}: {
  readonly steps: number;
  readonly from?: number;
  readonly schedule: number | Schedule;
}): Schedule => ({
  type: 'warmup',
  steps,
  from,
  schedule,
});
