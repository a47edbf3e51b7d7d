import { allocate, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import type { Graph } from '../ir/graph.ts';
import type { Budget } from '../plan/budget.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { build } from '../program/build.ts';
import type { Program, Slot } from '../program/format.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { RuntimeModel } from '../runtime/model.ts';
import { Session } from '../runtime/session.ts';
import type { Inputs } from '../train/data.ts';
import type { Model } from '../train/model.ts';
import { push } from '../train/state.ts';
import { names, scoresGraph } from './methods.ts';
import { type Columns, columnsOf, rowOf } from './rows.ts';
import { type Explainable, type Forward, type Subject, type SubjectOptions, subjectOf } from './subject.ts';

export interface EngineOptions extends SubjectOptions {
  /** Bytes, or text such as '2MB' or `least`, that the linear memory of a method may use. */
  readonly budget?: Budget | undefined;
  /** Kernels to run on; the fastest of this host where left out or `auto`. */
  readonly flavour?: Flavour | 'auto' | undefined;
  /** How an image lies in the explained input; found from its extents where left out. */
  readonly layout?: 'nhwc' | 'nchw' | undefined;
}

/** Where the pixels of an item are. */
export interface ImageLayout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly planar: boolean;
}

/** Which score of each row is explained: an index for all or one a row; the highest where left out. */
export type Targets = number | ArrayLike<number> | undefined;

/** One run of the model on one item. */
export interface Item {
  /** The row that the other inputs come from. */
  readonly row: number;
  readonly x: TypedArray;
  readonly target?: number;
}

/** A method in a session of its own. */
export interface Compiled {
  readonly session: Session;
  readonly name: string;
  readonly memory: MemoryPlan | undefined;
}

/** Plans methods when they are first asked for, and runs them on any number of items. */
export class Engine {
  readonly subject: Subject;
  readonly #model: Explainable;
  readonly #options: EngineOptions;
  readonly #compiled = new Map<string, Promise<Compiled>>();

  constructor(model: Explainable, options: EngineOptions) {
    this.#model = model;
    this.#options = options;
    this.subject = subjectOf(model, options);
  }

  /** The explained input as an image. @throws INPUT where it is none. */
  get image(): ImageLayout {
    const { shape } = this.subject.input;
    const found = layoutOf(shape, this.#options.layout);
    if (found) return found;
    throw new ThimbleError('INPUT', `input "${this.subject.input.name}" is not known to be an image`, {
      expected: '1 to 4 channels, first or last',
      got: `[${shape}]`,
      hint: "say `layout: 'nhwc'` or `layout: 'nchw'`",
    });
  }

  columns(x: Inputs): Columns {
    return columnsOf(x, this.subject.inputs);
  }

  /** The method that `make` makes of a pass through the model; the one of the model's program where it has it. @throws BUDGET. */
  method(name: string, make: (forward: Forward) => Graph): Promise<Compiled> {
    let compiled = this.#compiled.get(name);
    if (!compiled) {
      compiled = this.#compile(name, make);
      this.#compiled.set(name, compiled);
      // A plan that failed is tried again: the next call may be for a model in another state.
      compiled.catch(() => this.#compiled.delete(name));
    }
    return compiled;
  }

  async #compile(name: string, make: (forward: Forward) => Graph): Promise<Compiled> {
    const { budget, flavour = 'auto' } = this.#options;
    const model = this.#model;
    if (model instanceof RuntimeModel && model.program.methods[name]) return { session: model.session, name, memory: undefined };
    const { program, memory } = build([make(this.subject.forward(name))], { name, budget });
    return { session: new Session(program, await kernelsFor(flavour)), name, memory };
  }

  /** Method `explain.scores`, or what stands for it in a program: the method that infers. */
  async #scores(): Promise<{ compiled: Compiled; output: string }> {
    const model = this.#model;
    const own = model instanceof RuntimeModel && !model.program.methods[names.scores] && !hasGraph(model);
    if (!own) return { compiled: await this.method(names.scores, scoresGraph), output: names.scores };
    const output = this.#options.output ?? (model.outputs[0] as { name: string }).name;
    const name = ['infer', 'predict'].find((candidate) => model.program.methods[candidate]) as string;
    return { compiled: { session: model.session, name, memory: undefined }, output };
  }

  /** The scores of `count` items, row after row. */
  async scores(columns: Columns, count: number, item: (index: number) => Item): Promise<Float32Array> {
    const { scores } = this.subject;
    const result = new Float32Array(count * scores);
    const { compiled, output } = await this.#scores();
    this.run(compiled, columns, count, item, (index, part) => result.set(part(output), index * scores));
    return result;
  }

