import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, encodePng, preprocessing } from '../../src/data/index.ts';
import { explanationMethods } from '../../src/explain/index.ts';
import { exportOnnx, save, type Task } from '../../src/index.ts';
import { PATCH, planted, SIDE, trained } from '../explain/planted.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'thimble-explain-'));
const at = (name: string) => join(folder, name);
const run = (...args: string[]) => spawnSync(process.execPath, [cli, 'explain', ...args], { encoding: 'utf8' });

const ROW = 5;
const { x, corners } = planted(ROW + 1, 31);
const [top, left] = corners[ROW] as readonly [number, number];
const task: Task = {
  input: 'input',
  output: 'predictions',
  labels: ['nothing', 'patch'],
  scores: 'logits',
  preprocessing: preprocessing({ width: SIDE, height: SIDE, channels: 1, mean: 0, deviation: 255 }),
};

beforeAll(async () => {
  const model = await trained();
  writeFileSync(at('plain.thimble'), model.export({ task }));
  writeFileSync(at('whole.thimble'), model.export({ task, methods: explanationMethods(model) }));
  writeFileSync(at('model.safetensors'), save(model));
  writeFileSync(at('model.onnx'), exportOnnx(model));
  const data = Uint8Array.from(x.subarray(ROW * SIDE * SIDE), (value) => Math.round(value * 255));
  writeFileSync(at('photo.png'), encodePng({ width: SIDE, height: SIDE, channels: 1, data }));
});

/** The centre of gravity of what the heat map adds to the grey picture, as pixels of the model's input. */
async function centreOf(file: string): Promise<[number, number]> {
  const { width, data } = await decodeImage(new Uint8Array(readFileSync(file)));
  const scale = width / SIDE;
  let [sum, y, x] = [0, 0, 0];
  for (let i = 0; i < width * width; i++) {
    const colour = Math.max(...data.subarray(i * 3, i * 3 + 3)) - Math.min(...data.subarray(i * 3, i * 3 + 3));
    const weight = colour > 100 ? colour : 0;
    sum += weight;
    y += weight * (Math.floor(i / width) / scale);
    x += weight * ((i % width) / scale);
  }
  return [y / sum, x / sum];
}

describe('thimble explain', () => {
  it.each(['whole.thimble', 'model.safetensors', 'model.onnx'])('Grad-CAM of %s lights up the patch', async (file) => {
    const scaled = file.endsWith('thimble') ? [] : ['--mean', '0', '--std', '1'];
    const { status, stderr, stdout } = run(at(file), at('photo.png'), '--method', 'gradcam', '--out', at('cam.png'), '--json', ...scaled);
    expect([stderr, status]).toEqual(['', 0]);
    const result = JSON.parse(stdout);
    expect(result.index).toBe(1);
    expect(result.answers[0].probability).toBeGreaterThan(0.9);
    const [y, x] = await centreOf(at('cam.png'));
    expect(Math.abs(y - (top + PATCH / 2))).toBeLessThan(2.5);
    expect(Math.abs(x - (left + PATCH / 2))).toBeLessThan(2.5);
  });

  it('a .thimble file without such methods is explained by occlusion, and says how to get more', async () => {
    const { status, stdout } = run(at('plain.thimble'), at('photo.png'), '--method', 'occlusion', '--class', 'patch', '--out', at('o.png'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/% {2}patch\n[\s\S]*why "patch", by occlusion/);
    const [y, x] = await centreOf(at('o.png'));
    expect(Math.abs(y - (top + PATCH / 2))).toBeLessThan(3);
    expect(Math.abs(x - (left + PATCH / 2))).toBeLessThan(3);
    const failed = run(at('plain.thimble'), at('photo.png'), '--out', at('none.png'));
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(/^thimble: INPUT: .*explanationMethods/);
    expect(readdirSync(folder).filter((name) => /none|tmp/.test(name))).toEqual([]);
  });

  it('writes all methods as panels of one page', () => {
    const { status } = run(at('model.onnx'), at('photo.png'), '--out', at('cam.png'), '--page', at('page.html'));
    expect(status).toBe(0);
    const html = readFileSync(at('page.html'), 'utf8');
    const { document } = parseHTML(html);
    const titles = [...document.querySelectorAll('figcaption b')].map((title) => title.textContent);
    expect(titles.slice(0, 6)).toEqual(['input', 'gradcam', 'saliency', 'smoothgrad', 'integrated', 'occlusion']);
    expect(titles).toHaveLength(8);
    expect(document.querySelectorAll('.pair svg')).toHaveLength(2);
    expect(html.match(/(?:src|href)\s*=\s*["'](?!data:)/g)).toBeNull();
  });

  it.each([
    ['an unknown method', ['--method', 'guess'], /no method "guess".*gradcam/],
    ['an unknown class', ['--class', 'dog'], /no class "dog".*nothing, patch/],
    ['an unknown layer', ['--layer', 'none'], /explain\.gradCam:none/],
  ])('%s is said', (_, args, message) => {
    const { status, stderr } = run(at('whole.thimble'), at('photo.png'), '--out', at('never.png'), ...args);
    expect([status, readdirSync(folder).includes('never.png')]).toEqual([1, false]);
    expect(stderr).toMatch(message);
  });

  const byteModel = fileURLToPath(
    new URL('../../../shared/models/tflite/tflite-support__mobilenet_v1_0.25_224_quant/model.tflite', import.meta.url),
  );
  it.skipIf(!existsSync(byteModel))('scores in bytes are said as the probabilities they are', () => {
    const { answers } = JSON.parse(run(byteModel, at('photo.png'), '--method', 'occlusion', '--out', at('bytes.png'), '--json').stdout);
    const shares = answers.map(({ probability }: { probability: number }) => probability);
    expect(shares.every((share: number) => Number.isInteger(share * 256))).toBe(true);
    const sum = shares.reduce((a: number, b: number) => a + b, 0);
    expect(sum).toBeGreaterThan(0.1);
    expect(sum).toBeLessThanOrEqual(1);
  });

  it('files that are missing, no picture, or beyond the budget are said', () => {
    expect(run(at('nothing.onnx'), at('photo.png')).stderr).toMatch(/cannot be read/);
    expect(run(at('whole.thimble'), at('whole.thimble')).stderr).toMatch(/no PNG, JPEG or BMP/);
    expect(run(at('model.onnx'), at('photo.png'), '--budget', '1KB').stderr).toMatch(/BUDGET/);
    expect(run(at('model.onnx'), at('photo.png'), '--mean', 'x').stderr).toMatch(/"x" is not a list of numbers/);
  });
});
