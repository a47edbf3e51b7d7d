/** Attributes of a node: whole numbers and lists of them, text, and the rest by name. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: FileTensor };

export interface FileTensor {
  readonly dims: readonly number[];
  readonly type: 'float' | 'uint8' | 'int64' | 'double';
  readonly data: readonly number[];
}

/** An ONNX file of one node. */
export interface OneNode {
  readonly op: string;
  readonly domain?: string;
  readonly version: number;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: Readonly<Record<string, { readonly type: FileTensor['type']; readonly dims: readonly number[] }>>;
  readonly outputs: readonly string[];
}

/** TensorProto.DataType. */
const types = { float: 1, uint8: 2, int64: 7, double: 11 };

/** A protobuf message of fields: whole numbers as varints, text and bytes with their length, floats in 4 bytes. */
function message(...fields: readonly (readonly [number, number | string | Uint8Array | { readonly float: number }])[]): Uint8Array {
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

function tensor({ dims, type, data }: FileTensor): Uint8Array {
  const arrays = { float: Float32Array, uint8: Uint8Array, double: Float64Array };
  const array = type === 'int64' ? BigInt64Array.from(data, BigInt) : arrays[type].from(data);
  return message(...dims.map((n) => [1, n] as const), [2, types[type]], [9, new Uint8Array(array.buffer)]);
}

function attribute(name: string, value: Attribute): Uint8Array {
  if (typeof value === 'number') return message([1, name], [3, value], [20, 2]);
  if (typeof value === 'string') return message([1, name], [4, value], [20, 3]);
  if ('float' in value) return message([1, name], [2, value], [20, 1]);
  if ('floats' in value) return message([1, name], ...value.floats.map((float) => [7, { float }] as const), [20, 6]);
  if ('tensor' in value) return message([1, name], [5, tensor(value.tensor)], [20, 4]);
  return message([1, name], ...value.map((one) => [typeof one === 'string' ? 9 : 8, one] as const));
}

/** The bytes of an ONNX model (https://onnx.ai/onnx/api/classes.html: ModelProto) of one node. */
export function fileOf({ op, domain = '', version, attributes, inputs, outputs }: OneNode): Uint8Array {
  const node = message(
    ...Object.keys(inputs).map((name) => [1, name] as const),
    ...outputs.map((name) => [2, name] as const),
    [4, op],
    ...Object.entries(attributes).map(([name, value]) => [5, attribute(name, value)] as const),
    [7, domain],
  );
  const shape = (dims: readonly number[]) => message(...dims.map((n) => [1, message([1, n])] as const));
  const infos = Object.entries(inputs).map(([name, { type, dims }]) =>
    message([1, name], [2, message([1, message([1, types[type]], [2, shape(dims)])])]),
  );
  const graph = message(
    [1, node],
    [2, op],
    ...infos.map((info) => [11, info] as const),
    ...outputs.map((name) => [12, message([1, name])] as const),
  );
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 17])], [8, message([1, domain], [2, version])]);
}
