import { fromHalf } from './float16.ts';
import { eachPart, type HalfRuns } from './halves.ts';
import { toHalf } from './toHalf.ts';

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
