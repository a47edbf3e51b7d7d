import { formatShape } from '../core/shape.ts';
import type { InferenceModel } from '../inference/model.ts';
import type { Step } from '../ops/step.ts';
import { allSteps } from '../program/build.ts';
import type { LoweredMethod } from '../program/lower.ts';
import type { Session } from '../runtime/session.ts';

/** The kernel calls of one node that do the same work on other rows, together. */
export interface StepProfile {
  readonly node: string;
  readonly op: string;
  readonly kernel: string;
  /** Of the node's output. */
  readonly shape: string;
  /** Kernel calls of one run. */
  readonly calls: number;
  /** Milliseconds of one run: the median. */
  readonly ms: number;
  /** Multiply-accumulates of one run; 0 for kernels that are no products. */
  readonly macs: number;
}

export interface ProfileOptions {
  /** Runs to take the median of; as many again go before, to warm up. */
  readonly runs?: number;
}

/**
 * Where the time of a model goes: its kernel calls in order, those of a node by kernel and weights. Runs on what its inputs hold: call `run` with real
 * data first. A call of the clock costs some 50 ns and is part of each number.
 * @throws INPUT for a model from a `.thimble` file, which does not know its nodes.
 */
export function profile(model: InferenceModel, options: ProfileOptions = {}): StepProfile[] {
  return profileMethod(model.session, model.lowered, options);
}

/** As `profile`, for any method of a session: `lowered` is what its program was built from. */
export function profileMethod(session: Session, lowered: LoweredMethod, { runs = 50 }: ProfileOptions = {}): StepProfile[] {
  const steps = allSteps(lowered);
  const groups = new Map<string, number>();
  const groupOf = steps.map(({ node, step }) => {
    const key = `${node.name} ${step.kernel} ${weightsOf(step)}`;
    if (!groups.has(key)) groups.set(key, groups.size);
    return groups.get(key) as number;
  });
  const times = Array.from(groups, () => [] as number[]);
  for (let run = 0; run < 2 * runs; run++) {
    const sums = new Float64Array(groups.size);
    let last = 0;
    session.execute(lowered.graph.name, (call) => {
      const now = performance.now();
      if (call > 0) sums[groupOf[call - 1] as number] = (sums[groupOf[call - 1] as number] as number) + now - last;
      last = performance.now();
    });
    if (run >= runs) times.forEach((list, i) => void list.push(sums[i] as number));
  }
  return times.map((list, group): StepProfile => {
    const own = steps.filter((_, call) => groupOf[call] === group);
    const { node, step } = own[0] as (typeof own)[0];
    return {
      node: node.name,
      op: node.op,
      kernel: step.kernel,
      shape: formatShape(node.outputs[0]?.shape ?? []),
      calls: own.length,
      ms: list.sort((a, b) => a - b)[list.length >> 1] as number,
      macs: own.reduce((sum, one) => sum + macsOf(one.step), 0),
    };
  });
}

/** What tells stages of a chain apart. */
const weightsOf = ({ fields: { w } }: Step): number => (typeof w === 'object' && 'id' in w.base ? w.base.id : -1);

/** Multiply-accumulates of a call, from the extents in its record. */
function macsOf({ kernel, fields }: Step): number {
  const product = (...names: string[]) => names.reduce((all, name) => all * (typeof fields[name] === 'number' ? fields[name] : 1), 1);
  if ('kernelHeight' in fields && /conv2d/.test(kernel)) {
    const pixels = product('batch', 'outHeight', 'outWidth', 'outChannels', 'kernelHeight', 'kernelWidth');
    return kernel.startsWith('depthwise') ? pixels : (pixels * product('inChannels')) / product('groups');
  }
  return 'depth' in fields ? product('batch0', 'batch1', 'rows', 'columns', 'depth') : 0;
}
