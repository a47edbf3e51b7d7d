const bytesOf = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/**
 * A flatbuffer written front to back: `table(fields)` with [slot, kind, value] where kind is the bytes of a whole number, 'float' or
 * 'ref'. References point
 * forward, so children are written after their parent and patched in. https://flatbuffers.dev/internals/
 */
export class Flatbuffer {
  bytes = Buffer.alloc(8);

  /** Appends `more` at a multiple of `align` and returns where. */
  append(more, align = 4) {
    const at = Math.ceil(this.bytes.length / align) * align;
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(at - this.bytes.length), more]);
    return at;
  }

  /** Makes the reference at `from` point to `to`. */
  link(from, to) {
    this.bytes.writeUInt32LE(to - from, from);
  }

  table(fields) {
    const slots = Math.max(-1, ...fields.map(([slot]) => slot)) + 1;
    const vtable = Buffer.alloc(4 + 2 * slots);
    const body = Buffer.alloc(4 + 4 * fields.length);
    vtable.writeUInt16LE(vtable.length, 0);
    vtable.writeUInt16LE(body.length, 2);
    fields.forEach(([slot, kind, value], i) => {
      vtable.writeUInt16LE(4 + 4 * i, 4 + 2 * slot);
      if (kind === 'float') body.writeFloatLE(value, 4 + 4 * i);
      else if (kind !== 'ref') body.writeIntLE(value, 4 + 4 * i, kind);
    });
    const vtableAt = this.append(vtable, 2);
    const at = this.append(body);
    this.bytes.writeInt32LE(at - vtableAt, at);
    fields.forEach(([, kind, child], i) => {
      if (kind === 'ref') this.link(at + 4 + 4 * i, child());
    });
    return at;
  }

  tables(list) {
    const at = this.append(Buffer.alloc(4 + 4 * list.length));
    this.bytes.writeUInt32LE(list.length, at);
    for (const [i, child] of list.entries()) this.link(at + 4 + 4 * i, child());
    return at;
  }

  vector(data, align = 4) {
    const bytes = bytesOf(data);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    // The elements, not the length before them, are what must lie aligned.
    while ((this.bytes.length + 4) % align) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(1)]);
    return this.append(Buffer.concat([length, bytes]), 4);
  }

  text(value) {
    const at = this.vector(Buffer.from(value));
    this.append(Buffer.alloc(1), 1);
    return at;
  }
}
