// The packed package on every host, and what checkers of packages say of it. Usage: npm run test:hosts [-- --only TEXT]
// Hosts that are not there are skipped with a line; with CI=true they must be there.
import { parseArgs } from 'node:util';
import { installApp } from './app.mjs';
import { hosts } from './hosts.mjs';
import { install } from './install.mjs';
import { packageChecks } from './package.mjs';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const required = process.env.CI === 'true';

install();
const app = await installApp();
const failures = [];
console.log(`one tarball: ${(app.bytes / 1024).toFixed(0)} KiB\n`);

/** Runs one check and prints its line. */
async function report(name, check) {
  const started = performance.now();
  try {
    const said = await check();
    console.log(`✓ ${name.padEnd(36)} ${said} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures.push(name);
    console.log(`✗ ${name}\n${error.stack ?? error}`);
  }
}

try {
  const hashes = new Map();
  const photographs = new Map();
  for (const host of hosts.filter(({ name }) => name.includes(values.only))) {
    const missing = host.missing();
    if (missing && !required) {
      console.log(`- ${host.name.padEnd(36)} skipped: ${missing}`);
      continue;
    }
    await report(host.name, async () => {
      if (missing) throw new Error(`required in CI: ${missing}`);
      const { hash, flavour, reason, accuracyBefore, accuracyAfter, photograph } = await host.run(app.folder);
      hashes.set(hash, [...(hashes.get(hash) ?? []), host.name]);
      if (photograph) photographs.set(photograph, [...(photographs.get(photograph) ?? []), host.name]);
      if (!(accuracyAfter > accuracyBefore)) throw new Error(`training took the accuracy from ${accuracyBefore} to ${accuracyAfter}`);
      const accuracy = `accuracy ${(accuracyBefore * 100).toFixed(1)} → ${(accuracyAfter * 100).toFixed(1)} %`;
      return `${await host.version()}  simd ${hash.slice(0, 12)}  ${accuracy}  by itself: ${flavour} (${reason})`;
    });
  }
  for (const [what, answers] of [
    ['bits', hashes],
    ['answer to a photograph', photographs],
  ]) {
    if (answers.size === 1) console.log(`✓ the same ${what} on ${[...answers.values()][0].length} hosts`);
    if (answers.size <= 1) continue;
    failures.push(`the same ${what} on every host`);
    for (const [answer, names] of answers) console.log(`✗ ${answer}: ${names.join('; ')}`);
  }
  for (const { name, check } of packageChecks.filter((entry) => entry.name.includes(values.only))) await report(name, () => check(app));
} finally {
  app.remove();
}
if (failures.length) {
  console.log(`\nfailed: ${failures.join(', ')}`);
  process.exitCode = 1;
}
