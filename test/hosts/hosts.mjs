// Every host: how to run the program on it. `missing` says why it cannot run here.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { findChromium, resultOf } from './chromium/chromium.mjs';
import { cache, installed, nodeBinary } from './install.mjs';
import { run, runJson } from './processes.mjs';

const nodeHost = (name) => ({
  name,
  missing: () => nodeBinary(name) === undefined && `the registry has no ${name} for ${process.platform}-${process.arch}`,
  version: async () => (await run(nodeBinary(name), ['--version'])).trim().slice(1),
  run: (app) => runJson(nodeBinary(name), [join(app, 'node/main.mjs')]),
});

const deno = () =>
  installed('@deno/linux-x64-glibc/deno', '@deno/linux-arm64-glibc/deno', '@deno/darwin-arm64/deno', '@deno/darwin-x64/deno');
const bun = () => installed('@oven/bun-linux-x64/bin/bun', '@oven/bun-linux-aarch64/bin/bun', '@oven/bun-darwin-aarch64/bin/bun');
const workerd = () =>
  installed(
    '@cloudflare/workerd-linux-64/bin/workerd',
    '@cloudflare/workerd-linux-arm64/bin/workerd',
    '@cloudflare/workerd-darwin-arm64/bin/workerd',
  );

const firstVersion = async (binary) => /\d+[.-]\d+[.-]\d+\S*/.exec(await run(binary, ['--version']))?.[0];

const chromiumHost = (name, prepare) => ({
  name: `chromium, ${name}`,
  missing: () => !findChromium() && 'no Chromium: apt-get install chromium, or set CHROMIUM',
  version: () => firstVersion(findChromium()),
  run: async (app) => resultOf(findChromium(), ...(await prepare(app))),
});

export const hosts = [
  ...['node20', 'node22', 'node24', 'node26'].map(nodeHost),
  {
    name: 'deno, no permissions',
    missing: () => !deno() && 'its package has no binary for this platform',
    version: () => firstVersion(deno()),
    run: (app) =>
      runJson(deno(), ['run', '--no-prompt', '--no-remote', '--node-modules-dir=manual', join(app, 'deno/main.mjs')], { cwd: app }),
  },
  {
    name: 'bun',
    missing: () => !bun() && 'its package has no binary for this platform',
    version: () => firstVersion(bun()),
    run: (app) => runJson(bun(), [join(app, 'bun/main.mjs')], { cwd: app }),
  },
  {
    name: 'workerd, bundled by wrangler',
    missing: () => !workerd() && 'its package has no binary for this platform',
    version: () => firstVersion(workerd()),
    async run(app) {
      const out = join(app, 'workerd/out');
      const wrangler = join(cache, 'node_modules/wrangler/bin/wrangler.js');
      const env = { WRANGLER_SEND_METRICS: 'false', CI: 'true' };
      const args = [wrangler, 'deploy', '--dry-run', '--outdir', out, '--config', join(app, 'workerd/wrangler.json')];
      await run(process.execPath, args, { cwd: app, env });
      const miniflare = join(cache, 'node_modules/miniflare/dist/src/index.js');
      return runJson(process.execPath, [join(app, 'workerd/serve.mjs'), out, miniflare]);
    },
  },
  chromiumHost('import map', async (app) => [app, 'chromium/importmap.html']),
  chromiumHost('esbuild', async (app) => {
    const { build } = await import('esbuild');
    const outdir = join(app, 'chromium/esbuild');
    const entryPoints = [join(app, 'chromium/main.mjs')];
    await build({
      entryPoints,
      outdir,
      bundle: true,
      splitting: true,
      minify: true,
      format: 'esm',
      outExtension: { '.js': '.mjs' },
      external: ['node:*'],
    });
    cpSync(join(app, 'chromium/bundled.html'), join(outdir, 'index.html'));
    cpSync(join(app, 'fixture'), join(outdir, 'fixture'), { recursive: true });
    return [outdir, 'index.html'];
  }),
  chromiumHost('vite', async (app) => {
    const out = join(app, 'chromium/vite');
    const args = [join(cache, 'node_modules/vite/bin/vite.js'), 'build', '--config', join(app, 'chromium/vite.config.mjs')];
    await run(process.execPath, args, { cwd: app });
    cpSync(join(app, 'fixture'), join(out, 'fixture'), { recursive: true });
    return [out, 'bundled.html'];
  }),
];
