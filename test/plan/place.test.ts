import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Buffer, lowerBound } from '../../src/plan/lifetimes.ts';
import { findOverlap } from '../../src/plan/overlap.ts';
import { place } from '../../src/plan/place.ts';

const buffers = fc.array(
  fc
    .record({ first: fc.nat(20), span: fc.nat(8), units: fc.nat(40) })
    .map(({ first, span, units }): Buffer => ({ label: `${first}+${span}`, bytes: units * 16, first, last: first + span, offset: 0 })),
  { maxLength: 24 },
);

it('places any buffers without overlap, at most twice the lower bound', () => {
  fc.assert(
    fc.property(buffers, (list) => {
      const bytes = place(list);
      expect(findOverlap(list, bytes)).toBeNull();
      expect(bytes).toBeGreaterThanOrEqual(lowerBound(list));
      expect(bytes).toBeLessThanOrEqual(2 * lowerBound(list));
    }),
    { numRuns: 300 },
  );
});

it('gives the same placement every time', () => {
  fc.assert(
    fc.property(buffers, (list) => {
      const copy = list.map((buffer) => ({ ...buffer }));
      place(list);
      place(copy);
      expect(copy).toEqual(list);
    }),
    { numRuns: 50 },
  );
});

it('the independent check finds an overlap and a buffer past the end', () => {
  const a: Buffer = { label: 'a', bytes: 64, first: 0, last: 3, offset: 0 };
  const b: Buffer = { label: 'b', bytes: 64, first: 3, last: 5, offset: 48 };
  expect(findOverlap([a, b], 128)).toMatch(/"b" starts at 48, inside "a"/);
  expect(findOverlap([a, { ...b, offset: 64 }], 96)).toMatch(/past the arena/);
  expect(findOverlap([a, { ...b, first: 4 }], 128)).toBeNull();
});
