import type { MemoryPlan } from '../plan/report.ts';
import type { ConfusionMatrix } from '../train/classification.ts';
import type { History } from '../train/history.ts';
import { escapeHtml, page } from './html.ts';
import { memoryMap } from './memoryMap.ts';
import { classes as classTable, confusion, lines, regions } from './report.ts';

/** What a report on a classifier of photographs shows. */
export interface Report {
  readonly title: string;
  readonly subtitle: string;
  /** Curves of the training, where it was trained now. */
  readonly history?: History;
  readonly classes: readonly string[];
  readonly matrix: ConfusionMatrix;
  readonly auc: readonly number[];
  /** More numbers for the head of the page: value and caption. */
  readonly cards: readonly (readonly [string, string])[];
  readonly memory: readonly { readonly title: string; readonly plan: MemoryPlan }[];
  /** Pictures with what was made of them, the worst mistakes first. */
  readonly samples: readonly PictureSample[];
}

export interface PictureSample {
  readonly path: string;
  /** The picture as base64 of a PNG file. */
  readonly png: string;
  readonly truth: string;
  readonly predicted: string;
  readonly probability: number;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Methods whose arena is drawn. */
const DRAWN = ['features', 'train', 'accumulate', 'infer', 'predict'];

/** Training and test of a classifier of photographs as one self-contained HTML page. */
export function renderPhotographs(report: Report): string {
  const { title, subtitle, history, matrix, classes, auc, memory, samples } = report;
  const known = auc.filter((value) => !Number.isNaN(value));
  const meanAuc = known.length ? (known.reduce((sum, value) => sum + value, 0) / known.length).toFixed(3) : '–';
  const wrong = samples.filter(({ truth, predicted }) => truth !== predicted).length;
  const cards = [[percent(matrix.accuracy), 'test accuracy'], [meanAuc, 'mean area under ROC'], ...report.cards].map(
    ([value, label]) => `<div class="card"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`,
  );
  const tables = { matrix, classNames: classes, auc };
  const sections = [
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(subtitle)}</p><div class="cards">${cards.join('')}</div>`,
    ...(history?.epoch.length ? [`<h2>Training</h2><div class="pair">${lines('loss', history)}${lines('accuracy', history)}</div>`] : []),
    `<h2>Confusion matrix</h2><p>Rows are the true class, columns the predicted one, on ${matrix.total.toLocaleString('en-US')} photographs held back.</p><div class="pair"><div class="scroll">${confusion(tables)}</div><div class="scroll">${classTable(tables)}</div></div>`,
    `<h2>Photographs</h2><p>${wrong ? 'The surest mistakes first.' : 'No mistakes.'}</p><div class="photographs">${samples.map(photograph).join('')}</div>`,
    '<h2>Memory</h2><p>Every byte was placed before anything ran.</p>',
    ...memory.map(memorySection),
  ];
  return page(title, sections.join('\n'));
}

function memorySection({ title, plan }: { readonly title: string; readonly plan: MemoryPlan }): string {
  const maps = plan.methods
    .filter(({ name, buffers }) => DRAWN.includes(name) && buffers.length > 0)
    .map(
      (method) =>
        `<p>Arena during ${escapeHtml(method.name)}: ${method.arenaBytes.toLocaleString('en-US')} bytes; no placement can be smaller than ${method.lowerBoundBytes.toLocaleString('en-US')}.</p>${memoryMap(method)}`,
    );
  return `<h3>${escapeHtml(title)}: ${plan.totalBytes.toLocaleString('en-US')} bytes</h3>${regions(plan)}${maps.join('')}`;
}

function photograph({ path, png, truth, predicted, probability }: PictureSample): string {
  const verdict =
    truth === predicted
      ? `<span class="right">${escapeHtml(predicted)}</span>`
      : `<span class="wrong">${escapeHtml(predicted)}</span> is ${escapeHtml(truth)}`;
  const alt = escapeHtml(`${path}: ${truth}`);
  return `<figure title="${escapeHtml(path)}"><img src="data:image/png;base64,${png}" alt="${alt}"><figcaption>${verdict}<br><small>${percent(probability)}</small></figcaption></figure>`;
}
