import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { rateAt } from '../core/schedule.ts';
import type { Task } from '../core/task.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Method, Program, Training } from '../program/format.ts';
import { checkpoint, restore } from './checkpoint.ts';
import type { Flavour, Kernels } from './flavour.ts';
import { converted, copied, type Feed, infoOf, slotOf, type TensorInfo, visible } from './ports.ts';
import { checkKernels, Session } from './session.ts';

/** One batch to train on: the model's inputs by name, `labels`, and where wanted the weight of each row in the loss. */
export type TrainingFeeds = Readonly<Record<string, Feed>>;

/** A compiled model on a host: runs, and where its file has a training step, trains, saves its state and takes it back. */
export class RuntimeModel {
  readonly program: Program;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #kernels: Kernels;
  readonly #method: string;
  #session: Session | undefined;
  #accumulated: number;

  /** @throws FORMAT where the program has no method `infer` or `predict`, or calls an unknown kernel. */
  constructor(program: Program, kernels: Kernels) {
    const name = ['infer', 'predict'].find((candidate) => program.methods[candidate]);
    if (name === undefined) throw new ThimbleError('FORMAT', 'the program has no method to infer with', { node: program.name });
    checkKernels(program, kernels.module);
    const { inputs, outputs } = program.methods[name] as Method;
    this.program = program;
    this.inputs = inputs.map(infoOf);
    this.outputs = visible(outputs).map(infoOf);
    this.#kernels = kernels;
    this.#method = name;
    this.#accumulated = program.training?.accumulated ?? 0;
  }

  /** The session; its memory is allocated when it is first asked for. */
  get session(): Session {
    this.#session ??= new Session(this.program, this.#kernels);
    return this.#session;
  }

  /** The flavour of the kernels it runs on. */
  get flavour(): Flavour {
    return this.#kernels.flavour;
  }

  /** Why it runs on that flavour. */
  get flavourReason(): string {
    return this.#kernels.reason;
  }

  /**
   * Runs the model on `feeds` by input name and returns its outputs by name; they are copies.
   * @param signature which of the signatures that were loaded; the first where left out.
   * @throws INPUT for a missing or unknown name, a wrong dtype, a wrong size, or a 64-bit integer outside the 32-bit range.
   */
  run(feeds: Readonly<Record<string, Feed>>, { signature }: { readonly signature?: string } = {}): Record<string, Tensor> {
    return this.#call(signature === undefined ? this.#method : this.#methodOf(signature), feeds);
  }

  /** What it is for; undefined where the file does not say. */
  get task(): Task | undefined {
    return this.program.task;
  }

  /** How it trains; undefined where the file has no training step. */
  get training(): Training | undefined {
    return this.program.training;
  }

  /** Completed optimizer steps. @throws INPUT where the model does not train. */
  get step(): number {
    this.#needTraining();
    return this.session.view(this.session.stateSlot('step'))[0] as number;
  }

  /**
   * One step on one batch: forward, loss, backward, update. `feeds` are the model's inputs, `labels`, and `sampleWeight` (all 1 where left
   * out), each of exactly `training.batchSize` rows. Under gradient accumulation the last batch of each group updates.
   * @param learningRate overrides the schedule in the file.
   * @returns the loss, and what the model predicted before the update.
   * @throws INPUT where the model does not train or the feeds do not fit.
   */
  trainStep(feeds: TrainingFeeds, { learningRate }: { readonly learningRate?: number } = {}): { loss: number; predictions: Tensor } {
    const training = this.#needTraining();
    const updates = this.#accumulated + 1 >= training.accumulationSteps;
    const rate = updates ? { learningRate: Float32Array.of(learningRate ?? rateAt(training.learningRate, this.step)) } : {};
    const weights = new Float32Array(training.batchSize).fill(1);
    const { loss, predictions } = this.#call(updates ? 'train' : 'accumulate', { sampleWeight: weights, ...feeds, ...rate });
    this.#accumulated = updates ? 0 : this.#accumulated + 1;
    return { loss: (loss as Tensor).data[0] as number, predictions: predictions as Tensor };
  }

  /** Everything that training and running have changed, as a safetensors file: weights, moments, statistics, counters, streams. */
  checkpoint(): Uint8Array {
    return checkpoint(this.session, this.#accumulated);
  }

  /** Puts back what `checkpoint` wrote, on this host or another. @throws FORMAT for a checkpoint of another model; then nothing changes. */
  restore(bytes: Uint8Array): void {
    this.#accumulated = restore(this.session, bytes);
  }

  /** Puts the state back to what the file holds. */
  reset(): void {
    const { address, bytes } = this.program.regions.state;
    this.session.stateBytes.set(this.program.image.subarray(address, address + bytes));
    this.#accumulated = this.training?.accumulated ?? 0;
  }

  #needTraining(): Training {
    if (this.training) return this.training;
    throw new ThimbleError('INPUT', 'this model has no training step', {
      node: this.program.name,
      hint: 'export it from a model that was compiled with a loss',
    });
  }

  #methodOf(signature: string): string {
    const { signatures = {}, methods } = this.program;
    const method = signatures[signature] as string;
    if (methods[method]) return method;
    throw new ThimbleError('INPUT', `no signature "${signature}"`, { expected: Object.keys(signatures).join(', ') || 'none' });
  }

  #call(method: string, feeds: Readonly<Record<string, Feed>>): Record<string, Tensor> {
    const { inputs, outputs } = this.program.methods[method] as Method;
    const missing = inputs.filter(({ name }) => feeds[name] === undefined).map(({ name }) => `"${name}"`);
    if (missing.length) throw new ThimbleError('INPUT', `no data for ${missing.join(', ')}`);
    const given = Object.entries(feeds).map(([name, feed]): [string, TypedArray] => [
      name,
      converted(infoOf(slotOf(inputs, name, 'the model has no input')), feed),
    ]);
    const results = this.session.run(method, Object.fromEntries(given));
    return Object.fromEntries(visible(outputs).map((slot) => [slot.name, copied(slot, results)]));
  }
}
