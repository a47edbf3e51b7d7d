// Installs what package.json here lists into node_modules/.cache/hosts. `node test/hosts/install.mjs node24` prints the path of that Node.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The folder with the hosts' node_modules. */
export const cache = fileURLToPath(new URL('../../node_modules/.cache/hosts', import.meta.url));

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

/** Installs the hosts unless they are there. Scripts do not run: nothing is fetched but from the registry. */
export function install() {
  const lock = 'package-lock.json';
  if (read(join(cache, lock)) === read(join(here, lock)) && existsSync(join(cache, 'node_modules/.package-lock.json'))) return;
  mkdirSync(cache, { recursive: true });
  for (const file of ['package.json', lock]) copyFileSync(join(here, file), join(cache, file));
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: cache,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Path of a file of an installed package, or undefined. */
export function installed(...candidates) {
  return candidates.map((path) => join(cache, 'node_modules', path)).find((path) => existsSync(path));
}

/** The Node binary of that major version, or undefined where the platform has none in the registry. */
export const nodeBinary = (name) => installed(`${name}/bin/node`);

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2]) {
  install();
  const path = nodeBinary(process.argv[2]);
  if (!path) throw new Error(`${process.argv[2]} is not there for ${process.platform}-${process.arch}`);
  console.log(path);
}
