import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Progress } from '../../src/cli/progress.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function drawn(isTTY: boolean) {
  const written: string[] = [];
  return { written, progress: new Progress('model:', { isTTY, write: (text: string) => written.push(text) }) };
}

it('a line is drawn on a terminal once something takes long, at most every 80 ms, and taken away in the end', () => {
  const { written, progress } = drawn(true);
  vi.advanceTimersByTime(300);
  progress.at(1, 10);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(700);
  progress.at(5, 10, 'timing');
  progress.at(6, 10, 'timing');
  expect(written).toEqual([`\r\u001b[2Kmodel: ${'█'.repeat(12)}${'░'.repeat(12)} 5/10 · ETA 1s · timing`]);
  vi.advanceTimersByTime(100);
  progress.at(7);
  expect(written.at(-1)).toBe('\r\u001b[2Kmodel: 7 · 1s');
  progress.end();
  expect(written.at(-1)).toBe('\r\u001b[2K');
});

it('nothing is written where the output is piped', () => {
  const { written, progress } = drawn(false);
  vi.advanceTimersByTime(5000);
  progress.say('linking');
  progress.at(5, 10);
  progress.end();
  expect(written).toEqual([]);
});
