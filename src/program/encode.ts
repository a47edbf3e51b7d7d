import { alignUp } from '../core/bytes.ts';
import { packHalves } from '../core/packHalves.ts';
import { MAGIC, VERSION } from './decode.ts';
import type { Program } from './format.ts';

/**
 * A program as a `.thimble` file: `THIM`, version and manifest length (u32, little endian), the manifest (JSON), padding to 16 bytes, the
 * image, in which runs of floats that 16 bits hold take 16 bits (`halves` in the manifest). `decode` reads it back.
 */
export function encode(program: Program): Uint8Array {
  const { image, ...manifest } = program;
  const { runs: halves, bytes: packed } = packHalves(image);
  const json = new TextEncoder().encode(JSON.stringify({ ...manifest, ...(halves.length && { halves }) }));
  const imageAt = alignUp(12 + json.length);
  const bytes = new Uint8Array(imageAt + packed.length);
  const header = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  header.setUint32(4, VERSION, true);
  header.setUint32(8, json.length, true);
  bytes.set(json, 12);
  bytes.set(packed, imageAt);
  return bytes;
}
