import type { Buffer } from './lifetimes.ts';

/**
 * The independent check of a placement: buffers alive at the same position must not share a byte, and all lie inside the arena.
 * Shares no code with the planner; it walks the positions and marks bytes.
 * @returns the first violation in words, or null.
 */
export function findOverlap(buffers: readonly Buffer[], arenaBytes: number): string | null {
  const last = buffers.reduce((max, buffer) => Math.max(max, buffer.last), -1);
  for (let position = 0; position <= last; position++) {
    const alive = buffers.filter((b) => b.first <= position && position <= b.last && b.bytes > 0).sort((a, b) => a.offset - b.offset);
    let end = 0;
    let owner = '';
    for (const buffer of alive) {
      if (buffer.offset < end)
        return `at ${position}, "${buffer.label}" starts at ${buffer.offset}, inside "${owner}", which ends at ${end}`;
      end = buffer.offset + buffer.bytes;
      owner = buffer.label;
    }
    if (end > arenaBytes) return `at ${position}, "${owner}" ends at ${end}, past the arena's ${arenaBytes} bytes`;
  }
  return null;
}
