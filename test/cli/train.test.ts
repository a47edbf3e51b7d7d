import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import { classify, encodePng } from '../../src/data/index.ts';
import * as t from '../../src/index.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), 'thimble-train-'));
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: root });

/** Pictures of discs and of bars in random places, sizes and colours. */
function picture(kind: string, seed: number): Uint8Array {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  const [width, height] = [40 + next(20), 36 + next(20)];
  const [x0, y0, size] = [14 + next(width - 28), 12 + next(height - 24), 7 + next(5)];
  const colour = [0, 0, 0].map(() => 130 + next(120));
  const data = new Uint8Array(width * height * 3).map(() => next(70));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = kind === 'disc' ? Math.hypot(x - x0, y - y0) < size : Math.abs(x - x0) < size * 1.6 && Math.abs(y - y0) < 3;
      if (inside) data.set(colour, (y * width + x) * 3);
    }
  }
  return encodePng({ width, height, channels: 3, data });
}

const PICTURES = 30;

beforeAll(() => {
  for (const kind of ['bar', 'disc']) {
    mkdirSync(join(root, 'photos', kind), { recursive: true });
    for (let i = 0; i < PICTURES; i++)
      writeFileSync(join(root, 'photos', kind, `${i}.png`), picture(kind, i * 2 + (kind === 'bar' ? 1 : 0)));
  }
  writeFileSync(join(root, 'photos', 'bar', 'broken.png'), 'no picture');
  // Random filters: what they see of edges is enough to tell bars from discs.
  const base = t.sequential(
    [
      t.input({ shape: [24, 24, 3], name: 'image' }),
      t.conv2d({ filters: 12, kernelSize: 5, strides: 2, padding: 'same', activation: 'relu' }),
      t.conv2d({ filters: 24, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
      t.flatten(),
      t.dense({ units: 10, activation: 'softmax' }),
    ],
    { seed: 2 },
  );
  writeFileSync(join(root, 'base.onnx'), t.exportOnnx(base));
});

describe('training of a file that has no training step', () => {
  it('says what it assumes, and takes it as options', () => {
    const options = ['--train', '--classes', 'bar,disc', '--batch', '4', '--optimizer', 'sgd', '--learning-rate', '0.1'];
    const { stdout, stderr, status } = run('compile', 'base.onnx', ...options, '--out', 'plain/base.wasm');
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).toMatch(/trains head \(as asked for\): 1,750 of [\d,]+ parameters\nhead: dense, 2 classes \(bar, disc\), new weights/);
    expect(stdout).toMatch(
      /loss: sparse categorical cross-entropy; input "labels" is the index of the class, i32 \[1\]\nsgd, an update every 4 items/,
    );
    const own = run('compile', 'base.onnx', '--train', '--target', 'thimble', '--plan', '--out', 'plain/own.thimble');
    expect(own.stdout).toMatch(/head: dense, 10 classes, from the weights of the model’s own classifier/);
    const planned = JSON.parse(run('profile', 'plain/own.thimble', '--method', 'train', '--runs', '1', '--json').stdout);
    const direct = JSON.parse(run('profile', 'base.onnx', '--method', 'train', '--runs', '1', '--json').stdout);
    for (const part of ['totalBytes', 'regions', 'kinds', 'layers', 'steps', 'buffers', 'peak', 'lowerBoundBytes'])
      expect(planned[part], part).toEqual(direct[part]);
    const changes = direct.whatIf.map(({ change }: { change: string }) => change);
    expect(changes).toEqual([
      'an update every 1 item',
      'an update every 8 items',
      'an update every 32 items',
      'only the head trains',
      'only biases and the head train',
      'everything trains',
      'sgd without momentum',
      'recompute activations in the backward pass',
    ]);
    const all = JSON.parse(run('profile', 'base.onnx', '--method', 'train', '--scheme', 'all', '--runs', '1', '--json').stdout);
    expect(direct.whatIf[5].totalBytes).toBe(all.totalBytes);
    expect(direct.whatIf[3].totalBytes).toBe(direct.totalBytes);
  });
});

describe('thimble train', () => {
  it('learns the classes of a folder within a budget, writes a model that evaluate and run take, and a page', async () => {
    const { status, stdout, stderr } = run(
      ...[
        'train',
        'photos',
        '--base',
        'base.onnx',
        '--train',
        'all',
        '--budget',
        '1MB',
        '--out',
        'shapes.thimble',
        '--report',
        'page.html',
        '--onnx',
        'shapes.onnx',
      ],
      ...['--head-epochs', '15', '--epochs', '10', '--learning-rate', '0.002', '--test', '0.3', '--json'],
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.accuracy).toBeGreaterThanOrEqual(0.8);
    expect(result.meanAuc).toBeGreaterThan(0.85);
    expect(result.bytes.total).toBeLessThanOrEqual(2 ** 20);
    expect(result.epochs).toBe(25);
    expect(result.broken).toEqual([{ path: 'bar/broken.png', reason: expect.stringMatching(/no PNG, JPEG or BMP/) }]);
    expect(result.confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(18);
    expect(result.mistakes.length).toBe(Math.round((1 - result.accuracy) * 18));

    const evaluated = JSON.parse(run('evaluate', 'shapes.thimble', 'photos', '--json', '--report', 'test.html').stdout);
    expect(evaluated.accuracy).toBeGreaterThan(0.9);
    expect(evaluated.classes.map(({ name }: { name: string }) => name)).toEqual(['bar', 'disc']);
    expect(evaluated.confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(2 * PICTURES);
    // The file, its evaluation, and a classification with the library are one and the same model.
    const model = await t.load(new Uint8Array(readFileSync(join(root, 'shapes.thimble'))));
    const wrong = new Set(evaluated.mistakes.map(({ path }: { path: string }) => path));
    for (const path of ['bar/0.png', 'disc/0.png', 'disc/7.png']) {
      const [best] = await classify(model, new Uint8Array(readFileSync(join(root, 'photos', path))));
      expect(best?.label === path.split('/')[0]).toBe(!wrong.has(path));
    }
    const answer = run('run', 'shapes.thimble', 'photos/disc/3.png');
    expect(answer.stdout).toMatch(/ %\s+(disc|bar)/);
    const verdictOf = (file: string) => /^.* %.*$/m.exec(run('run', file, 'photos/disc/3.png').stdout)?.[0];
    expect(verdictOf('shapes.onnx')).toBe(verdictOf('shapes.thimble'));
    const quantized = run('quantize', 'shapes.onnx', '--data', 'photos/disc', '--out', 'shapes.int8.onnx');
    expect([quantized.status, quantized.stderr.match(/^thimble: .*/m)]).toEqual([0, null]);
    expect(run('run', 'shapes.int8.onnx', 'photos/disc/3.png').stdout).toMatch(/ %\s+(disc|bar)/);

    const html = readFileSync(join(root, 'page.html'), 'utf8');
    const { document } = parseHTML(html);
    expect([...document.querySelectorAll('h2')].map((h) => h.textContent)).toEqual([
      'Training',
      'Confusion matrix',
      'Photographs',
      'Memory',
    ]);
    expect(html.match(/(?:src|href)\s*=\s*["'](?!data:)/g)).toBeNull();
    expect(document.querySelector('.card b')?.textContent).toBe(`${(result.accuracy * 100).toFixed(1)} %`);
    expect(document.querySelectorAll('.photographs figure')).toHaveLength(18);
    const cells = [...document.querySelectorAll('.matrix td')].map((cell) => Number(cell.textContent) || 0);
    expect(cells).toEqual(result.confusion.flat());
  });

  it('writes a model that trains on: as a standalone module, bit for bit, and in a profile', async () => {
    const at = (name: string) => join(root, name);
    expect(run('compile', 'shapes.thimble', '--train', '--out', 'edge/shapes.wasm').status).toBe(0);
    const { Shapes } = await import(pathToFileURL(at('edge/shapes.mjs')).href);
    const standalone = await Shapes.load(readFileSync(at('edge/shapes.wasm')));
    const model = await t.load(new Uint8Array(readFileSync(at('shapes.thimble'))), { flavour: 'simd' });
    const { accumulationSteps } = model.training as t.Training;
    expect(accumulationSteps).toBe(16);
    const image = Float32Array.from({ length: 24 * 24 * 3 }, (_, i) => Math.sin(i));
    const before = model.run({ image }).probabilities?.data;
    expect(standalone.infer({ image }).probabilities).toEqual(before);
    for (let i = 0; i < accumulationSteps; i++) {
      const feeds = { image, labels: Int32Array.of(i % 2) };
      const { loss } = model.trainStep(feeds);
      expect(standalone[i < accumulationSteps - 1 ? 'accumulate' : 'trainStep'](feeds).loss[0]).toBe(loss);
    }
    expect(model.run({ image }).probabilities?.data).not.toEqual(before);
    expect(standalone.infer({ image }).probabilities).toEqual(model.run({ image }).probabilities?.data);

    const profile = JSON.parse(run('profile', 'shapes.thimble', '--method', 'train', '--runs', '2', '--json').stdout);
    expect([profile.name, profile.method, profile.totalBytes]).toEqual(['shapes', 'train', model.memory.totalBytes]);
    expect(profile.kinds.gradients + profile.kinds.activations).toBeGreaterThan(0);
    expect(profile.kinds.optimizer).toBeGreaterThan(profile.kinds.weights);
    expect(profile.times.reduce((sum: number, { calls }: { calls: number }) => sum + calls, 0)).toBe(
      (model.program.methods.train?.calls.length as number) / 2,
    );
    expect(run('profile', 'shapes.thimble').stdout).toMatch(/shapes, infer: arena [\d,]+ bytes/);
  });

  it('writes a model that can be explained: by Grad-CAM, by gradients too where that is asked for, or by occlusion alone', () => {
    const explain = (file: string, method: string) => {
      const { status, stdout, stderr } = run('explain', file, 'photos/disc/3.png', '--method', method, '--out', 'map.png', '--json');
      if (status !== 0) return stderr;
      return JSON.parse(stdout).answers.map(
        ({ label, probability }: { label: string; probability: number }) => `${label} ${probability.toFixed(4)}`,
      );
    };
    const known = explain('shapes.thimble', 'occlusion');
    expect(known).toHaveLength(2);
    expect(explain('shapes.thimble', 'gradcam')).toEqual(known);
    expect(explain('shapes.thimble', 'saliency')).toMatch(/no method "explain.gradient".*thimble train --explain all/);
    const options = ['train', 'photos', '--base', 'base.onnx', '--epochs', '1', '--inference-only', '--json'];
    const sizes = ['none', 'gradcam', 'all'].map((which) => {
      const file = `explains-${which}.thimble`;
      expect(run(...options, '--explain', which, '--out', file).status).toBe(0);
      return readFileSync(join(root, file)).length;
    });
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
    for (const method of ['gradcam', 'saliency', 'smoothgrad', 'integrated'])
      expect(explain('explains-all.thimble', method)).toEqual(explain('explains-none.thimble', 'occlusion'));
    expect(explain('explains-none.thimble', 'gradcam')).toMatch(/no method "explain.gradCam"/);
  });

  it('can leave the training step out', () => {
    const options = ['train', 'photos', '--base', 'base.onnx', '--epochs', '1', '--out', 'small.thimble', '--json'];
    expect(run(...options, '--inference-only').status).toBe(0);
    const small = readFileSync(join(root, 'small.thimble')).length;
    expect(run('compile', 'small.thimble', '--train', '--out', 'none.wasm').stderr).toMatch(/no training step.*--inference-only/);
    expect(run(...options).status).toBe(0);
    expect(readFileSync(join(root, 'small.thimble')).length).toBeGreaterThan(small);
  });

  it('goes on where it was stopped, and says what it does', () => {
    const options = ['train', 'photos', '--base', 'base.onnx', '--train', 'head', '--out', 'head.thimble', '--patience', '50'];
    const first = run(...options, '--epochs', '3');
    expect(first.status).toBe(0);
    expect(first.stdout).toMatch(
      /photographs to learn from.*\ntrains head \(as asked for\).*parameters\nlinear memory .*\nfrozen part: .* ms an item/,
    );
    expect(first.stdout).toMatch(/accuracy [\d.]+ % on \d+ pictures, mean AUC/);
    expect(first.stderr).toMatch(/Epoch\s+3\/3 .*val_accuracy/);
    expect(first.stderr).toMatch(/1 file was left out:\n {2}bar\/broken.png/);
    const second = run(...options, '--epochs', '5', '--resume');
    expect(second.stderr).toMatch(/Epoch\s+4\/5/);
    expect(second.stderr).not.toMatch(/Epoch\s+3\/5/);
    const through = run(...options.slice(0, -2), '--epochs', '5', '--json');
    expect(JSON.parse(through.stdout).epochs).toBe(5);
    const other = run(...options, '--train', 'last:1', '--resume');
    expect(other.stderr).toMatch(/cannot resume: .*another scheme/);
    expect(other.status).toBe(1);
  });

  const byteModel = fileURLToPath(new URL('../../../shared/models/tflite/tiny__vww_96_int8/model.tflite', import.meta.url));
  it.skipIf(!existsSync(byteModel))('says before it trains that an 8-bit backbone has no ONNX form', () => {
    const { status, stdout, stderr } = run('train', 'photos', '--base', byteModel, '--out', 'bytes.thimble', '--onnx', 'bytes.onnx');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^thimble: UNSUPPORTED_OP: .*conv2dInt8 "[^"]+" and 13 more, .*export the float model/m);
    expect(stderr).not.toContain('Epoch');
  });

  it('says what is wrong before it trains', () => {
    const failure = (...args: string[]) => {
      const { status, stderr } = run('train', ...args, '--out', 'none.thimble');
      expect(status).toBe(args.includes('--test') ? 2 : 1);
      expect(existsSync(join(root, 'none.thimble'))).toBe(false);
      return stderr;
    };
    expect(failure('photos', '--base', 'base.onnx', '--train', 'all', '--budget', '64KB')).toMatch(/BUDGET: .*needs/);
    expect(failure('photos/bar', '--base', 'base.onnx')).toMatch(/INPUT: .*no files in sub-folders/);
    expect(failure('photos', '--base', 'nothing.onnx')).toMatch(/INPUT: "nothing.onnx": cannot be read/);
    expect(failure('photos', '--base', 'base.onnx', '--test', '1')).toMatch(/"1" is not a share/);
    expect(failure('photos', '--base', 'base.onnx', '--broken', 'stop')).toMatch(/FORMAT: "bar\/broken.png"/);
    const plain = run('evaluate', 'base.onnx', 'photos');
    expect(plain.stderr).toMatch(/does not say what its pictures go through.*thimble train/);
  });
});
