import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { version } from '../../package.json';
import { formatBytes, load, loadModel } from '../../src/index.ts';

const cli = new URL('../../dist/cli.js', import.meta.url).pathname;
const run = (...args: string[]) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
const folder = () => mkdtempSync(join(tmpdir(), 'thimble-'));

describe('thimble digits', () => {
  it('trains within 256 KB to at least 97 %, saves, loads, reports', async () => {
    const out = folder();
    const { status, stdout, stderr } = run('digits', '--out', out, '--json');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.accuracy).toBeGreaterThanOrEqual(0.97);
    expect(result.memory.totalBytes).toBeLessThanOrEqual(256 * 1024);
    expect(result.recall).toHaveLength(10);
    expect(result.confusion.flat().reduce((a: number, b: number) => a + b, 0)).toBe(359);
    expect(readdirSync(out).sort()).toEqual(['digits-int8.onnx', 'digits-int8.thimble', 'digits.safetensors', 'report.html']);
    const model = await loadModel(new Uint8Array(readFileSync(result.model)));
    expect(model.step).toBeGreaterThan(100);

    const html = readFileSync(result.report, 'utf8');
    const { document } = parseHTML(html);
    expect([...document.querySelectorAll('h2')].map((h) => h.textContent)).toEqual([
      'Training',
      'Confusion matrix',
      'Memory',
      'Layers',
      'In 8 bits',
      'Predictions',
    ]);
    expect(html.match(/(?:src|href)\s*=\s*["'](?!data:)/g)).toBeNull();
    expect(document.querySelector('.card b')?.textContent).toBe(`${(result.accuracy * 100).toFixed(1)} %`);
    const { before, after, layers, file } = result.quantization;
    expect(before.accuracy).toBe(result.accuracy);
    expect(before.accuracy - after.accuracy).toBeLessThanOrEqual(0.005);
    expect(after.fileBytes).toBe(readFileSync(file).length);
    expect(after.fileBytes).toBeLessThan(before.fileBytes);
    expect(after.memoryBytes).toBeLessThan(before.memoryBytes / 3);
    expect(layers).toHaveLength(3);
    const sizes = [...document.querySelectorAll('.sizes tr')].slice(1).map((row) => [...row.children].map((cell) => cell.textContent));
    expect(sizes[0]).toEqual(['test accuracy', ...[before, after].map(({ accuracy }) => `${(accuracy * 100).toFixed(2)} %`)]);
    expect(sizes[2]).toEqual(['linear memory', formatBytes(before.memoryBytes), formatBytes(after.memoryBytes)]);
    const edge = await load(new Uint8Array(readFileSync(join(out, 'digits-int8.thimble'))));
    expect(edge.program.totalBytes).toBe(after.memoryBytes);
    expect(document.querySelectorAll('.samples figure')).toHaveLength(24);
    const cells = [...document.querySelectorAll('.matrix td')].map((cell) => Number(cell.textContent) || 0);
    expect(cells).toEqual(result.confusion.flat());
    expect(document.querySelectorAll('svg[aria-label^="memory of"]')).toHaveLength(2);
  });

  it('prints the plan, the progress and the results for people', () => {
    const { status, stdout, stderr } = run('digits', '--out', folder());
    expect(status).toBe(0);
    for (const text of [
      'lower bound',
      'arena',
      'test accuracy',
      'recall',
      'saved, loaded again and predicted the same',
      'int8',
      'signal to noise',
    ])
      expect(stdout).toContain(text);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toMatch(/Epoch 30\/30 .* val_accuracy/);
  });

  it('a budget that is too small fails before training and leaves nothing behind', () => {
    const out = folder();
    const { status, stderr } = run('digits', '--budget', '64KB', '--out', out);
    expect(status).toBe(1);
    expect(stderr).toMatch(/BUDGET: .*needs [\d,]+ bytes, [\d,]+ more than the budget .*peak of the arena is "/);
    expect(readdirSync(out)).toEqual([]);
  });

  it('bad options and a folder that cannot be made are errors with a hint', () => {
    const file = join(folder(), 'file');
    writeFileSync(file, '');
    expect(run('digits', '--budget', 'lots')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/INPUT: "lots" is not a memory size/),
    });
    expect(run('digits', '--epochs', '0').status).toBe(2);
    expect(run('digits', '--out', join(file, 'x'))).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/cannot make the folder.*--out/),
    });
    expect(run('juggle').status).not.toBe(0);
    expect(run('--version').stdout.trim()).toBe(version);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that is read-only loses nothing', () => {
    const out = folder();
    mkdirSync(out, { recursive: true });
    chmodSync(out, 0o500);
    expect(run('digits', '--epochs', '1', '--out', out).status).toBe(1);
    expect(existsSync(join(out, 'report.html'))).toBe(false);
  });
});
