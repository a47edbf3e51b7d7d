import { cos, pow } from './deterministic.ts';

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
