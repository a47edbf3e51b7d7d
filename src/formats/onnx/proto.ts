import { damaged, Reader } from './protobuf.ts';

/** The parts of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that an importer reads, under their names there. */
export interface ModelProto {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set by domain; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: GraphProto;
  readonly functions: readonly FunctionProto[];
  /** metadata_props. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly sparse: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface NodeProto {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
}

export interface FunctionProto {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly defaults: ReadonlyMap<string, AttributeProto>;
  readonly nodes: readonly NodeProto[];
  readonly opsets: ReadonlyMap<string, number>;
}

export interface AttributeProto {
  readonly name: string;
  /** In a function: the attribute of the call that is meant. */
  readonly reference: string;
  readonly float?: number;
  readonly int?: number;
  readonly text?: string;
  readonly tensor?: TensorProto;
  readonly graph?: GraphProto;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly texts: readonly string[];
}

/** The kind of a value. Dimensions are numbers, or names of what is left open. */
export interface ValueInfo {
  readonly name: string;
  readonly kind: 'tensor' | 'sequence' | 'optional' | 'map' | 'unknown';
  readonly elemType: number;
  readonly dims: readonly (number | string)[];
}

export interface TensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  readonly elemType: number;
  readonly raw: Uint8Array | undefined;
  readonly floats: readonly number[];
  /** int32_data, which also holds 8- and 16-bit types. */
  readonly ints: readonly number[];
  /** int64_data and uint64_data. */
  readonly longs: readonly number[];
  readonly doubles: readonly number[];
  readonly texts: readonly Uint8Array[];
  /** external_data: location, offset, length. */
  readonly external: ReadonlyMap<string, string> | undefined;
}

/** Graphs in attributes of nodes of graphs in attributes …: more levels than any model has. */
const DEPTH = 24;

export function decodeModel(bytes: Uint8Array): ModelProto {
  const reader = new Reader(bytes);
  const opsets = new Map<string, number>();
  const functions: FunctionProto[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  let irVersion = 0;
  let producer = '';
  let graph: GraphProto | undefined;
  while (reader.next()) {
    if (reader.field === 1) irVersion = reader.int();
    else if (reader.field === 2) producer = reader.text();
    else if (reader.field === 7) graph = decodeGraph(reader.blob(), 0);
    else if (reader.field === 8) addOpset(opsets, reader.blob());
    else if (reader.field === 14) metadata = withEntry(metadata, reader.blob());
    else if (reader.field === 25) functions.push(decodeFunction(reader.blob()));
    else reader.skip();
  }
  if (!graph || opsets.size === 0) throw damaged('the model has no graph or no operator set');
  return { irVersion, producer, opsets, graph, functions, metadata };
}

function addOpset(opsets: Map<string, number>, bytes: Uint8Array): void {
  const reader = new Reader(bytes);
  let domain = '';
  let version = 0;
  while (reader.next()) {
    if (reader.field === 1) domain = reader.text();
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  opsets.set(domain === 'ai.onnx' ? '' : domain, version);
}

function decodeGraph(bytes: Uint8Array, depth: number): GraphProto {
  if (depth > DEPTH) throw damaged(`graphs are nested more than ${DEPTH} deep`);
  const reader = new Reader(bytes);
  const graph = {
    name: '',
    nodes: [] as NodeProto[],
    initializers: [] as TensorProto[],
    sparse: 0,
    inputs: [] as ValueInfo[],
    outputs: [] as ValueInfo[],
  };
  while (reader.next()) {
    if (reader.field === 1) graph.nodes.push(decodeNode(reader.blob(), depth));
    else if (reader.field === 2) graph.name = reader.text();
    else if (reader.field === 5) graph.initializers.push(decodeTensor(reader.blob()));
    else if (reader.field === 11) graph.inputs.push(decodeValueInfo(reader.blob()));
    else if (reader.field === 12) graph.outputs.push(decodeValueInfo(reader.blob()));
    else {
      if (reader.field === 15) graph.sparse++;
      reader.skip();
    }
  }
  return graph;
}

function decodeNode(bytes: Uint8Array, depth: number): NodeProto {
  const reader = new Reader(bytes);
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeProto>();
  let name = '';
  let op = '';
  let domain = '';
  while (reader.next()) {
    if (reader.field === 1) inputs.push(reader.text());
    else if (reader.field === 2) outputs.push(reader.text());
    else if (reader.field === 3) name = reader.text();
    else if (reader.field === 4) op = reader.text();
    else if (reader.field === 5) addAttribute(attributes, reader.blob(), depth);
    else if (reader.field === 7) domain = reader.text();
    else reader.skip();
  }
  return { op, domain: domain === 'ai.onnx' ? '' : domain, name, inputs, outputs, attributes };
}

function addAttribute(attributes: Map<string, AttributeProto>, bytes: Uint8Array, depth: number): void {
  const reader = new Reader(bytes);
  const attribute: { -readonly [K in keyof AttributeProto]: AttributeProto[K] } = {
    name: '',
    reference: '',
    floats: [],
    ints: [],
    texts: [],
  };
  while (reader.next()) {
    if (reader.field === 1) attribute.name = reader.text();
    else if (reader.field === 21) attribute.reference = reader.text();
    else if (reader.field === 2) attribute.float = reader.float();
    else if (reader.field === 3) attribute.int = reader.int();
    else if (reader.field === 4) attribute.text = reader.text();
    else if (reader.field === 5) attribute.tensor = decodeTensor(reader.blob());
    else if (reader.field === 6) attribute.graph = decodeGraph(reader.blob(), depth + 1);
    else if (reader.field === 7) reader.floats(attribute.floats as number[]);
    else if (reader.field === 8) reader.ints(attribute.ints as number[]);
    else if (reader.field === 9) (attribute.texts as string[]).push(reader.text());
    else reader.skip();
  }
  attributes.set(attribute.name, attribute);
}

function decodeFunction(bytes: Uint8Array): FunctionProto {
  const reader = new Reader(bytes);
  const found = {
    name: '',
    domain: '',
    inputs: [] as string[],
    outputs: [] as string[],
    attributes: [] as string[],
    defaults: new Map<string, AttributeProto>(),
    nodes: [] as NodeProto[],
    opsets: new Map<string, number>(),
  };
  while (reader.next()) {
    if (reader.field === 1) found.name = reader.text();
    else if (reader.field === 4) found.inputs.push(reader.text());
    else if (reader.field === 5) found.outputs.push(reader.text());
    else if (reader.field === 6) found.attributes.push(reader.text());
    else if (reader.field === 7) found.nodes.push(decodeNode(reader.blob(), 1));
    else if (reader.field === 9) addOpset(found.opsets, reader.blob());
    else if (reader.field === 10) found.domain = reader.text();
    else if (reader.field === 11) addAttribute(found.defaults, reader.blob(), 1);
    else reader.skip();
  }
  return found;
}

function decodeValueInfo(bytes: Uint8Array): ValueInfo {
  const reader = new Reader(bytes);
  let name = '';
  let type: Omit<ValueInfo, 'name'> = { kind: 'unknown', elemType: 0, dims: [] };
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) type = decodeType(reader.blob(), 0);
    else reader.skip();
  }
  return { name, ...type };
}

