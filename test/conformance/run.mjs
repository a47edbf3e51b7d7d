// Runs a folder of ONNX backend tests (`npm run conformance`) or of models with recorded outputs (`npm run golden`).
// Usage: npm run conformance -- --dir DIR [--json FILE] [--filter TEXT] [--flavour scalar|simd|relaxed] [--limit SECONDS]
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { runJobs } from './pool.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string' },
    json: { type: 'string' },
    filter: { type: 'string', default: '' },
    flavour: { type: 'string', default: 'simd' },
    limit: { type: 'string', default: '30' },
  },
});
const [kind = 'backend'] = positionals;
const marker = kind === 'golden' ? 'meta.json' : 'model.onnx';

if (!values.dir || !existsSync(values.dir)) {
  console.error(`give the folder of the tests: npm run ${kind === 'golden' ? 'golden' : 'conformance'} -- --dir DIR`);
  process.exit(2);
}
const names = readdirSync(values.dir)
  .filter((name) => name.includes(values.filter) && existsSync(join(values.dir, name, marker)))
  .sort();
if (names.length === 0) {
  const which = values.filter ? ` whose name has "${values.filter}"` : '';
  console.error(`no test in ${values.dir}${which}: each is a folder of its own with ${marker}`);
  process.exit(2);
}
const jobs = names.map((name) => ({ kind, folder: resolve(values.dir, name), flavour: values.flavour }));
const isTerminal = process.stderr.isTTY;
let done = 0;
const results = await runJobs(new URL('./worker.mjs', import.meta.url), jobs, Number(values.limit) * 1000, () => {
  done++;
  if (isTerminal) process.stderr.write(`\r${done} of ${jobs.length} `);
});
if (isTerminal) process.stderr.write('\r');

const tests = names.map((name, i) => ({ name, ...results[i] }));
const count = (list, status) => list.filter((test) => test.status === status).length;
const table = new Table({
  head: ['operator', 'pass', 'fail', 'unsupported'],
  colAligns: ['left', 'right', 'right', 'right'],
  style: { head: [], border: [], compact: true },
});
for (const operator of [...new Set(tests.flatMap(({ operators }) => operators))].sort()) {
  const own = tests.filter(({ operators }) => operators.includes(operator));
  table.push([operator, count(own, 'pass'), count(own, 'fail') || '·', count(own, 'unsupported') || '·']);
}
console.log(`${table}`);
for (const { name, status, reason } of tests) if (status !== 'pass') console.log(`${status}  ${name}: ${reason}`);
const summary = { total: tests.length, pass: count(tests, 'pass'), fail: count(tests, 'fail'), unsupported: count(tests, 'unsupported') };
console.log(`${summary.pass} of ${summary.total} pass, ${summary.fail} fail, ${summary.unsupported} unsupported`);
if (values.json) {
  const report = { ...summary, tests: tests.map(({ name, status, reason }) => ({ name, status, ...(reason && { reason }) })) };
  writeFileSync(`${values.json}.part`, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(`${values.json}.part`, values.json);
}
process.exitCode = summary.fail ? 1 : 0;
