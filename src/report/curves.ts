import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** Lines over epochs, a colour each: `series` by name, a value an epoch. Returns an SVG. */
export function curves(label: string, series: Readonly<Record<string, readonly number[]>>): string {
  const names = Object.keys(series);
  const points = names.flatMap((name) => (series[name] ?? []).map((value, i) => ({ name, epoch: i + 1, value })));
  const last = points.reduce((most, { epoch }) => Math.max(most, epoch), 1);
  const every = Math.ceil(last / 10);
  const ticks = Array.from({ length: Math.floor(last / every) }, (_, i) => (i + 1) * every);
  const { document } = parseHTML('<html><body></body></html>');
  const plot = Plot.plot({
    document: document as unknown as Document,
    width: 500,
    height: 280,
    marginLeft: 48,
    x: { label: 'epoch', tickFormat: 'd', ticks },
    y: { label, grid: true, nice: true },
    color: { domain: names, range: ['var(--accent)', 'var(--second)'], legend: names.length > 1 },
    style: { background: 'transparent', color: 'var(--ink)' },
    // A line of one epoch would not be seen.
    marks: [Plot.lineY(points, { x: 'epoch', y: 'value', z: 'name', stroke: 'name', strokeWidth: 2, marker: last === 1 })],
  });
  return (plot as unknown as { outerHTML: string }).outerHTML;
}
