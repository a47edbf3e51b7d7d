import { bar, CLEAR, clock, type ProgressOutput, REDRAW } from '../core/progressLine.ts';
import type { Callback, Logs } from './callbacks.ts';

const numbers = (logs: Logs): string =>
  Object.entries(logs)
    .map(([name, value]) => `${name} ${Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(2) : value.toFixed(4)}`)
    .join(' · ');

/** Keras' progress line: a bar with ETA that is redrawn on a terminal (`verbose` 1), a line an epoch elsewhere or with `verbose` 2. */
export class ProgressBar implements Callback {
  readonly #epochs: number;
  readonly #steps: number | undefined;
  readonly #output: ProgressOutput;
  readonly #animated: boolean;
  #epoch = 0;
  #started = 0;
  #drawn = 0;

  /** @param steps batches of an epoch, where known. */
  constructor(epochs: number, steps: number | undefined, verbose: 1 | 2, output: ProgressOutput) {
    this.#epochs = epochs;
    this.#steps = steps;
    this.#output = output;
    this.#animated = verbose === 1 && output.isTTY === true;
  }

  onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
    this.#started = Date.now();
    this.#drawn = 0;
  }

  onBatchEnd(batch: number, logs: Logs): void {
    const now = Date.now();
    if (!this.#animated || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    const done = batch + 1;
    const elapsed = now - this.#started;
    const total = this.#steps;
    const count = total ? bar(done, total, elapsed) : `${done} batches · ${clock(elapsed)}`;
    this.#output.write(`${CLEAR}${this.#label()} ${count} · ${numbers(logs)}`);
  }

  onEpochEnd(_: number, logs: Logs): void {
    this.#output.write(`${this.#animated ? CLEAR : ''}${this.#label()} ${clock(Date.now() - this.#started)} · ${numbers(logs)}\n`);
  }

  #label(): string {
    return `Epoch ${String(this.#epoch + 1).padStart(String(this.#epochs).length)}/${this.#epochs}`;
  }
}
