import { expect, test, vi } from 'vitest';
import { curves } from '../../src/report/curves.ts';

const count = (svg: string, element: string) => svg.split(`<${element}`).length - 1;

test('a line a series; of one epoch, a dot', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const many = curves('loss', { loss: [3, 2, 1], val_loss: [3, 2.5, 2] });
  // In their colours; ticks and legends are paths, too.
  for (const colour of ['--accent', '--second']) expect(many).toContain(`stroke="var(${colour})"`);
  expect(count(many, 'circle')).toBe(0);
  expect(count(curves('loss', { loss: [3], val_loss: [2] }), 'circle')).toBeGreaterThanOrEqual(2);
  expect(warn).not.toHaveBeenCalled();
});
