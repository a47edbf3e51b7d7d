import type { Callback, Logs } from './callbacks.ts';

/** Where a progress bar is drawn. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

const BAR = 24;
/** Milliseconds between two drawings. */
const REDRAW = 80;

const clock = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};

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
    const share = total ? Math.min(1, done / total) : 0;
    const bar = total
      ? `${'█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░')} ${done}/${total} · ETA ${clock((elapsed / done) * (total - done))}`
      : `${done} batches · ${clock(elapsed)}`;
    this.#output.write(`\r\x1b[2K${this.#label()} ${bar} · ${numbers(logs)}`);
  }

  onEpochEnd(_: number, logs: Logs): void {
    this.#output.write(`${this.#animated ? '\r\x1b[2K' : ''}${this.#label()} ${clock(Date.now() - this.#started)} · ${numbers(logs)}\n`);
  }

  #label(): string {
    return `Epoch ${String(this.#epoch + 1).padStart(String(this.#epochs).length)}/${this.#epochs}`;
  }
}
