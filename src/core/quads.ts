import { PANEL } from './panels.ts';
import { type Shape, sizeOf } from './shape.ts';

/** Weights of a column that lie side by side: what one 8-bit dot product multiplies. */
const QUAD = 4;

/** Bytes of a quad of all columns of a panel. */
const ROW = PANEL * QUAD;

/**
 * Memory shape of 8-bit weights of logical `shape` (output axis last): `[groups, panels, quads, 32]`. A panel has 8 output columns; a quad holds,
 * for each of them, 4 neighbouring weights of the sum. The sum is cut into `runs` of equal length (the pieces of a window that are
 * contiguous in the image), each padded with zeros to whole quads. One layout serves all flavours.
 */
export function quadShape(shape: Shape, groups = 1, runs = 1): [number, number, number, number] {
  const columns = (shape.at(-1) as number) / groups;
  const length = sizeOf(shape.slice(0, -1)) / runs;
  return [groups, Math.ceil(columns / PANEL), runs * Math.ceil(length / QUAD), ROW];
}

/** Calls `visit(rowMajorIndex, quadIndex)` for every weight. */
function eachWeight(shape: Shape, groups: number, runs: number, visit: (row: number, quad: number) => void): void {
  const [, panels, quads] = quadShape(shape, groups, runs);
  const columns = shape.at(-1) as number;
  const perGroup = columns / groups;
  const length = sizeOf(shape.slice(0, -1)) / runs;
  for (let run = 0; run < runs; run++) {
    for (let k = 0; k < length; k++) {
      const quad = run * (quads / runs) + Math.floor(k / QUAD);
      for (let n = 0; n < columns; n++) {
        const column = n % perGroup;
        const panel = Math.floor(n / perGroup) * panels + Math.floor(column / PANEL);
        visit((run * length + k) * columns + n, (panel * quads + quad) * ROW + (column % PANEL) * QUAD + (k % QUAD));
      }
    }
  }
}

type Numbers = Int8Array | Float64Array;

/** Row-major weights → quads. */
export function packQuads<T extends Numbers>(data: T, shape: Shape, groups = 1, runs = 1): T {
  const packed = new (data.constructor as new (n: number) => T)(sizeOf(quadShape(shape, groups, runs)));
  eachWeight(shape, groups, runs, (row, quad) => {
    packed[quad] = data[row] as number;
  });
  return packed;
}

/** Quads → row-major weights; the padding is dropped. */
export function unpackQuads<T extends Numbers>(packed: T, shape: Shape, groups = 1, runs = 1): T {
  const data = new (packed.constructor as new (n: number) => T)(sizeOf(shape));
  eachWeight(shape, groups, runs, (row, quad) => {
    data[row] = packed[quad] as number;
  });
  return data;
}

/** Memory shape of 4-bit weights [K, columns], K whole quads: `[panels, quads, 16]`. A byte holds weights of two columns, 4 apart, each plus 8. */
export function nibbleShape(shape: Shape): [number, number, number] {
  const [, panels, quads] = quadShape(shape);
  return [panels, quads, ROW / 2];
}

/** Row-major weights in -8..7 → pairs in bytes: of columns 0 to 3 in the low halves, of columns 4 to 7 in the high ones. */
export function packNibbles<T extends Numbers>(data: T, shape: Shape): T {
  const quads = packQuads(data, shape);
  const packed = new (data.constructor as new (n: number) => T)(quads.length / 2);
  for (let i = 0; i < packed.length; i++) {
    const at = Math.floor(i / (ROW / 2)) * ROW + (i % (ROW / 2));
    const byte = ((quads[at] as number) + 8) | (((quads[at + ROW / 2] as number) + 8) << 4);
    packed[i] = (byte << 24) >> 24;
  }
  return packed;
}

/** Pairs in bytes → row-major weights. */
export function unpackNibbles<T extends Numbers>(packed: T, shape: Shape): T {
  const quads = new (packed.constructor as new (n: number) => T)(packed.length * 2);
  for (let i = 0; i < packed.length; i++) {
    const at = Math.floor(i / (ROW / 2)) * ROW + (i % (ROW / 2));
    const byte = (packed[i] as number) & 255;
    quads[at] = (byte & 15) - 8;
    quads[at + ROW / 2] = (byte >> 4) - 8;
  }
  return unpackQuads(quads, shape);
}

/**
 * Memory shape of depthwise weights of logical `shape` [kernelHeight, kernelWidth, channels]: `[blocks of 8 channels, kernelWidth, quads, 32]`.
 * A quad holds 4 taps of one kernel column, top to bottom.
 */
export const depthwiseQuadShape = ([height, width, channels]: Shape): [number, number, number, number] => [
  Math.ceil((channels as number) / PANEL),
  width as number,
  Math.ceil((height as number) / QUAD),
  ROW,
];

function eachTap(shape: Shape, visit: (row: number, quad: number) => void): void {
  const [height, width, channels] = shape as readonly [number, number, number];
  const [, , quads] = depthwiseQuadShape(shape);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        const quad = (Math.floor(c / PANEL) * width + x) * quads + Math.floor(y / QUAD);
        visit((y * width + x) * channels + c, quad * ROW + (c % PANEL) * QUAD + (y % QUAD));
      }
    }
  }
}

/** Row-major depthwise weights → quads. */
export function packDepthwiseQuads<T extends Numbers>(data: T, shape: Shape): T {
  const packed = new (data.constructor as new (n: number) => T)(sizeOf(depthwiseQuadShape(shape)));
  eachTap(shape, (row, quad) => {
    packed[quad] = data[row] as number;
  });
  return packed;
}

/** Quads → row-major depthwise weights. */
export function unpackDepthwiseQuads<T extends Numbers>(packed: T, shape: Shape): T {
  const data = new (packed.constructor as new (n: number) => T)(sizeOf(shape));
  eachTap(shape, (row, quad) => {
    data[row] = packed[quad] as number;
  });
  return data;
}

/** What the kernels add to 8-bit inputs, which they multiply as unsigned. */
export const INPUT_OFFSET = 128;

/**
 * The bias of a sum over (x + 128) · w that equals bias + Σ (x - zero) · w: bias - (zero + 128) Σ w per output channel (the last axis of `weights`).
 */
export function foldedBias(weights: Int8Array | Int16Array, channels: number, zero: number, bias?: ArrayLike<number>): Int32Array {
  const sums = new Int32Array(channels);
  for (let row = 0; row < weights.length; row += channels)
    for (let c = 0; c < channels; c++) sums[c] = (sums[c] as number) + (weights[row + c] as number);
  return sums.map((sum, c) => (bias?.[c] ?? 0) - (zero + INPUT_OFFSET) * sum);
}
