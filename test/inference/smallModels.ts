// Models of a few nodes, as ONNX files, and what loading them comes to.
import { expect } from 'vitest';
import type { ThimbleError } from '../../src/core/errors.ts';
import { type LoadOptions, load } from '../../src/inference/load.ts';
import { type Attribute, type FileModel, type FileNode, type FilePort, type FileTensor, modelFile } from '../formats/onnxFile.ts';

export const float = (...dims: (number | string)[]): FilePort => ({ type: 'float', dims });
export const of = (type: FilePort['type'], ...dims: (number | string)[]): FilePort => ({ type, dims });
export const weights = (dims: readonly number[], data: readonly number[]): FileTensor => ({ type: 'float', dims, data });
export const int64 = (...data: (number | bigint)[]): FileTensor => ({ type: 'int64', dims: [data.length], data });
export const scalar = (type: FilePort['type'], value: number | bigint): FileTensor => ({ type, dims: [], data: [value] });
export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): FileNode => ({
  op,
  inputs,
  outputs,
  attributes,
});

export const open = (model: FileModel, options?: LoadOptions) => load(modelFile(model), options);
export const failure = (model: FileModel, options?: LoadOptions): Promise<ThimbleError> =>
  open(model, options).then(
    () => expect.fail('it loads'),
    (error) => error,
  );
export const list = (tensor: { readonly data: ArrayLike<number> } | undefined) => Array.from(tensor?.data ?? []);

/** y = x + b over a batch. */
export const shift: FileModel = {
  nodes: [node('Add', ['x', 'b'], ['y'])],
  inputs: { x: float('batch', 3) },
  initializers: { b: weights([3], [1, 2, 3]) },
  outputs: ['y'],
};
