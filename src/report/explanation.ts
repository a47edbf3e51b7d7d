import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { encodePng } from '../data/encode.ts';
import type { Image } from '../data/image.ts';
import type { ActivationStatistics } from '../explain/activations.ts';
import { escapeHtml, page } from './html.ts';

/** A picture with what it shows. */
export interface Panel {
  readonly title: string;
  readonly text: string;
  readonly image: Image;
}

export interface ExplanationData {
  readonly title: string;
  readonly subtitle: string;
  /** Classes and their probabilities, the most probable first. */
  readonly verdicts: readonly { readonly label: string; readonly probability: number }[];
  readonly panels: readonly Panel[];
  readonly statistics: readonly ActivationStatistics[];
}

const style = `<style>.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:20px}.panels figure{margin:0}
.panels img{width:100%;image-rendering:pixelated;border-radius:6px;background:var(--card)}.panels figcaption{font-size:13px;color:var(--dim)}.panels b{color:var(--ink);display:block}</style>`;

/** An explanation as one self-contained HTML page: a panel a method, and how the data falls on the activation functions. */
export function renderExplanation({ title, subtitle, verdicts, panels, statistics }: ExplanationData): string {
  const rows = verdicts.map(({ label, probability }) => `<tr><td>${escapeHtml(label)}</td><td>${percent(probability)}</td></tr>`);
  const sections = [
    `${style}<h1>${escapeHtml(title)}</h1><p>${escapeHtml(subtitle)}</p>`,
    `<h2>Answer</h2><table><tr><th>class</th><th>probability</th></tr>${rows.join('')}</table>`,
    `<h2>Why</h2><div class="panels">${panels.map(figure).join('')}</div>`,
    statistics.length
      ? `<h2>Activation functions</h2><p>The line is the function, the bars say how often this input falls where. Flat: the slope is under 5 % of the steepest, so that little is learned there.</p><div class="pair">${statistics.map(activation).join('')}</div>`
      : '',
  ];
  return page(title, sections.join('\n'));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const figure = ({ title, text, image }: Panel): string =>
  `<figure><img alt="${escapeHtml(title)}" src="${dataUrl(image)}"><figcaption><b>${escapeHtml(title)}</b>${escapeHtml(text)}</figcaption></figure>`;

function dataUrl(image: Image): string {
  let text = '';
  for (const byte of encodePng(image)) text += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(text)}`;
}

function activation(given: ActivationStatistics): string {
  const { layer, activation, flat, dead, unitFlat } = given;
  const units = dead.length
    ? `${dead.length} of ${unitFlat.length} units are flat throughout`
    : `none of ${unitFlat.length} units is flat throughout`;
  return `<div><h3>${escapeHtml(layer)}: ${escapeHtml(activation)}</h3><p>${percent(flat)} flat; ${units}</p>${activationPlot(given)}</div>`;
}

/** The function over the range of the data, and how often the data falls where. Returns an SVG. */
function activationPlot({ curve, histogram: { from, to, counts } }: ActivationStatistics): string {
  const width = (to - from) / Math.max(1, counts.length);
  const most = Math.max(1, ...counts);
  const values = curve.map(({ y }) => y);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  // Bars fill the height of the plot: their axis is counts, the curve's is the function's values.
  const bars = counts.map((count, i) => ({
    x1: from + i * width,
    x2: from + (i + 1) * width,
    y2: low + ((high - low || 1) * count) / most,
  }));
  const { document } = parseHTML('<html><body></body></html>');
  const plot = Plot.plot({
    document: document as unknown as Document,
    width: 420,
    height: 200,
    marginLeft: 44,
    x: { label: 'what goes in' },
    y: { label: 'what comes out', grid: true },
    style: { background: 'transparent', color: 'var(--ink)' },
    marks: [
      Plot.rect(bars, { x1: 'x1', x2: 'x2', y1: low, y2: 'y2', fill: 'var(--accent)', fillOpacity: 0.35, inset: 0 }),
      Plot.lineY(curve, { x: 'x', y: 'y', stroke: 'var(--second)', strokeWidth: 2 }),
    ],
  });
  return (plot as unknown as { outerHTML: string }).outerHTML;
}
