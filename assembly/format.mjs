// Formats the AssemblyScript sources in place; with --check, lists those that are not formatted and fails.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { replaceFile } from './build.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** assemblyscript-prettier 3.0.4 adds blank lines before decorators, more with every run. */
const collapseBlankLines = (text) => text.replace(/\n{3,}/g, '\n\n');

const unformatted = [];
for (const file of readdirSync(folder, { recursive: true })) {
  if (!file.endsWith('.ts') || file === 'records.ts') continue;
  const path = join(folder, file);
  const source = readFileSync(path, 'utf8');
  const formatted = collapseBlankLines(await format(source, { ...(await resolveConfig(path)), filepath: path }));
  if (formatted === source) continue;
  unformatted.push(`assembly/${file}`);
  if (!process.argv.includes('--check')) replaceFile(path, formatted);
}
if (process.argv.includes('--check') && unformatted.length > 0) {
  console.error(`not formatted (npm run format): ${unformatted.join(', ')}`);
  process.exitCode = 1;
}
