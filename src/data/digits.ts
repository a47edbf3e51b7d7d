import bytes from './digits/digits.csv.gz';
import { gunzip } from './gunzip.ts';

/** The UCI handwritten digits: 1,797 images of 8 × 8 pixels (CC BY 4.0, see `digits/README.md`). */
export interface Digits {
  /** [1797, 8, 8, 1], pixels from 0 to 1. */
  readonly images: Float32Array;
  /** [1797], 0 to 9. */
  readonly labels: Int32Array;
  readonly count: number;
}

const PIXELS = 64;
/** Pixels are counts from 0 to 16. */
const BRIGHTEST = 16;

/** Reads the digits that come with thimble. */
export async function loadDigits(): Promise<Digits> {
  const text = new TextDecoder().decode(await gunzip(bytes));
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number));
  return {
    images: Float32Array.from(rows.flatMap((row) => row.slice(0, PIXELS).map((pixel) => pixel / BRIGHTEST))),
    labels: Int32Array.from(rows, (row) => row[PIXELS] as number),
    count: rows.length,
  };
}
