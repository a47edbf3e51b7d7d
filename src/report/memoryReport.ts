import { formatBytes } from '../core/bytes.ts';
import type { MemoryProfile } from '../profile/memory.ts';
import type { ProfiledBuffer } from '../profile/plan.ts';
import type { WhatIf } from '../profile/whatIf.ts';
import { escapeHtml, page, theme } from './html.ts';
import { type Legend, legendOf, memoryMap, type Naming, regionBar } from './memoryMap.ts';
import { commonPath, without } from './names.ts';

/** What one node took, measured. */
export interface StepTime {
  readonly node: string;
  readonly ms: number;
  readonly macs: number;
}

/** Numbers of the host beside those of the plan. */
export interface HostNumbers {
  readonly runtime: string;
  readonly flavour: string;
  readonly flavourReason: string;
  /** `memory.buffer.byteLength`. */
  readonly memoryBytes: number;
  /** Resident bytes of the process that making the memory and running cost. */
  readonly residentBytes: number;
  readonly kernelBytes: number;
  readonly scriptBytes: number;
  /** Milliseconds of one call: the median. */
  readonly ms: number;
}

export interface MemoryReportData {
  readonly profile: MemoryProfile;
  readonly times: readonly StepTime[];
  readonly whatIf: readonly WhatIf[];
  readonly host: HostNumbers;
}

const number = (n: number): string => n.toLocaleString('en-US');
const rate = (perMs: number): string => (perMs > 0 ? (perMs / 1e6).toFixed(perMs > 1e7 ? 1 : 2) : '');

/** The arena of a profile as a picture of its own, for pages and documents. */
export function renderMemorySvg(profile: MemoryProfile): string {
  const svg = memoryMap(methodOf(profile), namingOf(profile));
  return svg
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui,sans-serif" ')
    .replace('>', `><style>${theme}</style><rect width="100%" height="100%" fill="var(--paper)"/>`);
}

/** A memory profile as one self-contained HTML page. */
export function renderMemoryReport({ profile, times, whatIf, host }: MemoryReportData): string {
  const { name, method, totalBytes, arenaBytes, lowerBoundBytes, peak, regions } = profile;
  const cards = [
    [formatBytes(totalBytes), 'planned linear memory'],
    [formatBytes(arenaBytes), `arena; no placement is below ${formatBytes(lowerBoundBytes)}`],
    [`${host.ms.toPrecision(3)} ms`, `a call of ${method}, ${host.flavour} kernels`],
    [number(profile.steps.length), 'steps'],
  ].map(([value, label]) => `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`);
  const plan = { ...methodOf(profile), name, totalBytes, pages: 0, regions, methods: [] };
  const naming = namingOf(profile);
  const largest = peak.buffers.slice(0, 8).map((buffer) => bufferRow(buffer, naming));
  return page(
    `Memory of ${name}, ${method}`,
    [
      `<h1>Memory of ${escapeHtml(name)}</h1><p>Method ${escapeHtml(method)}: ${number(totalBytes)} bytes, every one placed before anything ran.</p><div class="cards">${cards.join('')}</div>`,
      `<h2>Regions</h2>${regionBar(plan, totalBytes)}<div class="pair"><div class="scroll">${kinds(profile)}</div><div class="scroll">${hostTable(host, profile)}</div></div>`,
      `<h2>Arena over time</h2><p>Each box is a tensor: from its first write to its last use, at its address; its colour is its layer. The line is what is alive. Point at a box for its name.</p><div class="wide">${memoryMap(methodOf(profile), naming)}</div>${legend(legendOf(methodOf(profile), naming))}`,
      `<h2>Peak</h2><p>${number(peak.bytes)} bytes at step ${peak.step}, ${escapeHtml(naming.node(peak.node))}; the largest of ${peak.buffers.length} tensors alive there:</p><div class="scroll"><table><tr><th>tensor</th><th>kind</th><th>bytes</th><th>steps</th></tr>${largest.join('')}</table></div>`,
      `<h2>What if</h2><p>Planned to the byte, where it does not say that it is an estimate.</p><div class="scroll">${whatIfTable(profile, whatIf)}</div>`,
      `<h2>Layers</h2><p>Of the arena, what is alive at the peak.</p><div class="scroll">${layers(profile, naming)}</div>`,
      `<h2>Steps</h2><p>Medians; a call of the clock costs some 50 ns and is part of each.</p><div class="scroll">${steps(profile, times, naming)}</div>`,
    ].join('\n'),
  );
}

const methodOf = ({ method, steps, buffers, arenaBytes, lowerBoundBytes }: MemoryProfile) => ({
  name: method,
  nodes: steps.map(({ node }) => node),
  buffers,
  live: steps.map(({ liveBytes }) => liveBytes),
  arenaBytes,
  lowerBoundBytes,
});

/** Names without what they all start with; a box says its layer, and whose scratch or gradient it is. */
function namingOf({ buffers, layers }: MemoryProfile): Naming {
  const owners = new Map(buffers.map((buffer) => [buffer.label, buffer]));
  const node = without(commonPath(layers.map(({ layer }) => `${layer}/`)));
  const layerOf = (label: string) => node(owners.get(label)?.layer ?? label);
  const marks = { activations: '', gradients: '∂ ', scratch: 'scratch: ' };
  return { layerOf, node, shown: (label) => `${marks[owners.get(label)?.kind ?? 'activations']}${layerOf(label)}` };
}

