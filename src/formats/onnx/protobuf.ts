import { ThimbleError } from '../../core/errors.ts';

export const damaged = (problem: string, node?: string): ThimbleError =>
  new ThimbleError('FORMAT', problem, { node, hint: 'the file is damaged, or not an ONNX model' });

const utf8 = new TextDecoder();

/**
 * Reads one protobuf message in place (https://protobuf.dev/programming-guides/encoding): `next` steps through its fields, the other methods
 * read the value of the field just found. Nothing is copied; nothing outside the message is read. Every method throws FORMAT on damaged bytes.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;
  #wire = 0;
  /** Number of the current field. */
  field = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
    this.#at = 0;
  }

  /** Steps to the next field; false at the end. The value of the field must be read or skipped before the next call. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.int();
    this.field = Math.floor(tag / 8);
    this.#wire = tag % 8;
    if (this.field === 0) throw damaged('a field has number 0');
    return true;
  }

  skip(): void {
    if (this.#wire === 0) this.int();
    else if (this.#wire === 1) this.#take(8);
    else if (this.#wire === 2) this.#take(this.int());
    else if (this.#wire === 5) this.#take(4);
    else throw damaged(`unknown wire type ${this.#wire}`);
  }

  /** A varint as a signed 64-bit number; beyond 2^53 the nearest double. */
  int(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw damaged('a number is cut off');
      const byte = this.bytes[this.#at++] as number;
      const bits = byte & 127;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift < 63) high += bits * 2 ** (shift - 28);
      else high += (bits & 1) * 2 ** 35;
      if (byte < 128) {
        const value = high * 2 ** 28 + low;
        return high >= 2 ** 35 ? (high - 2 ** 36) * 2 ** 28 + low : value;
      }
    }
    throw damaged('a number has more than 64 bits');
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  /** The bytes of a length-delimited field: a view. */
  blob(): Uint8Array {
    if (this.#wire !== 2) throw damaged(`field ${this.field} is not a message`);
    const length = this.int();
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }

  text(): string {
    return utf8.decode(this.blob());
  }

  /** Appends the integers of a repeated field, packed or not, to `list`. */
  ints(list: number[]): void {
    this.#repeated(list, () => this.int());
  }

  /** Appends the floats of a repeated field, packed or not, to `list`. */
  floats(list: number[]): void {
    this.#repeated(list, () => this.float());
  }

  /** Appends the doubles of a repeated field, packed or not, to `list`. */
  doubles(list: number[]): void {
    this.#repeated(list, () => this.#view.getFloat64(this.#take(8), true));
  }

  #repeated(list: number[], read: () => number): void {
    if (this.#wire !== 2) {
      list.push(read());
      return;
    }
    const length = this.int();
    const end = this.#at + length;
    if (length < 0 || end > this.#end) throw damaged(`a list of ${length} bytes does not fit`);
    while (this.#at < end) list.push(read());
    if (this.#at !== end) throw damaged('a list ends inside a number');
  }

  #take(count: number): number {
    const start = this.#at;
    if (count < 0 || start + count > this.#end) throw damaged(`${count} bytes are announced, ${this.#end - start} are left`);
    this.#at = start + count;
    return start;
  }
}
