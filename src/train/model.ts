import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import { initialize, type Layer, type Symbolic, type Weight } from '../layers/layer.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { type Built, build } from '../program/build.ts';
import type { Flavour } from '../runtime/flavour.ts';
import { Session } from '../runtime/session.ts';
import type { CompileOptions, EvaluateOptions } from './compileOptions.ts';
import { type Batch, type Column, type Dataset, type Inputs, isDataset, type Rows, type Table, tableOf, tablesOf } from './data.ts';
import { type ExportOptions, exportModel } from './export.ts';
import { type FitOptions, fitModel, type History } from './fit.ts';
import { evaluateRows, predictInputs } from './inference.ts';
import { evaluateGraph, io, predictGraph, type Rounding, trainGraph } from './methods.ts';
import { chain, type Network, networkOf } from './network.ts';
import { rateAt } from './schedules.ts';
import { type Held, pull, push } from './state.ts';
import { type Summary, summaryOf } from './summary.ts';
import { type Compiled, planTraining } from './training.ts';

const DEFAULT_BATCH = 32;

/** A model: layers, their weights, and (once compiled) a program in one fixed memory that predicts, evaluates and trains. */
export class Model {
  readonly network: Network;
  readonly seed: number;
  #batchSize = DEFAULT_BATCH;
  #budget: number | string | undefined;
  #flavour: Flavour | 'auto' = 'simd';
  #compiled: Compiled | undefined;
  /** Learned by quantization-aware training; they outlive a compilation. */
  readonly #ranges = new Map<string, Held>();
  #built: Built | undefined;
  #session: Session | undefined;
  /** Sizes of partial batches a train method exists for. */
  readonly #partial = new Set<number>();
  #learningRate: number | undefined;
  #accumulated = 0;
  #steps = 0;

  constructor(network: Network, seed: number) {
    this.network = network;
    this.seed = seed;
    const random = new Random(seed);
    for (const weight of this.weights) weight.data = initialize(weight, random);
  }

  get layers(): readonly Layer[] {
    return this.network.layers;
  }

  get weights(): readonly Weight[] {
    return this.layers.flatMap((layer) => [...layer.weights.values()]);
  }

  /** The layer of that name. @throws INPUT where there is none. */
  layer(name: string): Layer {
    const layer = this.layers.find((candidate) => candidate.layerName === name);
    if (!layer) throw new ThimbleError('INPUT', `no layer "${name}"`, { expected: this.layers.map((l) => l.layerName).join(', ') });
    return layer;
  }

  /** Freezes and thaws layers by a predicate; compile again for it to take effect, as in Keras. */
  setTrainable(predicate: (layer: Layer) => boolean): void {
    for (const layer of this.layers) layer.trainable = predicate(layer);
  }

