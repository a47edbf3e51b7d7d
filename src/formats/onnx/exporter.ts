import { ThimbleError } from '../../core/errors.ts';
import type { Shape } from '../../core/shape.ts';
import type { Graph, Node, Value } from '../../ir/graph.ts';
import { assign } from '../../ops/assign.ts';
import type { Elem } from './elements.ts';
import { dataTypes, encodeModel, type FileElem, type FilePort } from './encode.ts';
import { arrays } from './export/arrays.ts';
import { elementwise } from './export/elementwise.ts';
import { Emission, type EmissionOptions, type Emits, rawOf } from './export/emission.ts';
import { images } from './export/images.ts';
import { norms } from './export/norms.ts';
import { places } from './export/places.ts';
import { products } from './export/products.ts';
import { quantization } from './export/quantization.ts';
import { absorbedProduct, recurrent } from './export/recurrent.ts';
import { metadataOfStates, type StatePorts } from './states.ts';

/** An input or output of the file: the element type it had in the file it came from. */
export interface BorderType {
  readonly name: string;
  readonly type: Elem;
}

export interface ExportOptions extends EmissionOptions {
  /** Element types of inputs and outputs by name; f32 is float32 and i32 is int32 where left out. */
  readonly borders?: readonly BorderType[];
  readonly name?: string;
  /** metadata_props. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const rows: Emits = { ...arrays, ...elementwise, ...images, ...norms, ...places, ...products, ...quantization, ...recurrent };

/** Gelu came with 20, 4-bit and blocked weights with 21. */
const OPSET = 20;
const OPSET_BLOCKED = 21;

const elemOf = { f32: 'float32', i32: 'int32', i8: 'int8', u8: 'uint8', bool: 'bool' } as const;

/**
 * The bytes of an ONNX model that computes what `graph` does, of standard operators (ai.onnx 20; 21 with weights in blocks), images in NCHW.
 * Wants a graph after `simplify`. State becomes inputs, and outputs with its next value; the metadata says which belong together.
 * @throws UNSUPPORTED_OP listing the operators that ONNX has none for.
 */
export function exportGraph(graph: Graph, options: ExportOptions = {}): Uint8Array<ArrayBuffer> {
  refuseUnknown(graph);
  const e = new Emission(options);
  const typeOf = (value: Value, name: string): FileElem => {
    const given = options.borders?.find((border) => border.name === name)?.type;
    return given === undefined || given === 'string' ? elemOf[value.dtype] : given;
  };
  for (const input of graph.inputs) e.unique(input.name);
  for (const { name } of graph.outputs) e.unique(name);
  const states = statesIn(graph).map(({ state, next }) => ({
    state,
    next,
    input: e.unique(state.name),
    output: e.unique(`${state.name}.next`),
  }));
  const inputs = graph.inputs.map((value): FilePort => {
    const elem = typeOf(value, value.name);
    const own = elemOf[value.dtype];
    e.put(value, elem === own ? value.name : e.op('Cast', [value.name], { to: dataTypes[own] }));
    return { name: value.name, elem, dims: openDims(value.shape, options.batch) };
  });
  for (const { state, input } of states) {
    e.put(state, input);
    inputs.push({ name: input, elem: elemOf[state.dtype], dims: state.shape });
  }
  const read = new Set<Value>([...graph.nodes.flatMap(operandsOf), ...graph.outputs.map(({ value }) => value)]);
  for (const node of graph.nodes) {
    if (node.outputs.some((output) => read.has(output) && !e.isWritten(output))) e.within(node, () => rows[node.op]?.(e, node));
  }
  const outputs = graph.outputs.map(({ name, value }): FilePort => {
    const elem = typeOf(value, name);
    const plain = e.plain(value);
    e.finish(name, elem === elemOf[value.dtype] ? plain : e.op('Cast', [plain], { to: dataTypes[elem] }));
    return { name, elem, dims: openDims(value.shape, options.batch) };
  });
  for (const { next, output } of states) {
    e.finish(output, e.plain(next));
    outputs.push({ name: output, elem: elemOf[next.dtype], dims: next.shape });
  }
  const isBlocked = [...(options.weights?.values() ?? [])].some(({ bits, block }) => bits === 4 || block !== undefined);
  return encodeModel({
    name: options.name ?? graph.name,
    opset: isBlocked ? OPSET_BLOCKED : OPSET,
    nodes: e.nodes,
    initializers: e.initializers,
    inputs,
    outputs,
    metadata: {
      ...options.metadata,
      ...metadataOfStates(Object.fromEntries(states.map(({ state, input, output }) => [input, portsOf(e, state, output)]))),
    },
  });
}

/** The states that the graph writes, with their next values. */
const statesIn = ({ nodes }: Graph): { readonly state: Value; readonly next: Value }[] =>
  nodes.filter(({ op }) => op === assign.name).map(({ inputs: [state, next] }) => ({ state: state as Value, next: next as Value }));

/** Metadata of a state. First contents other than zeros are an initializer that no operator reads: other runtimes are fed them. */
function portsOf(e: Emission, { name, dtype, shape, origin }: Value, next: string): StatePorts {
  const contents = origin.kind === 'state' ? origin.variable.initial() : undefined;
  if (!contents?.some((value) => value !== 0)) return { next };
  return { next, first: e.initializer(`${name}.first`, elemOf[dtype], shape, rawOf(contents)) };
}

/** What the operator of the file reads. Recurrent ones take in the product before them, which is written only where something else reads it too. */
const operandsOf = (node: Node): readonly Value[] => (absorbedProduct(node) ? node.inputs.slice(1) : node.inputs);

const openDims = (shape: Shape, batch: number | undefined): (number | string)[] =>
  shape.map((extent) => (batch !== undefined && extent === batch ? 'batch' : extent));

function refuseUnknown(graph: Graph): void {
  const unknown = graph.nodes.filter(({ op }) => !(op in rows) && op !== assign.name);
  if (unknown.length === 0) return;
  const list = [...new Set(unknown.map(({ op }) => op))].map((op) => {
    const [first, ...more] = unknown.filter((node) => node.op === op);
    return `${op} "${first?.name}"${more.length ? ` and ${more.length} more` : ''}`;
  });
  throw new ThimbleError('UNSUPPORTED_OP', `ONNX has no operator, or thimble no way to write it, for ${list.join(', ')}`, {
    hint: unknown.some(({ inputs: [x] }) => x?.dtype === 'i8') ? 'export the float model that it was made from' : undefined,
  });
}