const kinds: Readonly<Record<number, ValueInfo['kind']>> = { 1: 'tensor', 4: 'sequence', 5: 'map', 8: 'unknown', 9: 'optional' };

/** TypeProto; of sequences and optionals, the element's type. */
function decodeType(bytes: Uint8Array, depth: number): Omit<ValueInfo, 'name'> {
  if (depth > DEPTH) throw damaged(`types are nested more than ${DEPTH} deep`);
  const reader = new Reader(bytes);
  let type: Omit<ValueInfo, 'name'> = { kind: 'unknown', elemType: 0, dims: [] };
  while (reader.next()) {
    const kind = kinds[reader.field];
    if (kind === 'tensor') type = { kind, ...decodeTensorType(reader.blob()) };
    else if (kind === 'sequence' || kind === 'optional') {
      const inner = new Reader(reader.blob());
      while (inner.next()) {
        if (inner.field === 1) type = { ...decodeType(inner.blob(), depth + 1), kind };
        else inner.skip();
      }
    } else reader.skip();
  }
  return type;
}

function decodeTensorType(bytes: Uint8Array): { elemType: number; dims: (number | string)[] } {
  const reader = new Reader(bytes);
  const dims: (number | string)[] = [];
  let elemType = 0;
  while (reader.next()) {
    if (reader.field === 1) elemType = reader.int();
    else if (reader.field === 2) {
      const shape = new Reader(reader.blob());
      while (shape.next()) {
        if (shape.field === 1) dims.push(decodeDimension(shape.blob(), dims.length));
        else shape.skip();
      }
    } else reader.skip();
  }
  return { elemType, dims };
}

function decodeDimension(bytes: Uint8Array, axis: number): number | string {
  const reader = new Reader(bytes);
  let extent: number | string = `axis ${axis}`;
  while (reader.next()) {
    if (reader.field === 1) extent = reader.int();
    else if (reader.field === 2) extent = reader.text();
    else reader.skip();
  }
  return extent;
}

/** Decodes a TensorProto: an initializer, or a `.pb` file of the ONNX backend tests. */
export function decodeTensor(bytes: Uint8Array): TensorProto {
  const reader = new Reader(bytes);
  const tensor: { -readonly [K in keyof TensorProto]: TensorProto[K] } = {
    name: '',
    dims: [],
    elemType: 0,
    raw: undefined,
    floats: [],
    ints: [],
    longs: [],
    doubles: [],
    texts: [],
    external: undefined,
  };
  let isExternal = false;
  while (reader.next()) {
    if (reader.field === 1) reader.ints(tensor.dims as number[]);
    else if (reader.field === 2) tensor.elemType = reader.int();
    else if (reader.field === 4) reader.floats(tensor.floats as number[]);
    else if (reader.field === 5) reader.ints(tensor.ints as number[]);
    else if (reader.field === 6) (tensor.texts as Uint8Array[]).push(reader.blob());
    else if (reader.field === 7 || reader.field === 11) reader.ints(tensor.longs as number[]);
    else if (reader.field === 8) tensor.name = reader.text();
    else if (reader.field === 9) tensor.raw = reader.blob();
    else if (reader.field === 10) reader.doubles(tensor.doubles as number[]);
    else if (reader.field === 13) tensor.external = withEntry(tensor.external, reader.blob());
    else if (reader.field === 14) isExternal = reader.int() === 1;
    else reader.skip();
  }
  if (!isExternal) tensor.external = undefined;
  return tensor;
}

function withEntry(entries: ReadonlyMap<string, string> | undefined, bytes: Uint8Array): ReadonlyMap<string, string> {
  const reader = new Reader(bytes);
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) key = reader.text();
    else if (reader.field === 2) value = reader.text();
    else reader.skip();
  }
  return new Map([...(entries ?? []), [key, value]]);
}
