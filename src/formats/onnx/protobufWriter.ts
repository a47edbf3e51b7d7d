const utf8 = new TextEncoder();

/** Writes one protobuf message (https://protobuf.dev/programming-guides/encoding), field after field. */
export class Writer {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** A whole number, negative ones in 64 bits. */
  int(field: number, value: number): this {
    return this.#tag(field, 0).#append(varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, 5).#append(bytes);
  }

  text(field: number, value: string): this {
    return this.blob(field, utf8.encode(value));
  }

  blob(field: number, bytes: Uint8Array): this {
    return this.#tag(field, 2).#append(varint(bytes.length)).#append(bytes);
  }

  message(field: number, fill: (inner: Writer) => void): this {
    const inner = new Writer();
    fill(inner);
    this.#tag(field, 2).#append(varint(inner.#length));
    for (const part of inner.#parts) this.#append(part);
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #tag(field: number, wire: number): this {
    return this.#append(varint(field * 8 + wire));
  }

  #append(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  if (value >= 0) {
    let left = value;
    for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
    bytes.push(left);
  } else {
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) + 128);
    bytes.push(Number(left));
  }
  return Uint8Array.from(bytes);
}
