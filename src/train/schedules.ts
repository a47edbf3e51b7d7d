import { cos, pow } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';

/** A learning rate as a function of the completed optimizer steps; plain data, so that it is saved with a model. */
export type Schedule =
  | { readonly type: 'piecewiseConstant'; readonly boundaries: readonly number[]; readonly values: readonly number[] }
  | {
      readonly type: 'exponentialDecay';
      readonly initialLearningRate: number;
      readonly decaySteps: number;
      readonly decayRate: number;
      readonly staircase: boolean;
    }
  | { readonly type: 'cosineDecay'; readonly initialLearningRate: number; readonly decaySteps: number; readonly alpha: number }
  | { readonly type: 'warmup'; readonly steps: number; readonly from: number; readonly schedule: number | Schedule };

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

/** The rate at `step` (completed optimizer steps). */
export function rateAt(schedule: number | Schedule, step: number): number {
  if (typeof schedule === 'number') return schedule;
  switch (schedule.type) {
    case 'piecewiseConstant': {
      const at = schedule.boundaries.findIndex((boundary) => step <= boundary);
      return schedule.values.at(at) as number;
    }
    case 'exponentialDecay': {
      const progress = step / schedule.decaySteps;
      return schedule.initialLearningRate * pow(schedule.decayRate, schedule.staircase ? Math.floor(progress) : progress);
    }
    case 'cosineDecay': {
      const progress = Math.min(step / schedule.decaySteps, 1);
      return schedule.initialLearningRate * ((1 - schedule.alpha) * 0.5 * (1 + cos(Math.PI * progress)) + schedule.alpha);
    }
    case 'warmup': {
      if (step >= schedule.steps) return rateAt(schedule.schedule, step - schedule.steps);
      return schedule.from + (rateAt(schedule.schedule, 0) - schedule.from) * (step / schedule.steps);
    }
  }
}
