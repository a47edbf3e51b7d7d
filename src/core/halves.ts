import { fromHalf } from './float16.ts';

/** Words of an image whose floats have no more bits than a half: index of the first and how many, in ascending order. */
export type HalfRuns = readonly (readonly [first: number, count: number])[];

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
export function eachPart(
  runs: HalfRuns,
  length: number,
  visit: (start: number, size: number, packedAt: number, isRun: boolean) => void,
): void {
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
