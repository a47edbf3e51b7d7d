import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { type InferenceModel, load, loadModel, ThimbleError } from '../index.ts';
import type { SourceOptions } from './options.ts';
import { withProgress } from './progress.ts';

/** The bytes of a file. @throws INPUT where it cannot be read. */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot be read: ${(error as Error).message}`, { node: path });
  }
}

/** Makes `folder` and those above it. @throws INPUT where that fails. */
export function makeFolder(folder: string): void {
  try {
    // The asynchronous mkdir of Node 20 never ends in folders such as /proc.
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot make the folder: ${(error as Error).message}`, {
      node: folder,
      hint: 'choose another with --out',
    });
  }
}

/** Checks, before long work, that what comes of it can be written. @throws INPUT for a folder that is missing or not writable. */
export function checkWritable(...paths: readonly (string | undefined)[]): void {
  for (const path of paths) {
    if (path === undefined) continue;
    try {
      const there = statSync(path, { throwIfNoEntry: false });
      if (there?.isDirectory()) throw new Error('it is a folder');
      // Pipes and devices are written to as they are. The slash: a file is no folder.
      if (!there || there.isFile()) accessSync(`${dirname(path)}/`, constants.W_OK);
    } catch (error) {
      throw new ThimbleError('INPUT', `cannot write: ${(error as Error).message}`, {
        node: path,
        hint: 'choose a folder that exists and is writable',
      });
    }
  }
}

/** Bytes of a file from which on importing it is worth a word. */
const LARGE = 2 ** 20;

/** Whether a file is one that `save` wrote: safetensors, which start with the length of a JSON object. */
export const isSaved = (bytes: Uint8Array): boolean => bytes.length > 9 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;

/** Loads an ONNX, TFLite or .thimble file, or a model that `save` wrote. @throws as `load`. */
export async function openModel(
  path: string,
  { shape, state, signature, budget, flavour = 'auto' }: SourceOptions,
): Promise<InferenceModel> {
  const bytes = await readInput(path);
  const options = {
    flavour,
    ...(shape && { shapes: shape }),
    ...(state && { states: state }),
    ...(signature && { signature }),
    ...(budget !== undefined && { budget }),
  };
  const externalData = (location: string) => readInput(join(dirname(path), location));
  return withProgress(`${nameOf(path)}:`, async (progress) => {
    if (bytes.length >= LARGE) progress.say('importing and planning');
    try {
      if (isSaved(bytes)) return await load((await loadModel(bytes)).export({ name: nameOf(path) }), options);
      return await load(bytes, { ...options, externalData });
    } catch (error) {
      // Errors of format say what is wrong, not with which file.
      throw error instanceof ThimbleError && error.code === 'FORMAT' ? error.at({ node: path }) : error;
    }
  });
}

/** A file's name without folder and extension. */
export const nameOf = (path: string): string => basename(path, extname(path));
