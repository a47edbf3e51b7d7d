import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as thimble from '../../src/index.ts';
import { flavours } from '../ops/lowering.ts';
import { runBackendTest } from './backendTest.mjs';
import { runGoldenTest } from './goldenTest.mjs';
import { departures, type SuiteStatus, type TestResult } from './status.ts';

const shared = new URL('../../../shared/', import.meta.url);
const statusOf = (file: string): SuiteStatus => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));

describe.each([
  [statusOf('onnx-node.json'), 'model.onnx', runBackendTest],
  [statusOf('onnx-models.json'), 'meta.json', runGoldenTest],
  [statusOf('tflite-models.json'), 'meta.json', runGoldenTest],
] as const)('$suite', (status, marker, run) => {
  const dir = new URL(`${status.suite}/`, shared);
  const isPresent = existsSync(dir);
  if (!isPresent) console.log(`skipped: ../shared/${status.suite} is not here`);
  it.skipIf(!isPresent).each(flavours)('is as recorded on %s: no test is worse, none better', async (flavour) => {
    const results = new Map<string, TestResult>();
    for (const name of readdirSync(dir).sort()) {
      const folder = fileURLToPath(new URL(`${name}/`, dir));
      if (existsSync(`${folder}${marker}`)) results.set(name, await run(thimble, folder, flavour));
    }
    expect(departures(status, results)).toEqual([]);
  });
});

describe('departures', () => {
  const status: SuiteStatus = { suite: 'x', total: 2, exceptions: { b: { status: 'unsupported', reason: 'strings' } } };
  const results = (a: TestResult['status'], b: TestResult['status']) =>
    new Map<string, TestResult>([
      ['a', { status: a, reason: 'so' }],
      ['b', { status: b }],
    ]);
  it('are regressions, unexpected passes, and tests that come or go', () => {
    expect(departures(status, results('pass', 'unsupported'))).toEqual([]);
    expect(departures(status, results('fail', 'unsupported'))).toEqual(['a: fail, recorded as pass (so)']);
    expect(departures(status, results('pass', 'pass'))).toEqual(['b: pass, recorded as unsupported']);
    expect(departures(status, results('pass', 'fail'))).toEqual(['b: fail, recorded as unsupported']);
    expect(departures(status, new Map([['a', { status: 'pass' }]]))).toEqual([
      'b: recorded, but there is no such test',
      'there are 1 tests, recorded are 2',
    ]);
  });
});
