import { ThimbleError } from '../../core/errors.ts';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from './proto.ts';
import { damaged } from './protobuf.ts';

/** Gives the bytes of a file with tensor data, by the location that the model states: a relative path below the folder of the model. */
export type ExternalData = (location: string) => Uint8Array | Promise<Uint8Array>;

/** Files by location, read before the import starts. */
export type ExternalFiles = ReadonlyMap<string, Uint8Array>;

/** Locations stay in the folder of the model (https://onnx.ai/onnx/repo-docs/ExternalData.html): no absolute paths, no `..`. */
const ESCAPES = /^([\\/]|[a-z]:)|(^|[\\/])\.\.([\\/]|$)/i;

/**
 * All files that tensors of the model have their data in, each asked for once.
 * @throws FORMAT for a location that leaves the model's folder, INPUT where there is no resolver, or it gives no bytes.
 */
export async function readExternal(model: ModelProto, resolve: ExternalData | undefined): Promise<ExternalFiles> {
  const files = new Map<string, Uint8Array>();
  const nodes = [...nodesOf(model.graph.nodes), ...model.functions.flatMap((one) => nodesOf(one.nodes))];
  const graphs = [model.graph, ...nodes.flatMap(({ attributes }) => [...attributes.values()].flatMap(({ graph }) => graph ?? []))];
  const constants = nodes.flatMap(({ attributes }) => [...attributes.values()].flatMap(({ tensor }) => tensor ?? []));
  for (const { name, external } of [...graphs.flatMap(({ initializers }) => initializers), ...constants]) {
    if (!external) continue;
    const location = external.get('location') ?? '';
    if (files.has(location)) continue;
    if (location === '' || ESCAPES.test(location))
      throw damaged(`its data is in "${location}", which is no file below the folder of the model`, name);
    if (!resolve) {
      throw new ThimbleError('INPUT', `its data is in the file "${location}"`, {
        node: name,
        hint: 'give load the option `externalData`, a function from that name to the bytes',
      });
    }
    const bytes = await resolve(location);
    if (!(bytes instanceof Uint8Array))
      throw new ThimbleError('INPUT', `externalData gave no bytes for "${location}"`, {
        node: name,
        expected: 'a Uint8Array',
        got: typeof bytes,
      });
    files.set(location, bytes);
  }
  return files;
}

const nodesOf = (nodes: GraphProto['nodes']): NodeProto[] =>
  nodes.flatMap((node) => [node, ...[...node.attributes.values()].flatMap(({ graph }) => (graph ? nodesOf(graph.nodes) : []))]);

/** The bytes of one tensor in its file. @throws FORMAT where they lie outside. */
export function externalBytes({ external, name }: TensorProto, files: ExternalFiles): Uint8Array {
  const location = external?.get('location') ?? '';
  const file = files.get(location);
  if (!file) throw new ThimbleError('INPUT', `its data is in the file "${location}", which is not here`, { node: name });
  const number = (key: string, fallback: number) => {
    const value = Number(external?.get(key) ?? fallback);
    if (!Number.isSafeInteger(value) || value < 0) throw damaged(`${key} "${external?.get(key)}" in "${location}"`, name);
    return value;
  };
  const offset = number('offset', 0);
  const length = number('length', Math.max(0, file.length - offset));
  if (offset + length > file.length)
    throw damaged(`bytes ${offset} to ${offset + length} of "${location}" are outside its ${file.length} bytes`, name);
  return file.subarray(offset, offset + length);
}
