// What progress lines on a terminal have in common.

/** Where a progress line is drawn. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** Milliseconds between two drawings. */
export const REDRAW = 80;

/** Takes away the line on a terminal. */
export const CLEAR = '\r\x1b[2K';

const BAR = 24;

/** Milliseconds as `5s` or `2:05`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A bar of `done` of `total`, with the time that is left after `elapsed` milliseconds. */
export function bar(done: number, total: number, elapsed: number): string {
  const filled = '█'.repeat(Math.round(Math.min(1, done / total) * BAR)).padEnd(BAR, '░');
  return `${filled} ${done}/${total}${done ? ` · ETA ${clock((elapsed / done) * (total - done))}` : ''}`;
}
