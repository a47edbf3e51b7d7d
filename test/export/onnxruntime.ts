import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TypedArray } from '../../src/index.ts';

/** The runtime that other people run ONNX files with; installed outside the package's own dependencies. */
const VERSION = '1.30.0';
const folder = fileURLToPath(new URL(`../../node_modules/.cache/onnxruntime-${VERSION}`, import.meta.url));

/** The part of onnxruntime-node that tests use. */
interface OnnxRuntime {
  readonly InferenceSession: { create(bytes: Uint8Array, options?: object): Promise<Session> };
  readonly Tensor: new (type: string, data: ArrayBufferView, dims: readonly number[]) => unknown;
}

interface Session {
  run(feeds: Record<string, unknown>): Promise<Record<string, { readonly data: TypedArray; readonly dims: readonly number[] }>>;
}

/** Its install script fetches GPU libraries; the CPU ones are in the package. Test files run side by side: each installs whole or not at all. */
function install(): void {
  const own = `${folder}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'package.json'), '{"private":true}');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `onnxruntime-node@${VERSION}`];
  try {
    execFileSync('npm', args, { cwd: own, stdio: 'pipe', timeout: 120_000, shell: process.platform === 'win32' });
    if (!existsSync(folder)) renameSync(own, folder);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function find(): OnnxRuntime | undefined {
  try {
    if (!existsSync(folder)) install();
    return createRequire(join(folder, 'package.json'))('onnxruntime-node') as OnnxRuntime;
  } catch (error) {
    console.log(`onnxruntime-node is not available, files are not run in it: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}

/** onnxruntime-node, installed when it is first needed; undefined, with one line that says why, where it cannot be had. */
export const onnxruntime = find();

/** What onnxruntime computes for one input; `options`: of its session. */
export async function runInOnnxruntime(
  bytes: Uint8Array,
  name: string,
  data: TypedArray,
  dims: readonly number[],
  options: object = {},
): Promise<Awaited<ReturnType<Session['run']>>> {
  if (!onnxruntime) throw new Error('onnxruntime-node is not available');
  const session = await onnxruntime.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3, ...options });
  return session.run({ [name]: new onnxruntime.Tensor(data instanceof Int32Array ? 'int32' : 'float32', data, dims) });
}