const bufferRow = ({ label, kind, bytes, first, last }: ProfiledBuffer, { node }: Naming): string =>
  `<tr><td>${escapeHtml(node(label))}</td><td>${kind}</td><td>${number(bytes)}</td><td>${first}–${last}</td></tr>`;

const legend = (entries: readonly Legend[]): string =>
  `<div class="legend">${entries.map(({ layer, colour }) => `<span><i style="background:${colour}"></i>${escapeHtml(layer)}</span>`).join('')}</div>`;

function kinds({ kinds: all, totalBytes }: MemoryProfile): string {
  const rows = Object.entries(all)
    .filter(([, bytes]) => bytes > 0)
    .map(([kind, bytes]) => `<tr><td>${kind}</td><td>${number(bytes)}</td><td>${((bytes / totalBytes) * 100).toFixed(1)} %</td></tr>`);
  return `<table><tr><th>what for</th><th>bytes</th><th>share</th></tr>${rows.join('')}<tr><th>total</th><th>${number(totalBytes)}</th><th></th></tr></table>`;
}

function hostTable(host: HostNumbers, { memoryBytes, totalBytes }: MemoryProfile): string {
  const rows = [
    ['host', host.runtime],
    ['kernels', `${host.flavour}: ${host.flavourReason}`],
    ['planned', `${number(totalBytes)} bytes, ${number(memoryBytes)} in whole pages`],
    ['memory.buffer.byteLength', number(host.memoryBytes)],
    ['resident, more than before', number(host.residentBytes)],
    ['kernels, .wasm', number(host.kernelBytes)],
    ['runtime, JavaScript', number(host.scriptBytes)],
  ];
  return `<table>${rows.map(([what, value]) => `<tr><td>${what}</td><td class="value">${escapeHtml(value)}</td></tr>`).join('')}</table>`;
}

function whatIfTable({ totalBytes, regions }: MemoryProfile, variants: readonly WhatIf[]): string {
  const estimated = variants.some((variant) => variant.estimate);
  const rows = variants.map(({ change, totalBytes: total, arenaBytes = 0, stateBytes = 0, estimate = '', reason }) => {
    if (total === undefined)
      return `<tr><td>${escapeHtml(change)}</td><td colspan="${estimated ? 5 : 4}" class="reason">${escapeHtml(reason)}</td></tr>`;
    const share = total / totalBytes;
    return `<tr><td>${escapeHtml(change)}</td><td>${number(total)}</td><td class="${share < 1 ? 'right' : share > 1 ? 'wrong' : ''}">${share.toFixed(2)} ×</td><td>${number(arenaBytes)}</td><td>${number(stateBytes)}</td>${estimated ? `<td class="reason">${escapeHtml(estimate)}</td>` : ''}</tr>`;
  });
  return `<table><tr><th>change</th><th>total</th><th></th><th>arena</th><th>state</th>${estimated ? '<th></th>' : ''}</tr><tr><td>as it is</td><td>${number(totalBytes)}</td><td></td><td>${number(regions.arena)}</td><td>${number(regions.state)}</td>${estimated ? '<td></td>' : ''}</tr>${rows.join('')}</table>`;
}

function layers({ layers: every }: MemoryProfile, { node }: Naming): string {
  const all = every.filter(({ bytes, macs }) => macs > 0 || Object.values(bytes).some((n) => n > 0));
  const columns = ['weights', 'constants', 'statistics', 'optimizer', 'streams', 'activations', 'gradients', 'scratch'] as const;
  const used = columns.filter((kind) => all.some(({ bytes }) => bytes[kind]));
  const rows = all.map(
    ({ layer, bytes, macs }) =>
      `<tr><td>${escapeHtml(node(layer))}</td>${used.map((kind) => `<td>${bytes[kind] ? number(bytes[kind]) : ''}</td>`).join('')}<td>${macs ? number(macs) : ''}</td></tr>`,
  );
  return `<table><tr><th>layer</th>${used.map((kind) => `<th>${kind}</th>`).join('')}<th>MACs</th></tr>${rows.join('')}</table>`;
}

function steps({ steps: all }: MemoryProfile, times: readonly StepTime[], naming: Naming): string {
  const ms = new Map<string, number>();
  for (const { node, ms: own } of times) ms.set(node, (ms.get(node) ?? 0) + own);
  const total = [...ms.values()].reduce((sum, own) => sum + own, 0);
  const rows = all.map(({ node, op, liveBytes, movedBytes, macs }, i) => {
    const own = ms.get(node) ?? 0;
    const bar = `<i class="bar" style="width:${((own / Math.max(total, 1e-9)) * 100).toFixed(1)}px"></i>`;
    const speed = own > 0 ? [macs / own, movedBytes / own] : [0, 0];
    return `<tr><td>${i}</td><td class="name">${escapeHtml(naming.node(node))}</td><td class="name">${op}</td><td>${own ? (own * 1000).toFixed(1) : ''}</td><td class="name">${own ? bar : ''}</td><td>${macs ? number(macs) : ''}</td><td>${rate(speed[0] as number)}</td><td>${number(movedBytes)}</td><td>${rate(speed[1] as number)}</td><td>${number(liveBytes)}</td></tr>`;
  });
  return `<table><tr><th></th><th class="name">node</th><th class="name">operator</th><th>µs</th><th class="name">share</th><th>MACs</th><th>GMAC/s</th><th>bytes moved</th><th>GB/s</th><th>bytes alive</th></tr>${rows.join('')}</table>`;
}