  /**
   * Plans the program and gives it its memory. Weights stay; optimizer state starts afresh.
   * @throws BUDGET where the exact bytes exceed the budget, before anything is instantiated; UNSUPPORTED_OP, SHAPE for what cannot train.
   */
  async compile(options: CompileOptions = {}): Promise<void> {
    this.#pull();
    const { batchSize = DEFAULT_BATCH, budget, flavour = 'simd' } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ThimbleError('INPUT', `batchSize ${batchSize}`, { expected: 'a whole number of at least 1' });
    await kernelsFor(flavour);
    if (options.quantizationAware && options.loss === undefined)
      throw new ThimbleError('INPUT', 'quantizationAware needs a loss to train with');
    const compiled =
      options.loss === undefined
        ? undefined
        : planTraining(this.network, this.seed, options.loss, { ...options, ranges: options.quantizationAware ? this.#ranges : undefined });
    const previous = {
      batchSize: this.#batchSize,
      budget: this.#budget,
      flavour: this.#flavour,
      compiled: this.#compiled,
      partial: [...this.#partial],
    };
    this.#batchSize = batchSize;
    this.#budget = budget;
    this.#flavour = flavour;
    this.#compiled = compiled;
    this.#partial.clear();
    try {
      await this.#instantiate();
    } catch (error) {
      this.#batchSize = previous.batchSize;
      this.#budget = previous.budget;
      this.#flavour = previous.flavour;
      this.#compiled = previous.compiled;
      for (const rows of previous.partial) this.#partial.add(rows);
      throw error;
    }
    this.#learningRate = undefined;
    this.#accumulated = 0;
    this.#steps = 0;
  }

  /** Exact bytes of the program by region and method. @throws INPUT before `compile`. */
  get memory(): MemoryPlan {
    return this.#need(this.#built, 'memory').memory;
  }

  /** Whether `memory`, `built` and `session` are there. */
  get isPlanned(): boolean {
    return this.#built !== undefined;
  }

  /** The planned program. @throws INPUT before `compile`. */
  get built(): Built {
    return this.#need(this.#built, 'built');
  }

  /** The session that runs it. @throws INPUT before `compile`. */
  get session(): Session {
    return this.#need(this.#session, 'session');
  }

  get compiled(): Compiled | undefined {
    return this.#compiled;
  }

  /** The ranges that quantization-aware training has learned; undefined without it. */
  get rounding(): Rounding {
    return this.#compiled?.spec.rounding;
  }

  get compileOptions(): { readonly batchSize: number; readonly budget: number | string | undefined; readonly flavour: Flavour | 'auto' } {
    return { batchSize: this.#batchSize, budget: this.#budget, flavour: this.#flavour };
  }

  get batchSize(): number {
    return this.#batchSize;
  }

  /** Completed optimizer steps. */
  get step(): number {
    return this.#steps;
  }

  /** The rate of the next step: the optimizer's schedule, unless it was set. */
  get learningRate(): number {
    if (this.#learningRate !== undefined) return this.#learningRate;
    return rateAt(this.#need(this.#compiled, 'learningRate').optimizer.options.learningRate, this.step);
  }

  /** Overrides the optimizer's rate; NaN gives it back. */
  set learningRate(rate: number) {
    this.#learningRate = Number.isNaN(rate) ? undefined : rate;
  }

  /** The rate that was set, if it was. */
  get learningRateOverride(): number | undefined {
    return this.#learningRate;
  }

  /** Trains; see `FitOptions`. Resolves to the history of losses and metrics by epoch. */
  fit(x: Inputs | Parameters<typeof fitModel>[1], y?: Rows | FitOptions, options?: FitOptions): Promise<History> {
    return fitModel(this, x, y, options);
  }

  /** One step on one batch of any size; the last of `gradientAccumulationSteps` batches updates. Returns the loss and what the model predicted. */
  async trainOnBatch(x: Inputs, y: Rows, sampleWeight?: Float32Array): Promise<{ readonly loss: number; readonly predictions: Tensor }> {
    const table = this.table(x, y, sampleWeight);
    const batch = { rows: table.rows, x: Object.fromEntries(table.x.map(({ column, data }) => [column.name, data])), y: table.y.data };
    return this.trainBatch({ ...batch, sampleWeight: sampleWeight ?? new Float32Array(table.rows).fill(1) });
  }

  /** As `trainOnBatch`, for a batch that has been checked. */
  async trainBatch(batch: Batch): Promise<{ readonly loss: number; readonly predictions: Tensor }> {
    const { optimizer } = this.#need(this.#compiled, 'trainOnBatch');
    if (batch.rows !== this.#batchSize && !this.#partial.has(batch.rows)) await this.preparePartial(batch.rows);
    const updates = this.#accumulated + 1 >= optimizer.options.gradientAccumulationSteps;
    const method = `${updates ? 'train' : 'accumulate'}${batch.rows === this.#batchSize ? '' : `@${batch.rows}`}`;
    const feeds: Record<string, TypedArray> = { ...batch.x, [io.labels]: batch.y, [io.sampleWeight]: batch.sampleWeight };
    if (updates) feeds[io.learningRate] = Float32Array.of(this.learningRate);
    const outputs = this.session.run(method, feeds);
    this.#accumulated = updates ? 0 : this.#accumulated + 1;
    if (updates) this.#steps++;
    const predictions = outputs[io.predictions] as Tensor;
    return { loss: (outputs[io.loss] as Tensor).data[0] as number, predictions };
  }

  /** Plans the program anew with a train method for batches of `rows`, so that a partial batch is exact. State stays. */
  async preparePartial(rows: number): Promise<void> {
    if (rows === this.#batchSize || this.#partial.has(rows) || rows < 1) return;
    this.#pull();
    this.#partial.add(rows);
    try {
      await this.#instantiate();
    } catch (error) {
      this.#partial.delete(rows);
      throw error;
    }
  }

  /** Loss and metrics over `x`, `y`, or over a dataset, in inference mode. @throws INPUT before `compile` with a loss. */
  async evaluate(x: Inputs | Dataset, y?: Rows | EvaluateOptions, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    if (isDataset(x)) return this.evaluateTables(tablesOf(this, x));
    return this.evaluateTables([this.table(x, y as Rows, options.sampleWeight)]);
  }

  /** As `evaluate`, for data that has been checked. */
  async evaluateTables(tables: AsyncIterable<Table> | Iterable<Table>): Promise<Record<string, number>> {
    const { metrics, loss } = this.#need(this.#compiled, 'evaluate');
    return evaluateRows(this.session, this.#batchSize, tables, metrics, loss);
  }

  /** The network's output for every row of `x`, or of a dataset (its labels are not looked at): [rows, ...]. */
  async predict(x: Inputs | Dataset): Promise<Tensor> {
    if (!this.#session) await this.compile();
    return predictInputs(this.session, this.#batchSize, this.network, x);
  }

  /** Per layer: output shape, parameters, MACs, bytes of each region; and the memory plan once compiled. */
  summary(): Summary {
    return summaryOf(this);
  }

  /** Weights in their logical shape, copies, in `weights` order. */
  getWeights(): Float32Array[] {
    this.#pull();
    return this.weights.map(({ data }) => data.slice());
  }

  /** Puts back what `getWeights` returned. */
  setWeights(data: readonly Float32Array[]): void {
    this.#pull();
    const { weights } = this;
    if (data.length !== weights.length || data.some((values, i) => values.length !== weights[i]?.data.length)) {
      throw new ThimbleError('INPUT', 'these are not weights of this model', {
        expected: `${weights.length} arrays, as getWeights returns them`,
      });
    }
    data.forEach((values, i) => {
      (weights[i] as Weight).data = values.slice();
    });
    this.#push();
  }

  /** The model as a `.thimble` file, its present state included, for `thimble/runtime` and standalone modules; see `ExportOptions`. */
  export(options: ExportOptions = {}): Uint8Array {
    this.#pull();
    return exportModel(this, options);
  }

  /** Everything that makes up the model's state: weights, and once compiled the optimizer's moments, step and RNG. Current copies. */
  state(): readonly Held[] {
    this.#pull();
    return this.#allHeld();
  }

  /** Takes over the data now in `state()`'s entries. */
  restore(accumulated: number): void {
    this.#accumulated = accumulated;
    this.#steps = this.#compiled?.step.data[0] ?? 0;
    this.#push();
  }

  /** Batches since the last update, under gradient accumulation. */
  get accumulated(): number {
    return this.#accumulated;
  }

  /** `x`, `y` checked against the model. */
  table(x: Inputs, y: Rows, sampleWeight: Float32Array | undefined) {
    const { loss } = this.#need(this.#compiled, 'labels');
    const { shape } = this.network.output;
    const labels: Column = { name: io.labels, dtype: loss.labels, shape: loss.labels === 'i32' ? shape.slice(0, -1) : shape };
    return tableOf(x, y, sampleWeight, this.network.inputs, labels, loss.labels === 'i32' ? shape.at(-1) : undefined);
  }

  #need<T>(value: T | undefined, what: string): T {
    if (value === undefined)
      throw new ThimbleError('INPUT', `${what} needs a compiled model`, { hint: 'await model.compile({ optimizer, loss, … }) first' });
    return value;
  }

  /** Builds the program for the present options and puts the present state into a fresh session. */
  async #instantiate(): Promise<void> {
    const batch = this.#batchSize;
    const graphs = [predictGraph(this.network, batch, undefined, this.rounding)];
    if (this.#compiled) {
      const { spec, loss, optimizer } = this.#compiled;
      graphs.push(evaluateGraph(this.network, loss, batch, this.rounding));
      for (const rows of [batch, ...this.#partial]) {
        const suffix = rows === batch ? '' : `@${rows}`;
        graphs.push(trainGraph(`train${suffix}`, spec, rows, true));
        if (optimizer.options.gradientAccumulationSteps > 1) graphs.push(trainGraph(`accumulate${suffix}`, spec, rows, false));
      }
    }
    const built = build(graphs, { name: 'model', budget: this.#budget });
    this.#session = new Session(built.program, await kernelsFor(this.#flavour));
    this.#built = built;
  }

  #allHeld(): Held[] {
    const ranges = this.rounding ? this.#ranges.values() : [];
    return [...this.weights, ...(this.#compiled?.held ?? []), ...ranges];
  }

  #pull(): void {
    if (this.#session) pull(this.#session, this.#allHeld());
  }

  #push(): void {
    if (this.#session) push(this.#session, this.#allHeld());
  }
}

export interface ModelOptions {
  /** Draws the initial weights, the order of batches and dropout. */
  readonly seed?: number;
}

/** A model that is a chain: `sequential([input({ shape: [8, 8, 1] }), conv2d({ filters: 8 }), …])`. */
export function sequential(elements: readonly (Symbolic | Layer)[], { seed = 1 }: ModelOptions = {}): Model {
  const { inputs, output } = chain(elements);
  return new Model(networkOf(inputs, output), seed);
}

/** A model between symbolic tensors (Keras' functional API). */
export function model({
  inputs,
  output,
  seed = 1,
}: { readonly inputs: readonly Symbolic[]; readonly output: Symbolic } & ModelOptions): Model {
  return new Model(networkOf(inputs, output), seed);
}
