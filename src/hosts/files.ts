import { ThimbleError } from '../core/errors.ts';

/** Files, where the host has them (Node, Deno, Bun): `node:fs` is loaded at the first call only. */

/**
 * Writes bytes to `path`, whole or not at all: to a temporary file beside it, then renamed. What is no file, such as a pipe or a device, is written to as it
 * is. @throws INPUT where that fails.
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  const { rename, rm, stat, writeFile } = await import('node:fs/promises');
  const temporary = `${path}.${Date.now().toString(36)}.tmp`;
  const there = await stat(path).catch(() => undefined);
  try {
    if (there?.isDirectory()) throw new Error('it is a folder');
    if (there && !there.isFile()) await writeFile(path, bytes);
    else {
      await writeFile(temporary, bytes);
      await rename(temporary, path);
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new ThimbleError('INPUT', `cannot write: ${(error as Error).message}`, {
      node: path,
      hint: 'choose a folder that exists, is writable and has room',
    });
  }
}

/** The text of `path`, empty where there is no such file. @throws INPUT where it cannot be read. */
export async function readTextFile(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return '';
    throw new ThimbleError('INPUT', `cannot read: ${(error as Error).message}`, { node: path });
  }
}

/** The bytes of `path`. @throws INPUT where it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot read: ${(error as Error).message}`, { node: path });
  }
}

/** The bytes of `path` in pieces, as they are read. @throws INPUT where it cannot be read. */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  const { createReadStream } = await import('node:fs');
  try {
    for await (const piece of createReadStream(path)) yield piece as Uint8Array;
  } catch (error) {
    if (error instanceof ThimbleError) throw error;
    throw new ThimbleError('INPUT', `cannot read: ${(error as Error).message}`, { node: path });
  }
}

/** All files below `folder`, as paths from it with forward slashes, in the order of their names. @throws INPUT where it cannot be read. */
export async function filesBelow(folder: string): Promise<string[]> {
  const { readdir } = await import('node:fs/promises');
  const { join, relative } = await import('node:path');
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    return paths.map((path) => path.replaceAll('\\', '/')).sort();
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot list the folder: ${(error as Error).message}`, { node: folder });
  }
}
