/** Attributes of a node: whole numbers and lists of them, text, and the rest by name. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: FileTensor }
  | { readonly graph: FileGraph }
  /** In a function: the attribute of the call that is meant. */
  | { readonly reference: string };

/** TensorProto.DataType. */
const types = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, double: 11, bfloat16: 16, int4: 22 };
type TypeName = keyof typeof types;

export interface FileTensor {
  readonly dims: readonly number[];
  readonly type: TypeName;
  /** Elements; bytes for types that have no array here. */
  readonly data: readonly (number | bigint)[];
  /** Where the data is instead: location, offset, length. */
  readonly external?: Readonly<Record<string, string>>;
}

export interface FilePort {
  readonly type: TypeName;
  readonly dims: readonly (number | string)[];
  readonly kind?: 'tensor' | 'sequence';
}

export interface FileNode {
  readonly op: string;
  readonly name?: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly inputs?: readonly string[];
  readonly outputs: readonly string[];
}

export interface FileGraph {
  readonly name?: string;
  readonly nodes: readonly FileNode[];
  readonly inputs?: Readonly<Record<string, FilePort>>;
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, FileTensor>>;
}

export interface FileFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly FileNode[];
}

export interface FileModel extends FileGraph {
  /** Version of each operator set; ai.onnx 17 where left out. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly functions?: readonly FileFunction[];
}

/** An ONNX file of one node. */
export interface OneNode {
  readonly op: string;
  readonly domain?: string;
  readonly version: number;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: Readonly<Record<string, FilePort>>;
  readonly outputs: readonly string[];
}

type Field = readonly [number, number | string | Uint8Array | { readonly float: number }];

/** A protobuf message of fields: whole numbers as varints, text and bytes with their length, floats in 4 bytes. */
function message(...fields: readonly Field[]): Uint8Array {
  return bytes(
    fields.map(([field, value]) => {
      if (typeof value === 'number') return bytes([varint(field * 8), varint(value)]);
      if (typeof value === 'object' && 'float' in value) {
        return bytes([varint(field * 8 + 5), new Uint8Array(Float32Array.of(value.float).buffer)]);
      }
      const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
      return bytes([varint(field * 8 + 2), varint(content.length), content]);
    }),
  );
}

const bytes = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

function varint(value: number): Uint8Array {
  const out: number[] = [];
  for (let left = BigInt.asUintN(64, BigInt(value)); ; left >>= 7n) {
    out.push(Number(left & 127n) | (left > 127n ? 128 : 0));
    if (left <= 127n) return Uint8Array.from(out);
  }
}

function rawBytes({ type, data }: FileTensor): Uint8Array {
  if (type === 'int64') return new Uint8Array(BigInt64Array.from(data, BigInt).buffer);
  const arrays = { float: Float32Array, int8: Int8Array, int32: Int32Array, double: Float64Array };
  const array = type in arrays ? arrays[type as keyof typeof arrays] : Uint8Array;
  return new Uint8Array(array.from(data as number[]).buffer);
}

function tensor(given: FileTensor, name = ''): Uint8Array {
  const { dims, type, external } = given;
  const head: Field[] = [...dims.map((n) => [1, n] as const), [2, types[type]], [8, name]];
  if (!external) return message(...head, [9, rawBytes(given)]);
  const entries = Object.entries(external).map(([key, value]) => [13, message([1, key], [2, value])] as const);
  return message(...head, ...entries, [14, 1]);
}

function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') return message([1, name], [3, value], [20, 2]);
  if (typeof value === 'string') return message([1, name], [4, value], [20, 3]);
  if ('float' in value) return message([1, name], [2, value], [20, 1]);
  if ('floats' in value) return message([1, name], ...value.floats.map((float) => [7, { float }] as const), [20, 6]);
  if ('tensor' in value) return message([1, name], [5, tensor(value.tensor)], [20, 4]);
  if ('graph' in value) return message([1, name], [6, graph(value.graph)], [20, 5]);
  if ('reference' in value) return message([1, name], [21, value.reference], [20, 2]);
  return message([1, name], ...value.map((one) => [typeof one === 'string' ? 9 : 8, one] as const), [
    20,
    typeof value[0] === 'string' ? 8 : 7,
  ]);
}

const node = ({ op, name = '', domain = '', attributes = {}, inputs = [], outputs }: FileNode): Uint8Array =>
  message(
    ...inputs.map((input) => [1, input] as const),
    ...outputs.map((output) => [2, output] as const),
    [3, name],
    [4, op],
    ...Object.entries(attributes).map(([key, value]) => [5, attribute(key, value)] as const),
    [7, domain],
  );

function port(name: string, { type, dims, kind = 'tensor' }: FilePort): Uint8Array {
  const shape = message(...dims.map((n) => [1, message([typeof n === 'number' ? 1 : 2, n])] as const));
  const own = message([1, message([1, types[type]], [2, shape])]);
  return message([1, name], [2, kind === 'tensor' ? own : message([4, message([1, own])])]);
}

const graph = ({ name = 'graph', nodes, inputs = {}, outputs, initializers = {} }: FileGraph): Uint8Array =>
  message(
    ...nodes.map((one) => [1, node(one)] as const),
    [2, name],
    ...Object.entries(initializers).map(([key, value]) => [5, tensor(value, key)] as const),
    ...Object.entries(inputs).map(([key, value]) => [11, port(key, value)] as const),
    ...outputs.map((output) => [12, message([1, output])] as const),
  );

const opset = (domain: string, version: number): Uint8Array => message([1, domain], [2, version]);

const localFunction = ({ name, domain, inputs, outputs, nodes }: FileFunction): Uint8Array =>
  message(
    [1, name],
    ...inputs.map((input) => [4, input] as const),
    ...outputs.map((output) => [5, output] as const),
    ...nodes.map((one) => [7, node(one)] as const),
    [9, opset('', 17)],
    [10, domain],
  );

/** The bytes of an ONNX model (https://onnx.ai/onnx/api/classes.html: ModelProto). */
export const modelFile = ({ opsets = { '': 17 }, functions = [], ...main }: FileModel): Uint8Array =>
  message(
    [1, 8],
    [7, graph(main)],
    ...Object.entries(opsets).map(([domain, version]) => [8, opset(domain, version)] as const),
    ...functions.map((one) => [25, localFunction(one)] as const),
  );

/** The bytes of an ONNX model of one node. */
export const fileOf = ({ op, domain = '', version, attributes, inputs, outputs }: OneNode): Uint8Array =>
  modelFile({
    name: op,
    nodes: [{ op, domain, attributes, inputs: Object.keys(inputs), outputs }],
    inputs,
    outputs,
    opsets: { '': 17, [domain]: version },
  });
