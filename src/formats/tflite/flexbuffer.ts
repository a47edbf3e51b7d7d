import { damaged } from './flatbuffer.ts';

/** Types of values (https://flatbuffers.dev/flatbuffers_internals, FlexBuffers); those from INDIRECT on lie elsewhere. */
const [INT, UINT, FLOAT, INDIRECT, MAP, BOOL] = [1, 2, 3, 6, 9, 26];

/**
 * The numbers and bools of a FlexBuffer whose root is a map, by key: what options of custom operators consist of. Values of other types are left out.
 * @throws FORMAT where it is damaged, or no map.
 */
export function flexNumbers(bytes: Uint8Array): ReadonlyMap<string, number> {
  const reader = new Reader(bytes);
  const { length } = bytes;
  const [width, type] = [reader.unsigned(length - 1, 1), reader.unsigned(length - 2, 1)];
  if (type >> 2 !== MAP) throw damaged('the options are no map');
  return reader.map(reader.target(length - 2 - width, width), 1 << (type & 3));
}

class Reader {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #inside(at: number, width: number): number {
    if (!(at >= 0 && at + width <= this.#view.byteLength)) throw damaged('the options of a custom operator end early');
    return at;
  }

  unsigned(at: number, width: number): number {
    this.#inside(at, width);
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at, true);
    if (width === 4) return this.#view.getUint32(at, true);
    if (width === 8) return Number(this.#view.getBigUint64(at, true));
    throw damaged(`a number of ${width} bytes`);
  }

  #signed(at: number, width: number): number {
    this.#inside(at, width);
    if (width === 8) return Number(this.#view.getBigInt64(at, true));
    const bits = 32 - 8 * width;
    return (this.unsigned(at, width) << bits) >> bits;
  }

  #float(at: number, width: number): number {
    this.#inside(at, width);
    if (width === 4) return this.#view.getFloat32(at, true);
    if (width === 8) return this.#view.getFloat64(at, true);
    throw damaged(`a float of ${width} bytes`);
  }

  /** Where the offset at `at` points to: offsets count back. */
  target(at: number, width: number): number {
    return this.#inside(at - this.unsigned(at, width), 0);
  }

  /** Keys end in a zero. */
  #key(at: number): string {
    let text = '';
    for (let i = at; ; i++) {
      const code = this.unsigned(i, 1);
      if (code === 0) return text;
      if (text.length > 128) throw damaged('a key without end');
      text += String.fromCharCode(code);
    }
  }

  /** In front of the values, of `width` bytes each: where the keys are, the bytes of each of those, the length. The types follow. */
  map(at: number, width: number): ReadonlyMap<string, number> {
    const length = this.unsigned(at - width, width);
    const keyWidth = this.unsigned(at - 2 * width, width);
    const keys = this.target(at - 3 * width, width);
    this.#inside(at, length * (width + 1));
    const numbers = new Map<string, number>();
    for (let i = 0; i < length; i++) {
      const value = this.#number(at + i * width, width, this.unsigned(at + length * width + i, 1));
      if (value !== undefined) numbers.set(this.#key(this.target(keys + i * keyWidth, keyWidth)), value);
    }
    return numbers;
  }

  #number(at: number, width: number, packed: number): number | undefined {
    const type = packed >> 2;
    const isElsewhere = type >= INDIRECT && type < INDIRECT + 3;
    if (isElsewhere) return this.#direct(this.target(at, width), 1 << (packed & 3), type - INDIRECT + INT);
    return this.#direct(at, width, type);
  }

  #direct(at: number, width: number, type: number): number | undefined {
    if (type === INT) return this.#signed(at, width);
    if (type === UINT || type === BOOL) return this.unsigned(at, width);
    return type === FLOAT ? this.#float(at, width) : undefined;
  }
}
