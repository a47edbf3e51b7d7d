import { encode } from 'fast-png';
import { checkImage, type Image } from './image.ts';

/** The image as a PNG file, without loss. */
export function encodePng(image: Image): Uint8Array {
  checkImage(image);
  return encode(image);
}
