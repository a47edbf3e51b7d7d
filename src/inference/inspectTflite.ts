import { sizeOf } from '../core/shape.ts';
import { elemOf } from '../formats/tflite/elements.ts';
import { namesOf, operatorCounts } from '../formats/tflite/importer.ts';
import { isSupported } from '../formats/tflite/operators.ts';
import { decodeModel, type SubgraphSpec, type TensorSpec } from '../formats/tflite/schema.ts';
import type { ModelDescription, PortDescription } from './inspect.ts';

/** What a TFLite file contains: inputs and outputs are those of its first subgraph. */
export function inspectTflite(bytes: Uint8Array): ModelDescription {
  const model = decodeModel(bytes);
  const main = model.subgraphs[0] as SubgraphSpec;
  const names = namesOf(main);
  const ports = (indexes: readonly number[], of: readonly string[]): PortDescription[] =>
    indexes.map((index, i) => portOf(main.tensors[index] as TensorSpec, of[i] as string));
  const operators = model.subgraphs.flatMap((graph) => graph.operators);
  const constants = model.subgraphs.flatMap(({ tensors }) => tensors.filter(({ data }) => data));
  return {
    format: 'tflite',
    producer: model.description,
    opsets: { tflite: model.version },
    inputs: ports(main.inputs, names.inputs),
    outputs: ports(main.outputs, names.outputs),
    signatures: model.signatures.map(({ key }) => key),
    parameters: constants.reduce((sum, { shape }) => sum + Math.max(0, sizeOf(shape)), 0),
    operators: Object.fromEntries([...operatorCounts(model)].sort(([a], [b]) => (a < b ? -1 : 1))),
    unsupported: [...new Set(operators.filter((operator) => !isSupported(operator)).map(({ op }) => op))].sort(),
  };
}

const portOf = (spec: TensorSpec, name: string): PortDescription => ({
  name,
  type: elemOf(spec),
  shape: spec.shape.map((extent, axis) => (spec.signature[axis] === -1 ? `axis ${axis}` : extent)),
});
