import { formatBytes } from '../core/bytes.ts';
import type { MemoryPlan, MethodMemory } from '../plan/report.ts';
import { escapeHtml } from './html.ts';
import { commonPath, without } from './names.ts';

const WIDTH = 1000;
const HEIGHT = 300;
const LEFT = 76;
const BOTTOM = 40;

const colours = ['#4e79a7', '#f28e2b', '#76b7b2', '#e15759', '#59a14f', '#b07aa1', '#edc948', '#9c755f', '#ff9da7', '#8cd17d'];

/** Colours of layers, in the order they appear; beyond the palette, hues a golden angle apart. */
const colourAt = (index: number): string => colours[index] ?? `hsl(${Math.round((index * 137.508) % 360)} 42% 48%)`;

/** What is readable on `colour`: by the luma of ITU-R BT.601. Hues beyond the palette are dark. */
function inkOn(colour: string): string {
  if (!colour.startsWith('#')) return '#fff';
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
  return 0.299 * r + 0.587 * g + 0.114 * b > 150 ? '#1b2330' : '#fff';
}

/** How names are shown. */
export interface Naming {
  /** The layer of a buffer's label. */
  readonly layerOf: (label: string) => string;
  /** What is written into a buffer's box, in which it may have to be cut at its end. */
  readonly shown: (label: string) => string;
  /** A node's name. */
  readonly node: (name: string) => string;
}

/** By names alone: `layer/op`, `layer/op/grad/op`, `layer/op scratch 0`; without what they all start with. */
function namingOf({ buffers }: MethodMemory): Naming {
  const owner = (label: string) => {
    const forward = label.replace(/ scratch \d+$/, '').split('/grad/')[0] as string;
    return forward.slice(0, forward.lastIndexOf('/')) || forward;
  };
  const node = without(commonPath(buffers.map(({ label }) => `${owner(label)}/`)));
  const layerOf = (label: string) => node(owner(label));
  const mark = (label: string) => (/ scratch \d+$/.test(label) ? 'scratch: ' : label.includes('/grad/') ? '∂ ' : '');
  return { layerOf, node, shown: (label) => `${mark(label)}${layerOf(label)}` };
}

/** A layer and its colour. */
export interface Legend {
  readonly layer: string;
  readonly colour: string;
}

/** The layers of a method's buffers with their colours. */
export function legendOf(method: MethodMemory, { layerOf }: Pick<Naming, 'layerOf'> = namingOf(method)): Legend[] {
  const { buffers } = method;
  const layers = new Set([...buffers].sort((a, b) => a.first - b.first).map(({ label }) => layerOf(label)));
  return [...layers].map((layer, index) => ({ layer, colour: colourAt(index) }));
}

/** Steps between two marks of the axis: 1, 2, 5, 10, …: at most a dozen marks. */
function interval(steps: number): number {
  for (let power = 1; ; power *= 10) for (const factor of [1, 2, 5]) if (steps / (factor * power) <= 12) return factor * power;
}

