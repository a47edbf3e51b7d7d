import { bar, CLEAR, clock, type ProgressOutput, REDRAW } from '../core/progressLine.ts';

/** Milliseconds before the first drawing: what is quick needs none. */
const PATIENCE = 400;

/** A line on the terminal that says how far something is; nothing where the output is piped. */
export class Progress {
  readonly #label: string;
  readonly #output: ProgressOutput;
  readonly #started = performance.now();
  #drawn = 0;
  #isShown = false;

  constructor(label: string, output: ProgressOutput = process.stderr) {
    this.#label = label;
    this.#output = output;
  }

  /** Draws `done` of `total`, or only `what` is being done where nobody knows how much it is. */
  at(done: number, total?: number, what = ''): void {
    const now = performance.now();
    if (now - this.#started < PATIENCE || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    const elapsed = now - this.#started;
    const count = total ? bar(done, total, elapsed) : `${done ? `${done} · ` : ''}${clock(elapsed)}`;
    this.#write(`${count}${what && ` · ${what}`}`);
  }

  /** Says at once what comes next: before work that cannot be interrupted to draw. */
  say(what: string): void {
    this.#write(what);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isShown) this.#output.write(CLEAR);
    this.#isShown = false;
  }

  #write(text: string): void {
    if (!this.#output.isTTY) return;
    this.#isShown = true;
    this.#output.write(`${CLEAR}${this.#label} ${text}`);
  }
}

/** Runs `body` with a progress line that is taken away in the end, whatever happens. */
export async function withProgress<T>(label: string, body: (progress: Progress) => T | Promise<T>): Promise<T> {
  const progress = new Progress(label);
  try {
    return await body(progress);
  } finally {
    progress.end();
  }
}