  /** Row `index` of the explained input as it was given. */
  row({ data }: Columns, index: number): TypedArray {
    const { name, shape } = this.subject.input;
    return rowOf(data.get(name) as TypedArray, index, sizeOf(shape));
  }

  /** The score to explain of each row, and what it is. @throws INPUT for an index that is none. */
  async targets(columns: Columns, given: Targets): Promise<{ targets: Int32Array; scores: Float32Array }> {
    const { rows } = columns;
    const { scores: width } = this.subject;
    const all = await this.scores(columns, rows, (row) => ({ row, x: this.row(columns, row) }));
    const targets = Int32Array.from({ length: rows }, (_, i) => {
      if (typeof given === 'number') return given;
      if (given) return given[i] ?? -1;
      const own = rowOf(all, i, width);
      return own.indexOf(own.reduce((best, score) => Math.max(best, score), Number.NEGATIVE_INFINITY));
    });
    const bad = targets.findIndex((target) => !(target >= 0 && target < width));
    if (bad >= 0 || (given !== undefined && typeof given !== 'number' && given.length !== rows)) {
      const got = given === undefined ? 'scores that are no numbers' : typeof given === 'number' ? `${given}` : `${given.length} of them`;
      throw new ThimbleError('INPUT', 'the target is no score of the model', {
        expected: `an index from 0 to ${width - 1}, or one for each of ${rows} rows`,
        got,
      });
    }
    return { targets, scores: Float32Array.from(targets, (target, i) => all[i * width + target] as number) };
  }

  /**
   * Runs `compiled` on items 0 … count - 1, as many at a time as it takes; `each` gets the item's part of each output, a view that is valid
   * until it returns.
   */
  run(
    compiled: Compiled,
    columns: Columns,
    count: number,
    item: (index: number) => Item,
    each: (index: number, part: (output: string) => TypedArray) => void,
  ): void {
    const { session, name } = compiled;
    const { batch, inputs, input, scores } = this.subject;
    const method = session.program.methods[name] as Program['methods'][string];
    this.#refresh(session);
    const views = new Map([...method.inputs, ...method.outputs].map((slot: Slot) => [slot.name, session.view(slot)]));
    const target = views.get(names.target);
    for (let from = 0; from < count; from += batch) {
      const here = Math.min(batch, count - from);
      for (const { name, dtype } of inputs) if (here < batch) views.get(name)?.set(allocate(dtype, (views.get(name) as TypedArray).length));
      target?.fill(0);
      for (let i = 0; i < here; i++) {
        const { row, x, target: wanted } = item(from + i);
        for (const other of inputs) {
          const size = sizeOf(other.shape);
          const data = other.name === input.name ? x : rowOf(columns.data.get(other.name) as TypedArray, row, size);
          views.get(other.name)?.set(data, i * size);
        }
        if (target && wanted !== undefined) target[i * scores + wanted] = 1;
      }
      session.execute(name);
      for (let i = 0; i < here; i++) {
        each(from + i, (output) => {
          const view = views.get(output) as TypedArray;
          return rowOf(view, i, view.length / batch);
        });
      }
    }
  }

  /** The plans of the methods that were made here. */
  async memory(): Promise<Record<string, MemoryPlan>> {
    const all = await Promise.all([...this.#compiled.values()]);
    return Object.fromEntries(all.flatMap(({ name, memory }) => (memory ? [[name, memory]] : [])));
  }

  /** A pass through the model as it is now, to look at. @throws INPUT for a program without a graph. */
  forward(): Forward {
    if ('network' in this.#model) this.#model.state();
    return this.subject.forward('explain');
  }

  /** Takes over the weights that a model built of layers has now. */
  #refresh(session: Session): void {
    const model = this.#model;
    if ('network' in model) push(session, (model as Model).state());
  }
}

const hasGraph = (model: RuntimeModel): boolean => 'hasGraph' in model && model.hasGraph === true;

/** The image in items of `shape`; a matrix is one of one channel. Undefined where it is not clear. */
export function layoutOf(shape: readonly number[], layout: 'nhwc' | 'nchw' | undefined): ImageLayout | undefined {
  const [a = 0, b = 0, c = 0] = shape;
  if (shape.length === 2) return { height: a, width: b, channels: 1, planar: false };
  if (shape.length !== 3) return undefined;
  const planar = { channels: a, height: b, width: c, planar: true };
  const interleaved = { height: a, width: b, channels: c, planar: false };
  if (layout) return layout === 'nchw' ? planar : interleaved;
  const [first, last] = [a <= 4, c <= 4];
  return first === last ? undefined : first ? planar : interleaved;
}
