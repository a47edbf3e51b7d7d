import type { Elem } from '../core/elem.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { elemOf, tensorOf } from '../formats/onnx/elements.ts';
import { domainName, isSupported } from '../formats/onnx/operators.ts';
import { decodeModel, decodeTensor, type GraphProto, type ModelProto, type NodeProto, type ValueInfo } from '../formats/onnx/proto.ts';
import { statesOf } from '../formats/onnx/states.ts';
import type { TfliteElem } from '../formats/tflite/elements.ts';
import { isTflite } from '../formats/tflite/schema.ts';
import { inspectTflite } from './inspectTflite.ts';

/** What a model file says of itself, before shapes are settled. */
export interface ModelDescription {
  readonly format: 'onnx' | 'tflite';
  /** What wrote the file; of TFLite its description. */
  readonly producer: string;
  /** Version of each operator set; '' is ai.onnx, `tflite` the schema of a TFLite file. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly PortDescription[];
  readonly outputs: readonly PortDescription[];
  /** Keys of a TFLite file's signatures, which `load` takes. */
  readonly signatures: readonly string[];
  /** Weights: numbers in initializers and Constant nodes that are floats or narrow integers; scalars and the 64-bit integers of shapes are none. */
  readonly parameters: number;
  /** Nodes of each operator, subgraphs and functions included. */
  readonly operators: Readonly<Record<string, number>>;
  /** Operators that thimble does not have. */
  readonly unsupported: readonly string[];
}

export interface PortDescription {
  readonly name: string;
  /** `float32`, `int64`, …; `sequence` and the like for what is no tensor, `unknown` for types that thimble does not have. */
  readonly type: Elem | TfliteElem | ValueInfo['kind'];
  /** Extents, or the names of open ones. */
  readonly shape: readonly (number | string)[];
}

/** Reads what an ONNX or TFLite file contains, without importing it. @throws FORMAT for damaged bytes. */
export const inspect = (bytes: Uint8Array): ModelDescription => (isTflite(bytes) ? inspectTflite(bytes) : inspectOnnx(bytes));

function inspectOnnx(bytes: Uint8Array): ModelDescription {
  const model = decodeModel(bytes);
  const { graph } = model;
  const states = statesOf(model);
  const nexts = new Set([...states.values()].map(({ next }) => next));
  const inner = new Set([...graph.initializers.map(({ name }) => name), ...states.keys()]);
  const operators = new Map<string, number>();
  const unsupported = new Set<string>();
  for (const node of allNodes(model)) {
    const name = domainName(node);
    operators.set(name, (operators.get(name) ?? 0) + 1);
    if (!isSupported(node) && !model.functions.some((found) => found.name === node.op && found.domain === node.domain))
      unsupported.add(name);
  }
  return {
    format: 'onnx',
    producer: model.producer,
    opsets: Object.fromEntries(model.opsets),
    inputs: graph.inputs.filter(({ name }) => !inner.has(name)).map(portOf),
    outputs: graph.outputs.filter(({ name }) => !nexts.has(name)).map(portOf),
    signatures: [],
    parameters: parametersOf(model),
    operators: Object.fromEntries([...operators].sort(([a], [b]) => (a < b ? -1 : 1))),
    unsupported: [...unsupported].sort(),
  };
}

const portOf = ({ name, kind, elemType, dims }: ValueInfo): PortDescription => ({
  name,
  type: kind === 'tensor' ? knownElem(elemType) : kind,
  shape: dims,
});

function knownElem(elemType: number): Elem | 'unknown' {
  try {
    return elemOf(elemType);
  } catch {
    return 'unknown';
  }
}

const INT64 = 7;

function parametersOf(model: ModelProto): number {
  const nodes = allNodes(model);
  const graphs = [model.graph, ...nodes.flatMap(({ attributes }) => [...attributes.values()].flatMap(({ graph }) => graph ?? []))];
  const constants = nodes.flatMap(({ op, attributes }) => (op === 'Constant' ? (attributes.get('value')?.tensor ?? []) : []));
  return [...graphs.flatMap(({ initializers }) => initializers), ...constants]
    .filter(({ elemType, dims }) => elemType !== INT64 && dims.length > 0)
    .reduce((sum, { dims }) => sum + sizeOf(dims), 0);
}

const allNodes = ({ graph, functions }: ModelProto): NodeProto[] => [...nodesOf(graph), ...functions.flatMap(({ nodes }) => nodes)];

const nodesOf = ({ nodes }: GraphProto): NodeProto[] =>
  nodes.flatMap((node) => [node, ...[...node.attributes.values()].flatMap(({ graph }) => (graph ? nodesOf(graph) : []))]);

/** A tensor file (`.pb`, an ONNX TensorProto) with its name and element type; 64-bit integers become i32. @throws FORMAT for damaged bytes. */
export function readTensor(bytes: Uint8Array): Tensor & { readonly name: string; readonly type: Elem } {
  const proto = decodeTensor(bytes);
  const { elem, shape, data } = tensorOf(proto);
  return { name: proto.name, type: elem, dtype: data instanceof Float32Array ? 'f32' : 'i32', shape, data };
}
