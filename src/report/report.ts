import { formatBytes } from '../core/bytes.ts';
import type { MemoryPlan } from '../plan/report.ts';
import type { ModelSize, QuantizationReport } from '../quantize/report.ts';
import type { ConfusionMatrix } from '../train/classification.ts';
import type { History } from '../train/history.ts';
import type { Summary } from '../train/summary.ts';
import { curves } from './curves.ts';
import { escapeHtml, page } from './html.ts';
import { memoryMap, regionBar } from './memoryMap.ts';

/** A prediction with its image. */
export interface Sample {
  /** Row-major pixels from 0 (black) to 1. */
  readonly pixels: ArrayLike<number>;
  readonly width: number;
  readonly truth: string;
  readonly predicted: string;
  readonly probability: number;
}

export interface ReportData {
  readonly title: string;
  readonly subtitle: string;
  readonly history: History;
  readonly matrix: ConfusionMatrix;
  readonly classNames: readonly string[];
  readonly summary: Summary;
  readonly memory: MemoryPlan;
  readonly budget: number;
  readonly seconds: number;
  readonly samples: readonly Sample[];
  readonly quantization: QuantizationReport;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** A training run as one self-contained HTML page: curves, confusion matrix, memory over time, layers, predictions. */
export function renderReport(data: ReportData): string {
  const { title, subtitle, history, matrix, memory, budget, seconds, summary } = data;
  const cards = [
    [percent(matrix.accuracy), 'test accuracy'],
    [summary.parameters.toLocaleString('en-US'), 'parameters'],
    [formatBytes(memory.totalBytes), `linear memory, of ${formatBytes(budget)}`],
    [`${seconds.toFixed(1)} s`, 'training time'],
  ].map(([value, label]) => `<div class="card"><b>${value}</b><span>${escapeHtml(label)}</span></div>`);
  const methods = memory.methods.filter(({ name }) => name === 'train' || name === 'predict');
  const sections = [
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(subtitle)}</p><div class="cards">${cards.join('')}</div>`,
    `<h2>Training</h2><div class="pair">${lines('loss', history)}${lines('accuracy', history)}</div>`,
    `<h2>Confusion matrix</h2><p>Rows are the true class, columns the predicted one, on ${matrix.total.toLocaleString('en-US')} images held back.</p><div class="pair"><div class="scroll">${confusion(data)}</div><div class="scroll">${classes(data)}</div></div>`,
    `<h2>Memory</h2><p>Every byte was placed before anything ran: ${memory.totalBytes.toLocaleString('en-US')} bytes in five regions.</p>${regionBar(memory, budget)}${regions(memory)}`,
    ...methods.map(
      (method) =>
        `<h3>Arena during ${escapeHtml(method.name)}</h3><p>${method.arenaBytes.toLocaleString('en-US')} bytes; no placement can be smaller than ${method.lowerBoundBytes.toLocaleString('en-US')}. Steps from left to right, addresses upwards; the line is what is alive.</p>${memoryMap(method)}`,
    ),
    `<h2>Layers</h2><div class="scroll">${layers(summary)}</div>`,
    `<h2>In 8 bits</h2>${quantization(data.quantization)}`,
    `<h2>Predictions</h2><p>Wrong ones first.</p><div class="samples">${data.samples.map(sample).join('')}</div>`,
  ];
  return page(title, sections.join('\n'));
}

/** Curves of a metric in training and validation. */
export function lines(name: string, { history }: History): string {
  const series = { training: history[name] ?? [], validation: history[`val_${name}`] ?? [] };
  return `<div class="scroll">${curves(name, Object.fromEntries(Object.entries(series).filter(([, values]) => values.length)))}</div>`;
}

/** What each table on classes needs; areas under ROC where they are known. */
export interface ClassTables extends Pick<ReportData, 'matrix' | 'classNames'> {
  readonly auc?: readonly number[];
}

export function confusion({ matrix, classNames }: ClassTables): string {
  const row = (truth: string, i: number) => {
    const { support } = matrix.report(i);
    const cells = classNames.map((_, j) => {
      const count = matrix.at(i, j);
      const share = Math.round((count / Math.max(1, support)) * 85);
      const colour = i === j ? 'var(--good)' : 'var(--bad)';
      return `<td style="background:color-mix(in srgb,${colour} ${count ? Math.max(share, 12) : 0}%,transparent)">${count || ''}</td>`;
    });
    return `<tr><th>${escapeHtml(truth)}</th>${cells.join('')}</tr>`;
  };
  return `<table class="matrix"><tr><th></th>${classNames.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}</tr>${classNames.map(row).join('')}</table>`;
}

export function classes({ matrix, classNames, auc }: ClassTables): string {
  const rows = classNames.map((name, i) => {
    const { precision, recall, f1, support } = matrix.report(i);
    return `<tr><td>${escapeHtml(name)}</td><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td>${auc ? `<td>${auc[i]?.toFixed(3)}</td>` : ''}<td>${support}</td></tr>`;
  });
  return `<table><tr><th>class</th><th>precision</th><th>recall</th><th>F1</th>${auc ? '<th>AUC</th>' : ''}<th>images</th></tr>${rows.join('')}</table>`;
}

/** Bytes of the five regions. */
export const regions = ({ regions }: MemoryPlan): string =>
  `<div class="scroll"><table><tr>${Object.keys(regions)
    .map((name) => `<th>${name}</th>`)
    .join('')}</tr><tr>${Object.values(regions)
    .map((bytes) => `<td>${bytes.toLocaleString('en-US')} B</td>`)
    .join('')}</tr></table></div>`;

function layers(summary: Summary): string {
  const rows = summary.layers.map(
    ({ name, outputShape, parameters, macs, bytes }) =>
      `<tr><td>${escapeHtml(name)}</td><td>${outputShape.join(' × ')}</td><td>${parameters.toLocaleString('en-US')}</td><td>${macs.toLocaleString('en-US')}</td><td>${formatBytes(bytes.state)}</td><td>${formatBytes(bytes.moments)}</td></tr>`,
  );
  return `<table><tr><th>layer</th><th>output</th><th>parameters</th><th>MACs</th><th>weights</th><th>moments</th></tr>${rows.join('')}</table>`;
}

/** The network before and after it was quantized, and what each layer loses. */
function quantization({ before, after, layers, outputs }: QuantizationReport): string {
  const points = (size: ModelSize) => `${((size.accuracy ?? 0) * 100).toFixed(2)} %`;
  const rows = [
    ['test accuracy', points],
    ['ONNX file', (size: ModelSize) => formatBytes(size.fileBytes)],
    ['linear memory', (size: ModelSize) => formatBytes(size.memoryBytes)],
    ['of it constants', (size: ModelSize) => formatBytes(size.constantBytes)],
  ] as const;
  const decibels = (value: number) => (Number.isFinite(value) ? `${value.toFixed(1)} dB` : 'no error');
  const sizes = rows.map(([name, of]) => `<tr><td>${name}</td><td>${of(before)}</td><td>${of(after)}</td></tr>`);
  const noise = [
    ...layers.map(({ name, sqnr }) => [name, sqnr] as const),
    ...outputs.map(({ name, sqnr }) => [`all together: ${name}`, sqnr] as const),
  ];
  const losses = noise.map(([name, sqnr]) => `<tr><td>${escapeHtml(name)}</td><td>${decibels(sqnr)}</td></tr>`);
  return `<p>Quantized after training: weights with one step a channel, activations with ranges found on training images; one image a call.</p><div class="pair"><table class="sizes"><tr><th></th><th>f32</th><th>int8</th></tr>${sizes.join('')}</table><table><tr><th>layer, quantized alone</th><th>signal to noise</th></tr>${losses.join('')}</table></div>`;
}

function sample({ pixels, width, truth, predicted, probability }: Sample): string {
  const cells = Array.from(pixels, (value, i) => {
    const grey = Math.round(value * 255);
    return `<rect x="${i % width}" y="${Math.floor(i / width)}" width="1.02" height="1.02" fill="rgb(${grey},${grey},${grey})"/>`;
  });
  const verdict =
    truth === predicted
      ? `<span class="right">${escapeHtml(predicted)}</span>`
      : `<span class="wrong">${escapeHtml(predicted)}</span> is ${escapeHtml(truth)}`;
  const height = pixels.length / width;
  return `<figure><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(truth)}"><rect width="${width}" height="${height}" fill="#000"/>${cells.join('')}</svg><figcaption>${verdict}<br><small>${percent(probability)}</small></figcaption></figure>`;
}
