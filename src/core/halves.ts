import { fromHalf, toHalf } from './float16.ts';

/** Words of an image whose floats have no more bits than a half: index of the first and how many, in ascending order. */
export type HalfRuns = readonly (readonly [first: number, count: number])[];

/** Shorter runs do not pay for their entry. */
const SHORTEST = 64;

/** Whether a word is a float that 16 bits hold exactly; NaN and infinity stay as they are. */
function isHalf(word: number): boolean {
  const magnitude = word & 0x7fffffff;
  if (magnitude === 0) return true;
  // 2^-14 to 65504 with ten bits behind the point.
  if (magnitude >= 0x38800000 && magnitude <= 0x477fe000) return (word & 0x1fff) === 0;
  if (magnitude < 0x33800000 || magnitude > 0x38800000) return false;
  bits[0] = word;
  return fromHalf(toHalf(float[0] as number)) === float[0];
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** `image` with its runs of short floats in 16 bits each: nothing is lost. */
export function packHalves(image: Uint8Array): { readonly runs: HalfRuns; readonly bytes: Uint8Array } {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const words = Math.floor(image.length / 4);
  const runs: [number, number][] = [];
  for (let i = 0; i < words; ) {
    let end = i;
    while (end < words && isHalf(view.getUint32(end * 4, true))) end++;
    if (end - i >= SHORTEST) runs.push([i, end - i]);
    i = end + 1;
  }
  const bytes = new Uint8Array(image.length - 2 * runs.reduce((sum, [, count]) => sum + count, 0));
  const packed = new DataView(bytes.buffer);
  eachPart(runs, image.length, (from, length, at, isRun) => {
    if (!isRun) bytes.set(image.subarray(from, from + length), at);
    else for (let i = 0; i < length / 4; i++) packed.setUint16(at + 2 * i, toHalf(view.getFloat32(from + 4 * i, true)), true);
  });
  return { runs, bytes };
}

/** The image of `length` bytes that `packHalves` packed; undefined where the runs do not fit it. */
export function unpackHalves(bytes: Uint8Array, runs: HalfRuns, length: number): Uint8Array | undefined {
  let end = 0;
  for (const [first, count] of runs) {
    if (!Number.isInteger(first) || !Number.isInteger(count) || first < end || count < 1) return undefined;
    end = first + count;
  }
  const saved = 2 * runs.reduce((sum, [, count]) => sum + count, 0);
  if (end * 4 > length || bytes.length + saved !== length) return undefined;
  const image = new Uint8Array(length);
  const packed = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const view = new DataView(image.buffer);
  eachPart(runs, length, (to, size, at, isRun) => {
    if (!isRun) image.set(bytes.subarray(at, at + size), to);
    else for (let i = 0; i < size / 4; i++) view.setFloat32(to + 4 * i, fromHalf(packed.getUint16(at + 2 * i, true)), true);
  });
  return image;
}

/** The parts of an image in order: bytes from `start` on, and where they are in the packed form. */
function eachPart(runs: HalfRuns, length: number, visit: (start: number, size: number, packedAt: number, isRun: boolean) => void): void {
  let [start, at] = [0, 0];
  for (const [first, count] of runs) {
    const plain = first * 4 - start;
    visit(start, plain, at, false);
    visit(first * 4, count * 4, at + plain, true);
    at += plain + count * 2;
    start = (first + count) * 4;
  }
  visit(start, length - start, at, false);
}
