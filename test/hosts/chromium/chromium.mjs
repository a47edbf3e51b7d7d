// Chromium, headless: a server gives it pages of the application and takes their results.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, extname, join, normalize } from 'node:path';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const TIMEOUT_MS = 60_000;

/** Path of the browser: $CHROMIUM, or one of its usual names in $PATH; undefined where there is none. */
export function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Opens `path` of the files under `folder`, and gives what the page posts to /result. */
export async function resultOf(browser, folder, path) {
  const profile = mkdtempSync(join(tmpdir(), 'thimble-chromium-'));
  const { promise, resolve, reject } = Promise.withResolvers?.() ?? deferred();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (data) => {
        body += data;
      });
      request.on('end', () => {
        response.end();
        resolve(JSON.parse(body));
      });
      return;
    }
    const file = join(folder, normalize(decodeURIComponent(pathname)));
    if (!existsSync(file)) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    `--user-data-dir=${profile}`,
  ];
  const child = spawn(browser, [...flags, `http://127.0.0.1:${server.address().port}/${path}`], {
    stdio: 'ignore',
    detached: true,
  });
  child.on('error', reject);
  const ended = new Promise((exited) => child.on('exit', exited));
  ended.then((code) => reject(new Error(`Chromium ended with exit code ${code}`)));
  const timer = setTimeout(() => reject(new Error(`Chromium gave no result in ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  try {
    const result = await promise;
    if (result.error) throw new Error(result.error);
    return result;
  } finally {
    clearTimeout(timer);
    // The whole group: its other processes would go on writing to the profile.
    if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
    if (child.pid) await ended;
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function deferred() {
  let [resolve, reject] = [];
  const promise = new Promise((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}
