// The runtimes thimble is measured against: installed outside the package's own dependencies.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const peersFolder = join(fileURLToPath(new URL('..', import.meta.url)), 'node_modules/.cache/bench-peers');

const versions = {
  '@tensorflow/tfjs': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  '@jax-js/jax': '0.1.25',
  '@litertjs/core': '2.5.3',
  'onnxruntime-web': '1.30.0',
  'onnxruntime-node': '1.30.0',
};

/** Version of a peer that is installed, if any. */
export function peerVersion(name) {
  try {
    return JSON.parse(readFileSync(join(peersFolder, 'node_modules', name, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

/** Installs the peers `names`, unless they are there, and returns their folder. */
export function installPeers(names) {
  if (names.every((name) => peerVersion(name) === versions[name])) return peersFolder;
  mkdirSync(peersFolder, { recursive: true });
  writeFileSync(join(peersFolder, 'package.json'), '{"private":true}');
  console.log('installing the peers …');
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...Object.entries(versions).map(([name, version]) => `${name}@${version}`)],
    // onnxruntime-node would download CUDA; its CPU library is part of the package.
    { cwd: peersFolder, stdio: 'inherit', env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } },
  );
  return peersFolder;
}
