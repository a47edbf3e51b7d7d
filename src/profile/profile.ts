import type { InferenceModel } from '../inference/model.ts';
import { kernels } from '../kernels/list.ts';
import { records } from '../kernels/records.ts';
import type { Method, Program } from '../program/format.ts';
import type { Session } from '../runtime/session.ts';
import { type MethodPlan, type PlannedNode, planOf } from './plan.ts';

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
  /** Called after each run, those that warm up included. */
  readonly onRun?: (done: number, total: number) => void;
}

/**
 * Where the time of a model goes: its kernel calls in order, those of a node by kernel and weights. Runs on what its inputs hold: call `run` with real
 * data first. A call of the clock costs some 50 ns and is part of each number.
 * @throws INPUT for a model from a `.thimble` file, which does not know its nodes.
 */
export function profile(model: InferenceModel, options: ProfileOptions = {}): StepProfile[] {
  return profileMethod(model.session, planOf(model.lowered), options);
}

/** As `profile`, for any method of a session: `plan` is that of its program. */
export function profileMethod(session: Session, plan: MethodPlan, { runs = 50, onRun }: ProfileOptions = {}): StepProfile[] {
  const calls = callsOf(session.program, plan);
  const groups = new Map<string, number>();
  const groupOf = calls.map(({ node, kernel, fields }) => {
    const key = `${node.name} ${kernel} ${fields.w ?? -1}`;
    if (!groups.has(key)) groups.set(key, groups.size);
    return groups.get(key) as number;
  });
  const times = Array.from(groups, () => [] as number[]);
  for (let run = 0; run < 2 * runs; run++) {
    const sums = new Float64Array(groups.size);
    let last = 0;
    session.execute(plan.name, (call) => {
      const now = performance.now();
      if (call > 0) sums[groupOf[call - 1] as number] = (sums[groupOf[call - 1] as number] as number) + now - last;
      last = performance.now();
    });
    onRun?.(run + 1, 2 * runs);
    if (run >= runs) times.forEach((list, i) => void list.push(sums[i] as number));
  }
  return times.map((list, group): StepProfile => {
    const own = calls.filter((_, call) => groupOf[call] === group);
    const { node, kernel } = own[0] as Call;
    return {
      node: node.name,
      op: node.op,
      kernel,
      shape: node.shape,
      calls: own.length,
      ms: list.sort((a, b) => a - b)[list.length >> 1] as number,
      macs: own.reduce((sum, call) => sum + macsOf(call), 0),
    };
  });
}

/** A kernel call with its node, and its record as numbers: `w`, the address of weights, tells the stages of a chain apart. */
interface Call {
  readonly node: PlannedNode;
  readonly kernel: string;
  readonly fields: Readonly<Record<string, number>>;
}

function callsOf({ kernels: names, methods, image }: Program, { name, nodes }: MethodPlan): Call[] {
  const { calls } = methods[name] as Method;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  return nodes
    .flatMap((node) => new Array<PlannedNode>(node.calls).fill(node))
    .map((node, i) => {
      const kernel = names[calls[2 * i] as number] as keyof typeof kernels;
      const record = calls[2 * i + 1] as number;
      const fields = Object.keys(records[kernels[kernel]]).map((field, at) => [field, view.getUint32(record + 4 * at, true)] as const);
      return { node, kernel, fields: Object.fromEntries(fields) };
    });
}

/** Multiply-accumulates of a call, from the extents in its record. */
function macsOf({ kernel, fields }: Call): number {
  const product = (...names: string[]) => names.reduce((all, name) => all * (fields[name] ?? 1), 1);
  if ('kernelHeight' in fields && /conv2d/.test(kernel)) {
    const pixels = product('batch', 'outHeight', 'outWidth', 'outChannels', 'kernelHeight', 'kernelWidth');
    return kernel.startsWith('depthwise') ? pixels : (pixels * product('inChannels')) / product('groups');
  }
  return 'depth' in fields ? product('batch0', 'batch1', 'rows', 'columns', 'depth') : 0;
}
