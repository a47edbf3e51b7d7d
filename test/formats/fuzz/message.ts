/** One field of a protobuf message; of a known submessage, its fields. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint | Uint8Array | Field[];
}

/** Field number → kind of the message in it, of the messages of onnx.proto3 that the importer reads. */
type Kind = Readonly<Record<number, string>>;
const kinds: Readonly<Record<string, Kind>> = {
  model: { 7: 'graph', 8: 'opset', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'port', 12: 'port' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute' },
  port: { 2: 'type' },
  type: { 1: 'tensorType', 4: 'sequence' },
  sequence: { 1: 'type' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'dimension' },
};

function varintAt(bytes: Uint8Array, at: number): [value: bigint, end: number] {
  let value = 0n;
  for (let shift = 0n, i = at; ; shift += 7n, i++) {
    const byte = bytes[i] ?? 0;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [value, i + 1];
  }
}

export function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) + 128, ...varint(value >> 7n)];
}

/** The fields of a well-formed message. */
export function parse(bytes: Uint8Array, kind = 'model'): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = varintAt(bytes, at);
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const [value, end] = varintAt(bytes, start);
      fields.push({ number, wire, value });
      at = end;
    } else if (wire === 2) {
      const [length, from] = varintAt(bytes, start);
      at = from + Number(length);
      const blob = bytes.slice(from, at);
      const inner = kinds[kind]?.[number];
      fields.push({ number, wire, value: inner ? parse(blob, inner) : blob });
    } else {
      at = start + (wire === 1 ? 8 : 4);
      fields.push({ number, wire, value: bytes.slice(start, at) });
    }
  }
  return fields;
}

export const encode = (fields: readonly Field[]): Uint8Array =>
  Uint8Array.from(
    fields.flatMap(({ number, wire, value }) => {
      const tag = varint(BigInt(number * 8 + wire));
      if (typeof value === 'bigint') return [...tag, ...varint(value)];
      const blob = Array.isArray(value) ? encode(value) : value;
      return wire === 2 ? [...tag, ...varint(BigInt(blob.length)), ...blob] : [...tag, ...blob];
    }),
  );
