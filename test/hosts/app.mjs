// Packs the package and installs the tarball into an application of its own, as a user would.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { writeFixture } from './fixture.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

const npm = (cwd, ...args) => execFileSync('npm', [...args, '--loglevel=error'], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });

/** `{ folder, tarball, bytes, remove }`: the folder holds the hosts' programs, their fixture, and node_modules with the tarball's contents. */
export async function installApp() {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-hosts-'));
  npm(root, 'pack', '--pack-destination', folder);
  const tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  npm(folder, 'install', tarball, '--no-audit', '--no-fund', '--prefer-offline');
  cpSync(here, folder, { recursive: true, filter: (path) => !/package(-lock)?\.json$/.test(path) });
  const thimble = await import(pathToFileURL(join(folder, 'node_modules/thimble/dist/index.js')).href);
  await writeFixture(thimble, join(folder, 'fixture'));
  return { folder, tarball, bytes: statSync(tarball).size, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
