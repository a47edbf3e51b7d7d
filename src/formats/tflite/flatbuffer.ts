import { ByteBuffer } from 'flatbuffers';
import { ThimbleError } from '../../core/errors.ts';

export const damaged = (problem: string, node?: string): ThimbleError =>
  new ThimbleError('FORMAT', problem, { node, hint: 'the file is damaged, or not a TFLite model' });

const utf8 = new TextDecoder();

/** Scalars of a table, by the name of their type in the schema. */
export type Scalar = 'i8' | 'u8' | 'bool' | 'i32' | 'u32' | 'u64' | 'f32';

const sizes: Readonly<Record<Scalar, number>> = { i8: 1, u8: 1, bool: 1, i32: 4, u32: 4, u64: 8, f32: 4 };

/**
 * A flatbuffer (https://flatbuffers.dev/internals): every read is checked against the end of the file, and what is decoded in all is bounded
 * by its size, since hostile tables may share one vector a million times. Every method throws FORMAT on damaged bytes.
 */
export class FlatFile {
  readonly bytes: Uint8Array;
  // Private, so that the declarations users get do not name the package.
  readonly #buffer: ByteBuffer;
  #allowance: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#buffer = new ByteBuffer(bytes);
    this.#allowance = 8 * bytes.length + 65536;
  }

  root(): Table {
    return new Table(this, this.offset(0));
  }

  /** Takes `count` from the number of elements that may be decoded. */
  spend(count: number): void {
    this.#allowance -= count;
    if (!(this.#allowance >= 0)) throw damaged('the tables of the file decode to far more than its size');
  }

  /** `at`, where `length` bytes from it on are inside the file. */
  inside(at: number, length: number): number {
    if (!(at >= 0 && at + length <= this.bytes.length))
      throw damaged(`${length} bytes at ${at} are outside the ${this.bytes.length} of the file`);
    return at;
  }

  u16(at: number): number {
    return this.#buffer.readUint16(this.inside(at, 2));
  }

  /** Where the unsigned offset at `at` points to. */
  offset(at: number): number {
    const distance = this.#buffer.readUint32(this.inside(at, 4));
    return this.inside(at + distance, 4);
  }

  scalar(at: number, type: Scalar): number {
    this.inside(at, sizes[type]);
    switch (type) {
      case 'i8':
        return this.#buffer.readInt8(at);
      case 'u8':
      case 'bool':
        return this.#buffer.readUint8(at);
      case 'i32':
        return this.#buffer.readInt32(at);
      case 'u32':
        return this.#buffer.readUint32(at);
      case 'u64':
        return this.#buffer.readUint32(at) + this.#buffer.readUint32(at + 4) * 2 ** 32;
      case 'f32':
        return this.#buffer.readFloat32(at);
    }
  }
}

/** A table of a flatbuffer; fields are found by their number in the schema. */
export class Table {
  readonly file: FlatFile;
  readonly #at: number;
  readonly #vtable: number;
  readonly #fields: number;

  constructor(file: FlatFile, at: number) {
    this.file = file;
    this.#at = at;
    this.#vtable = file.inside(at - file.scalar(at, 'i32'), 4);
    const bytes = file.u16(this.#vtable);
    if (bytes < 4 || bytes % 2) throw damaged(`a table of fields has ${bytes} bytes`);
    file.inside(this.#vtable, bytes);
    this.#fields = (bytes - 4) / 2;
  }

  /** Position of field `id`, 0 where it is left out. */
  #field(id: number): number {
    if (id >= this.#fields) return 0;
    const distance = this.file.u16(this.#vtable + 4 + 2 * id);
    return distance && this.#at + distance;
  }

  scalar(id: number, type: Scalar, fallback = 0): number {
    const at = this.#field(id);
    return at ? this.file.scalar(at, type) : fallback;
  }

  table(id: number): Table | undefined {
    const at = this.#field(id);
    return at ? new Table(this.file, this.file.offset(at)) : undefined;
  }

  text(id: number): string {
    return utf8.decode(this.bytes(id));
  }

  /** Start and length of a vector whose elements take `width` bytes. */
  #vector(id: number, width: number): { at: number; length: number } {
    const at = this.#field(id);
    if (!at) return { at: 0, length: 0 };
    const start = this.file.offset(at);
    const length = this.file.scalar(start, 'u32');
    return { at: this.file.inside(start + 4, length * width), length };
  }

  /** The bytes of a vector of bytes or of a string, in place. */
  bytes(id: number): Uint8Array {
    const { at, length } = this.#vector(id, 1);
    return this.file.bytes.subarray(at, at + length);
  }

  numbers(id: number, type: Scalar | 'i64' | 'u16'): number[] {
    const width = type === 'i64' ? 8 : type === 'u16' ? 2 : sizes[type];
    const { at, length } = this.#vector(id, width);
    this.file.spend(length);
    const { file } = this;
    return Array.from({ length }, (_, i) => {
      const place = at + i * width;
      if (type === 'i64') return file.scalar(place, 'u32') + file.scalar(place + 4, 'i32') * 2 ** 32;
      return type === 'u16' ? file.u16(place) : file.scalar(place, type);
    });
  }

  tables(id: number): Table[] {
    const { at, length } = this.#vector(id, 4);
    this.file.spend(4 * length);
    return Array.from({ length }, (_, i) => new Table(this.file, this.file.offset(at + 4 * i)));
  }
}
