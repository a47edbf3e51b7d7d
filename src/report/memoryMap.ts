import { formatBytes } from '../core/bytes.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { escapeHtml } from './html.ts';

const WIDTH = 1000;
const HEIGHT = 300;
const LEFT = 76;
const BOTTOM = 26;

const colours = ['#4e79a7', '#f28e2b', '#76b7b2', '#e15759', '#59a14f', '#b07aa1', '#edc948', '#9c755f', '#ff9da7', '#8cd17d'];

/** A stable colour for a buffer: forward tensors, gradients and scratch of one layer share it. */
function colourOf(label: string): string {
  const layer = label.split('/')[0] ?? label;
  let hash = 0;
  for (const c of layer) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
  return colours[hash % colours.length] as string;
}

/** The arena over the run of a method: each buffer is a box from its first write to its last use, at its address. */
export function memoryMap(method: MemoryPlan['methods'][number]): string {
  const { nodes, buffers, live, arenaBytes } = method;
  const x = (position: number) => LEFT + (position / Math.max(1, nodes.length)) * (WIDTH - LEFT);
  const y = (bytes: number) => HEIGHT - (bytes / Math.max(1, arenaBytes)) * HEIGHT;
  const boxes = buffers
    .filter((buffer) => buffer.bytes > 0)
    .map((buffer) => {
      const [left, top] = [x(buffer.first), y(buffer.offset + buffer.bytes)];
      const [width, height] = [x(buffer.last + 1) - left, y(buffer.offset) - top];
      const title = `${buffer.label}: ${buffer.bytes.toLocaleString('en-US')} bytes at ${buffer.offset.toLocaleString('en-US')}, ${nodes[buffer.first]} → ${nodes[buffer.last]}`;
      const text =
        width > 90 && height > 15
          ? `<text x="${left + 5}" y="${top + 13}" font-size="11" fill="#fff" clip-path="inset(0)">${escapeHtml(buffer.label.slice(0, Math.floor(width / 6.5)))}</text>`
          : '';
      return `<g><title>${escapeHtml(title)}</title><rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${colourOf(buffer.label)}" stroke="var(--paper)" stroke-width=".7"/>${text}</g>`;
    });
  const peak = live.indexOf(Math.max(0, ...live));
  const path = live.map((bytes, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(bytes).toFixed(1)}H${x(i + 1).toFixed(1)}`).join('');
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * arenaBytes);
    return `<text x="${LEFT - 6}" y="${at + (share === 1 ? 10 : 4)}" text-anchor="end" font-size="11" fill="var(--dim)">${formatBytes(Math.round(share * arenaBytes))}</text>`;
  });
  const middle = x(peak + 0.5);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT + BOTTOM}" role="img" aria-label="memory of ${escapeHtml(method.name)} over its steps">
${ticks.join('')}${boxes.join('')}<path d="${path}" fill="none" stroke="var(--ink)" stroke-width="1.5"/>
<line x1="${middle}" x2="${middle}" y1="0" y2="${HEIGHT}" stroke="var(--bad)" stroke-dasharray="4 3"/>
<text x="${middle}" y="${HEIGHT + 18}" text-anchor="${middle > WIDTH * 0.7 ? 'end' : middle < WIDTH * 0.3 ? 'start' : 'middle'}" font-size="12" fill="var(--bad)">peak: ${escapeHtml(nodes[peak])}, ${(live[peak] ?? 0).toLocaleString('en-US')} bytes</text></svg>`;
}

/** The five regions side by side, to the scale of the budget. */
export function regionBar({ regions, totalBytes }: MemoryPlan, budget: number): string {
  const scale = WIDTH / Math.max(budget, totalBytes);
  let at = 0;
  const parts = Object.entries(regions).map(([name, bytes], i) => {
    const left = at * scale;
    at += bytes;
    const label = bytes * scale > 60 ? `<text x="${left + 6}" y="26" font-size="12" fill="#fff">${name}</text>` : '';
    return `<g><title>${name}: ${bytes.toLocaleString('en-US')} bytes</title><rect x="${left}" y="6" width="${bytes * scale}" height="30" fill="${colours[i]}"/>${label}</g>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} 44" role="img" aria-label="regions of the linear memory"><rect x="0" y="6" width="${budget * scale}" height="30" fill="none" stroke="var(--dim)" stroke-dasharray="4 3"/>${parts.join('')}</svg>`;
}