/** The arena over the run of a method: each buffer is a box from its first write to its last use, at its address, in the colour of its layer. */
export function memoryMap(method: MethodMemory, naming: Naming = namingOf(method)): string {
  const { nodes, buffers, live, arenaBytes } = method;
  const colourOf = new Map(legendOf(method, naming).map(({ layer, colour }) => [layer, colour]));
  const x = (position: number) => LEFT + (position / Math.max(1, nodes.length)) * (WIDTH - LEFT);
  const y = (bytes: number) => HEIGHT - (bytes / Math.max(1, arenaBytes)) * HEIGHT;
  const boxes = buffers
    .filter((buffer) => buffer.bytes > 0)
    .map((buffer) => {
      const [left, top] = [x(buffer.first), y(buffer.offset + buffer.bytes)];
      const [width, height] = [x(buffer.last + 1) - left, y(buffer.offset) - top];
      const colour = colourOf.get(naming.layerOf(buffer.label)) as string;
      const title = `${buffer.label}: ${buffer.bytes.toLocaleString('en-US')} bytes at ${buffer.offset.toLocaleString('en-US')}, steps ${buffer.first} to ${buffer.last} (${naming.node(nodes[buffer.first] as string)} → ${naming.node(nodes[buffer.last] as string)})`;
      const text =
        width > 60 && height > 13
          ? `<text x="${(left + 5).toFixed(1)}" y="${(top + Math.min(13, height / 2 + 4)).toFixed(1)}" font-size="11" fill="${inkOn(colour)}">${escapeHtml(shortened(naming.shown(buffer.label), Math.floor((width - 8) / 6.6)))}</text>`
          : '';
      return `<g><title>${escapeHtml(title)}</title><rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${colour}" stroke="var(--paper)" stroke-width="${width < 6 ? 0.25 : 0.7}"/>${text}</g>`;
    });
  const every = interval(nodes.length);
  const marks = Array.from({ length: Math.ceil(nodes.length / every) }, (_, i) => i * every).map(
    (step) =>
      `<text x="${x(step + 0.5).toFixed(1)}" y="${HEIGHT + 14}" text-anchor="middle" font-size="11" fill="var(--dim)">${step}</text>`,
  );
  const peak = live.indexOf(Math.max(0, ...live));
  const path = live.map((bytes, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(bytes).toFixed(1)}H${x(i + 1).toFixed(1)}`).join('');
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * arenaBytes);
    return `<text x="${LEFT - 6}" y="${at + (share === 1 ? 10 : 4)}" text-anchor="end" font-size="11" fill="var(--dim)">${formatBytes(Math.round(share * arenaBytes))}</text>`;
  });
  const middle = x(peak + 0.5);
  const said = `peak: ${naming.node(nodes[peak] ?? '')}, ${(live[peak] ?? 0).toLocaleString('en-US')} bytes`;
  const half = said.length * 3.4;
  const anchor = middle + half > WIDTH ? 'end' : middle < half ? 'start' : 'middle';
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT + BOTTOM}" role="img" aria-label="memory of ${escapeHtml(method.name)} over its steps">
${ticks.join('')}${marks.join('')}${boxes.join('')}<path d="${path}" fill="none" stroke="var(--ink)" stroke-width="1.5"/>
<line x1="${middle}" x2="${middle}" y1="0" y2="${HEIGHT}" stroke="var(--bad)" stroke-dasharray="4 3"/>
<text x="${middle}" y="${HEIGHT + 31}" text-anchor="${anchor}" font-size="12" fill="var(--bad)">${escapeHtml(said)}</text></svg>`;
}

/** The start of a layer's name says most: `Conv2d_3_dep…`. */
const shortened = (label: string, length: number): string => (label.length <= length ? label : `${label.slice(0, length - 1)}…`);

/** The five regions side by side, to the scale of the budget. */
export function regionBar({ regions, totalBytes }: Pick<MemoryPlan, 'regions' | 'totalBytes'>, budget: number): string {
  const scale = WIDTH / Math.max(budget, totalBytes);
  let at = 0;
  const parts = Object.entries(regions).map(([name, bytes], i) => {
    const left = at * scale;
    at += bytes;
    const label =
      bytes * scale > 44 ? `<text x="${left + 6}" y="26" font-size="12" fill="${inkOn(colours[i] as string)}">${name}</text>` : '';
    return `<g><title>${name}: ${bytes.toLocaleString('en-US')} bytes</title><rect x="${left}" y="6" width="${bytes * scale}" height="30" fill="${colours[i]}"/>${label}</g>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} 44" role="img" aria-label="regions of the linear memory"><rect x="0" y="6" width="${budget * scale}" height="30" fill="none" stroke="var(--dim)" stroke-dasharray="4 3"/>${parts.join('')}</svg>`;
}
