// The tables of "Choosing an activation, a loss, an optimizer" (src/train/README.md): every number is measured here, on real digits.
// Usage: npm run bench:choices [-- activations|losses|optimizers …] [-- --write]      --write puts the tables into the guide
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Explainer } from '../../dist/explain.js';
import { adagrad, adam, adamW, losses, rmsprop, sgd } from '../../dist/index.js';
import { mean, summary, train } from './measure.mjs';
import { tasks, withValidation } from './tasks.mjs';

const SEEDS = [1, 2, 3];
/** For choosing rates. */
const OTHER_SEEDS = [8, 9];
const GUIDE = new URL('../../src/train/README.md', import.meta.url);
const CLASSES = 10;

const percent = (share) => (share * 100).toFixed(1);
const kilobytes = (bytes) => (bytes / 1024).toFixed(0);
const epochsOf = (count) => (Number.isFinite(count) ? String(count) : '–');
const cells = ({ accuracy, spread, epochs, seconds, bytes }) => [
  `${percent(accuracy)} ± ${percent(spread / 2)}`,
  epochsOf(epochs),
  (seconds * 1000).toFixed(0),
  kilobytes(bytes),
];

/** A table in Markdown; the best of each column of accuracies is bold. */
function table(head, rows) {
  const lines = [head, head.map((_, i) => (i ? '---:' : '---')), ...rows];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

const columnsOf = ({ name, epochs, target }) => [
  `${name}: accuracy after ${epochs} epochs, %`,
  `epochs to ${percent(target)} %`,
  'CPU ms an epoch, at best',
  'KB',
];

async function seeds(run) {
  const runs = [];
  for (const seed of SEEDS) runs.push(await run(seed));
  return runs;
}

const activationNames = [
  'relu',
  'leakyRelu',
  'elu',
  'selu',
  'gelu',
  'silu',
  'mish',
  'hardSwish',
  'softplus',
  'tanh',
  'softsign',
  'sigmoid',
];

async function activations() {
  const rows = [];
  const data = tasks.map((task) => task.load());
  for (const name of activationNames) {
    const row = [name];
    for (const [i, task] of tasks.entries()) {
      const flat = [];
      const runs = await seeds(async (seed) => {
        const model = task.model(name, seed);
        const run = await train(
          model,
          { optimizer: adam({ learningRate: 0.002 }), loss: 'sparseCategoricalCrossentropy' },
          data[i],
          task.epochs,
        );
        const statistics = await new Explainer(model, { batchSize: 32, flavour: 'simd' }).activationStatistics(
          data[i].test.x.subarray(0, 300 * task.pixels),
        );
        flat.push(mean(statistics.map((one) => one.flat)));
        return run;
      });
      row.push(...cells(summary(runs, task.target)), percent(mean(flat)));
    }
    rows.push(row);
  }
  return table(['activation', ...tasks.flatMap((task) => [...columnsOf(task), 'flat, %'])], rows);
}

const oneHot = (y, low = 0) => {
  const rows = new Float32Array(y.length * CLASSES).fill(low);
  y.forEach((label, row) => {
    rows[row * CLASSES + label] = 1;
  });
  return rows;
};

/** Losses for ten classes: what the last layer gives, and how labels are written. */
const lossRows = [
  ['sparseCategoricalCrossentropy', 'linear', () => losses.sparseCategoricalCrossentropy(), (y) => y],
  ['… with labelSmoothing 0.1', 'linear', () => losses.sparseCategoricalCrossentropy({ labelSmoothing: 0.1 }), (y) => y],
  ['binaryCrossentropy of ten sigmoids', 'sigmoid', () => losses.binaryCrossentropy(), (y) => oneHot(y)],
  ['meanSquaredError of softmax', 'softmax', () => losses.meanSquaredError(), (y) => oneHot(y)],
  ['meanSquaredError', 'linear', () => losses.meanSquaredError(), (y) => oneHot(y)],
  ['huber', 'linear', () => losses.huber(), (y) => oneHot(y)],
  ['meanAbsoluteError of softmax', 'softmax', () => losses.meanAbsoluteError(), (y) => oneHot(y)],
  ['hinge, labels ±1', 'linear', () => losses.hinge(), (y) => oneHot(y, -1)],
];

/** A share of the labels becomes another class; which ones is fixed. */
function spoiled({ train, test }, share) {
  let state = 7;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const y = train.y.map((label) => (next() < share ? (label + 1 + Math.floor(next() * (CLASSES - 1))) % CLASSES : label));
  return { train: { x: train.x, y }, test };
}

async function lossTable() {
  const [task] = tasks;
  const data = task.load();
  const noisy = spoiled(data, 0.3);
  const rows = [];
  for (const [name, last, loss, labels] of lossRows) {
    const runs = (rows) =>
      seeds((seed) =>
        train(task.model('relu', seed, last), { optimizer: adam({ learningRate: 0.002 }), loss: loss() }, rows, task.epochs, labels),
      );
    const clean = summary(await runs(data), task.target);
    const wrong = summary(await runs(noisy), task.target);
    rows.push([name, last, ...cells(clean), `${percent(wrong.accuracy)} ± ${percent(wrong.spread / 2)}`]);
  }
  return table(['loss', 'last layer', ...columnsOf(task), 'accuracy with 30 % of the labels wrong, %'], rows);
}

const optimizerRows = [
  ['sgd', (learningRate) => sgd({ learningRate }), [0.03, 0.1, 0.3]],
  ['sgd, momentum 0.9', (learningRate) => sgd({ learningRate, momentum: 0.9 }), [0.003, 0.01, 0.03]],
  ['sgd, Nesterov 0.9', (learningRate) => sgd({ learningRate, momentum: 0.9, nesterov: true }), [0.003, 0.01, 0.03]],
  ['adagrad', (learningRate) => adagrad({ learningRate }), [0.003, 0.01, 0.03]],
  ['rmsprop', (learningRate) => rmsprop({ learningRate }), [0.0003, 0.001, 0.003]],
  ['adam', (learningRate) => adam({ learningRate }), [0.001, 0.003, 0.01]],
  ['adamW, weightDecay 0.01', (learningRate) => adamW({ learningRate, weightDecay: 0.01 }), [0.001, 0.003, 0.01]],
];

/** The rate is chosen among three by a fifth of the training rows; then three seeds train on all of them. */
async function optimizers() {
  const rows = [];
  const data = tasks.map((task) => task.load());
  for (const [name, optimizer, rates] of optimizerRows) {
    const row = [name];
    for (const [i, task] of tasks.entries()) {
      const trained = (rate, rows, seed) =>
        train(task.model('relu', seed), { optimizer: optimizer(rate), loss: 'sparseCategoricalCrossentropy' }, rows, task.epochs);
      const held = withValidation(data[i], task.pixels);
      const tried = [];
      for (const rate of rates) {
        const runs = [];
        for (const seed of OTHER_SEEDS) runs.push((await trained(rate, held, seed)).accuracy.at(-1));
        tried.push(mean(runs));
      }
      const rate = rates[tried.indexOf(Math.max(...tried))];
      row.push(String(rate), ...cells(summary(await seeds((seed) => trained(rate, data[i], seed)), task.target)));
    }
    rows.push(row);
  }
  return table(['optimizer', ...tasks.flatMap((task) => ['rate', ...columnsOf(task)])], rows);
}

const parts = { activations, losses: lossTable, optimizers };
const { values, positionals } = parseArgs({ options: { write: { type: 'boolean' } }, allowPositionals: true });
const chosen = positionals.length ? positionals : Object.keys(parts);
const unknown = chosen.filter((name) => !parts[name]);
if (unknown.length) {
  console.error(`no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(1);
}
console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.version}, one thread, simd kernels, batches of 32, means of seeds ${SEEDS.join(', ')}\n`,
);
for (const task of tasks) console.log(`${task.name}: ${task.about}`);
for (const name of chosen) {
  const text = await parts[name]();
  console.log(`\n${text}`);
  if (values.write) insert(name, text);
}

/** Puts the table between its marks in the guide: whole or not at all. */
function insert(name, text) {
  const [open, close] = [`<!-- ${name}: npm run bench:choices -->`, '<!-- end -->'];
  const guide = readFileSync(GUIDE, 'utf8');
  const from = guide.indexOf(open);
  const to = guide.indexOf(close, from);
  if (from < 0 || to < 0) throw new Error(`the guide has no place for ${name}`);
  const path = new URL(`${GUIDE.href}.tmp`);
  writeFileSync(path, `${guide.slice(0, from + open.length)}\n${text}\n${guide.slice(to)}`);
  renameSync(path, GUIDE);
}
