// Hosts are other programs: run one, and read what it says.
import { spawn } from 'node:child_process';

const TIMEOUT_MS = 90_000;

/** Runs `command` to its end. @returns its standard output. @throws with its errors where it fails or takes longer than `timeout` ms. */
export function run(command, args, { cwd, env = {}, timeout = TIMEOUT_MS } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${command} ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${errors}${out}`));
    });
  });
}

/** As `run`, for a program that prints JSON last. */
export async function runJson(command, args, options) {
  const out = await run(command, args, options);
  return JSON.parse(out.trim().split('\n').at(-1));
}
