import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import * as t from '../../src/index.ts';
import { renderMemoryReport, renderMemorySvg } from '../../src/report/memoryReport.ts';
import { commonPath, without } from '../../src/report/names.ts';

/** A chain of dense layers whose names share a path: `depth` of them take that many steps. */
async function profileOf(depth: number, method: 'predict' | 'train') {
  const layers = Array.from({ length: depth }, (_, i) => t.dense({ units: 8 + (i % 5), activation: 'relu', name: `net/block/fc${i}` }));
  const model = t.sequential([t.input({ shape: [8] }), ...layers, t.dense({ units: 3, name: 'net/block/classes' })]);
  await model.compile({ loss: 'sparseCategoricalCrossentropy', optimizer: 'adam', batchSize: 4 });
  const plan = t.planOf(model.built.methods[method] as Parameters<typeof t.planOf>[0]);
  const profile = t.profileMemory(model.built.program, plan);
  return { profile, times: t.profileMethod(model.session, plan, { runs: 1 }) };
}

const host = {
  runtime: 'node',
  flavour: 'simd',
  flavourReason: 'asked for',
  memoryBytes: 65536,
  residentBytes: 1,
  kernelBytes: 1,
  scriptBytes: 1,
  ms: 1,
};

describe.each([
  [5, 'predict', 10],
  [24, 'train', 200],
] as const)('a profile of %i layers in %s', (depth, method, least) => {
  it(`is a page with every tensor of its ${least} steps and more, in the picture, without a request`, async () => {
    const { profile, times } = await profileOf(depth, method);
    expect(profile.steps.length).toBeGreaterThanOrEqual(least);
    const whatIf = [
      { change: 'another', totalBytes: 10, estimate: 'estimate <of> sorts' },
      { change: 'none', reason: 'no & no' },
    ];
    for (const text of [renderMemoryReport({ profile, times, whatIf, host }), renderMemorySvg(profile)]) {
      expect(text.match(/(?:src|href)\s*=|url\(|@import|<script/g)).toBeNull();
      expect(text.match(/https?:\/\/[^"]*/g)?.filter((url) => url !== 'http://www.w3.org/2000/svg') ?? []).toEqual([]);
      expect(text).toContain('prefers-color-scheme:dark');
      const { document } = parseHTML(text);
      const svg = [...document.querySelectorAll('svg')].at(-1) as Element;
      const [, , width = 0, height = 0] = (svg.getAttribute('viewBox') as string).split(' ').map(Number);
      const boxes = [...svg.querySelectorAll('g')];
      expect(boxes).toHaveLength(profile.buffers.length);
      const titles = boxes.map((box) => box.querySelector('title')?.textContent ?? '');
      for (const { label } of profile.buffers) expect(titles.filter((title) => title.startsWith(`${label}: `))).toHaveLength(1);
      for (const box of boxes) {
        const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((name) => Number(box.querySelector('rect')?.getAttribute(name))) as [
          number,
          number,
          number,
          number,
        ];
        expect(x >= 0 && y >= -0.1 && x + w <= width + 0.2 && y + h <= height).toBe(true);
        expect(box.textContent).not.toMatch(/>\s*net\/block/);
        const written = box.querySelector('text')?.textContent ?? '';
        expect(written.length * 5).toBeLessThan(w);
      }
    }
  });
});

it('what nearly all names start with is left out', () => {
  expect(commonPath(['a/b/c', 'a/b/d', 'a/e'])).toBe('a/');
  expect(commonPath(['a/b/c', 'a/b/d', 'a/b/e', 'a/b/f', 'loss'])).toBe('a/b/');
  expect(commonPath(['a', 'b'])).toBe('');
  expect(commonPath(['only/one'])).toBe('');
  expect([without('a/')('a/b'), without('a/')('b'), without('')('c')]).toEqual(['b', 'b', 'c']);
});
