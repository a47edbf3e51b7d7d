import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { decode, type InferenceModel, load, loadModel, type Program, ThimbleError } from '../index.ts';
import type { SourceOptions } from './options.ts';

/** The bytes of a file. @throws INPUT where it cannot be read. */
export async function readInput(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ThimbleError('INPUT', `cannot be read: ${(error as Error).message}`, { node: path });
  }
}

/** Whether a file is one that `save` wrote: safetensors, which start with the length of a JSON object. */
export const isSaved = (bytes: Uint8Array): boolean => bytes.length > 9 && bytes[8] === 0x7b && bytes[6] === 0 && bytes[7] === 0;

/** Loads an ONNX, TFLite or .thimble file, or a model that `save` wrote. @throws as `load`. */
export async function openModel(path: string, { shape, budget, flavour = 'auto' }: SourceOptions): Promise<InferenceModel> {
  const bytes = await readInput(path);
  const options = { flavour, ...(shape && { shapes: shape }), ...(budget !== undefined && { budget }) };
  if (isSaved(bytes)) return load((await loadModel(bytes)).export({ name: nameOf(path) }), options);
  const externalData = (location: string) => readInput(join(dirname(path), location));
  return load(bytes, { ...options, externalData });
}

/** The program of a model file; with training where the file has a training step. @throws INPUT where it has none and `training` asks for it. */
export async function openProgram(path: string, training: boolean, options: SourceOptions): Promise<Program> {
  const bytes = await readInput(path);
  if (isSaved(bytes) && training) return decode((await loadModel(bytes)).export({ training, name: nameOf(path) }));
  const { program } = await openModel(path, { ...options, flavour: 'scalar' });
  if (training && !program.training) {
    throw new ThimbleError('INPUT', 'the file has no training step', {
      node: path,
      hint: 'give a model that was saved after compile with a loss, or exported with { training: true }',
    });
  }
  return { ...program, name: nameOf(path) };
}

/** A file's name without folder and extension. */
export const nameOf = (path: string): string => basename(path, extname(path));
