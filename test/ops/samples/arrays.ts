import { anyType, f32, f32AndI32, i8, i32, indexes, LENGTHS, ranged, type Sample, type SampleInput, type Samples } from './sample.ts';

const reductions = (): Sample[] => [
  ...LENGTHS.map((n) => ({ inputs: [f32(3, n)], attrs: { axes: [1] } })),
  { inputs: [f32(2, 0, 3)], attrs: { axes: [0, 2] } },
  { inputs: [f32(0, 2, 3)], attrs: { axes: [0, 2] } },
  ...LENGTHS.map((n) => ({ inputs: [f32(5, n)], attrs: { axes: [0], keepDims: true } })),
  { inputs: [f32(2, 3, 4, 5)], attrs: { axes: [0, 2] } },
  { inputs: [f32(2, 3, 4, 5)], attrs: { axes: [-1, 1], keepDims: true } },
  { inputs: [f32(2, 3, 4)] },
];

const extrema: Sample[] = [
  ...LENGTHS.filter((n) => n > 0).map((n) => ({ inputs: [f32(3, n)] })),
  { inputs: [f32(2, 5, 3)], attrs: { axis: 1, keepDims: true } },
];

const pads = [
  [
    [0, 0],
    [2, 1],
    [1, 3],
    [0, 0],
  ],
  [
    [1, 0],
    [0, 2],
    [2, 2],
    [1, 1],
  ],
];
const padShape = [2, 4, 5, 3];
const padded = pads.map((p) => padShape.map((n, i) => n + (p[i]?.[0] ?? 0) + (p[i]?.[1] ?? 0)));
const modes = ['constant', 'reflect', 'edge', 'wrap'];
/** Longer than their axis: `wrap` goes round several times. */
const longPads = [
  [0, 0],
  [9, 6],
  [0, 11],
  [7, 0],
];

/** Zeros and ones. */
const bits = (...shape: number[]): SampleInput => ({ shape, dtype: 'i32', range: [0, 2] });

const whole = (count: number) => Array.from({ length: count }, (_, i) => ((i * 37) % 200) - 100);
/** x with one step for all, one a column, one a column of each block: ranges that the elements leave. */
const steps = [
  ...LENGTHS.map((n) => ({ inputs: [f32(n), ranged(0.005, 0.02, 1), { shape: [1], values: [-30] }], attrs: { low: -128, high: 127 } })),
  ...[1, 2, 3, 4, 5, 7, 9].map((n) => ({
    inputs: [f32(3, 2, n), ranged(0.005, 0.03, n), { shape: [n], values: whole(n) }],
    attrs: { low: -127, high: 127 },
  })),
  { inputs: [f32(2, 3, 5, 8), ranged(0.005, 0.03, 2, 3, 1, 8), { shape: [2, 3, 1, 8], values: whole(48) }], attrs: { low: -7, high: 7 } },
  { inputs: [f32(1, 3, 2, 8), ranged(0.005, 0.03, 1, 3, 1, 8), { shape: [1, 3, 1, 8], values: whole(24) }], attrs: {} },
  { inputs: [f32(0, 4), ranged(0.01, 0.02, 4), { shape: [4], values: whole(4) }], attrs: {} },
];

export const arrays: Samples = {
  reduceSum: f32AndI32(reductions()),
  reduceMean: reductions(),
  reduceMax: f32AndI32(reductions()),
  reduceMin: f32AndI32(reductions()),
  reduceProd: f32AndI32(reductions()),
  reduceSquares: reductions(),
  argMax: f32AndI32(extrema),
  argMin: f32AndI32(extrema),
  cumulative: [false, true].flatMap((exclusive) =>
    [false, true].flatMap((reverse) =>
      (['sum', 'prod'] as const).flatMap((mode) =>
        f32AndI32([
          ...[0, 1, 5, 9].map((n) => ({ inputs: [f32(n)], attrs: { mode, exclusive, reverse } })),
          { inputs: [f32(2, 5, 3)], attrs: { mode, axis: 1, exclusive, reverse } },
          ...(mode === 'sum' ? [] : [{ inputs: [f32(3, 7)], attrs: { mode: 'sum', axis: -1, exclusive, reverse } }]),
        ]),
      ),
    ),
  ),
  topK: [true, false].flatMap((largest) =>
    f32AndI32([
      ...LENGTHS.map((n) => ({ inputs: [f32(3, n)], attrs: { k: Math.ceil(n / 2), largest } })),
      { inputs: [f32(40)], attrs: { k: 0, largest } },
      { inputs: [f32(2, 0, 3)], attrs: { k: 2, largest } },
      { inputs: [f32(2, 33, 3)], attrs: { k: 33, axis: 1, largest } },
      { inputs: [f32(7, 5)], attrs: { k: 3, axis: -2, largest } },
    ]),
  ),
  nonZero: [{ inputs: [f32(5)] }, ...LENGTHS.map((n) => ({ inputs: [bits(n)] })), { inputs: [bits(2, 3, 4)] }, { inputs: [bits()] }],
  unique: [true, false].flatMap((sorted) =>
    f32AndI32([
      ...LENGTHS.flatMap((n) => [
        { inputs: [f32(n, 1)], attrs: { sorted } },
        { inputs: [bits(n, 3)], attrs: { sorted } },
      ]),
      { inputs: [f32(4, 0)], attrs: { sorted } },
    ]),
  ),
  scatter: f32AndI32(
    ['none', 'mul', 'min', 'max', 'add'].flatMap((reduction) => [
      { inputs: [f32(5), indexes(5, 0), f32(0)], attrs: { reduction } },
      { inputs: [f32(5, 0), indexes(5, 3), f32(3, 0)], attrs: { reduction } },
      { inputs: [f32(0, 2), indexes(5, 3), f32(3, 2)], attrs: { reduction } },
      ...[1, 2, 4, 9].map((n) => ({ inputs: [f32(7), indexes(7, n), f32(n)], attrs: { reduction } })),
      // Some indexes are outside.
      ...[1, 3].map((inner) => ({ inputs: [f32(4, inner), i32(12), f32(12, inner)], attrs: { reduction } })),
    ]),
  ),
  copy: anyType(LENGTHS.map((n) => ({ inputs: [f32(n)] }))),
  reshape: anyType([{ inputs: [f32(2, 6)], attrs: { shape: [3, -1] } }]),
  broadcast: anyType([
    { inputs: [f32(3, 1)], attrs: { shape: [2, 3, 4] } },
    { inputs: [f32()], attrs: { shape: [5] } },
    { inputs: [f32(5)], attrs: { shape: [5] } },
    { inputs: [f32(2, 1, 3, 1, 2, 1, 2, 1)], attrs: { shape: [2, 3, 3, 2, 2, 2, 2, 3] } },
  ]),
  transpose: anyType([
    { inputs: [f32(2, 3, 4, 5)], attrs: { perm: [0, 2, 3, 1] } },
    { inputs: [f32(2, 3, 4, 5)], attrs: { perm: [3, 1, 0, 2] } },
    { inputs: [f32(7, 9)] },
    { inputs: [f32(3, 0, 2)], attrs: { perm: [2, 1, 0] } },
    { inputs: [f32(2, 3, 2, 2, 1, 3, 2, 2)] },
  ]),
  bitcast: [
    ...LENGTHS.map((n) => ({ inputs: [f32(n)], attrs: { to: 'i32' } })),
    ...LENGTHS.map((n) => ({ inputs: [{ shape: [n], dtype: 'i32' as const, range: [1e9, 1.1e9] as const }] })),
    { inputs: [f32(2, 3)] },
    { inputs: [i32(3, 2)], attrs: { to: 'i32' } },
  ],
  slice: anyType([
    { inputs: [f32(3, 4, 12)], attrs: { starts: [1, 0, 4], sizes: [2, 4, 8] } },
    { inputs: [f32(4, 5, 6)], attrs: { starts: [1, 0, 2], sizes: [2, 5, 3] } },
    { inputs: [f32(4, 5)], attrs: { starts: [3, 4], sizes: [2, 3], steps: [-2, -2] } },
    { inputs: [f32(4, 5)], attrs: { starts: [0, 1], sizes: [0, 2] } },
  ]),
  sliceGrad: [
    { inputs: [f32(2, 5, 3)], attrs: { starts: [1, 0, 2], sizes: [2, 5, 3], shape: [4, 5, 6] } },
    { inputs: [f32(2, 3)], attrs: { starts: [3, 4], sizes: [2, 3], steps: [-2, -2], shape: [4, 5] } },
  ],
  concat: anyType([
    ...LENGTHS.map((n) => ({ inputs: [f32(2, 3), f32(2, n), f32(2, 5)], attrs: { axis: -1 } })),
    { inputs: [f32(2, 3), f32(1, 3)], attrs: { axis: 0 } },
    { inputs: [f32(2, 1, 3), f32(2, 4, 3)], attrs: { axis: 1 } },
  ]),
  gather: anyType([
    { inputs: [f32(5, 70), indexes(5, 3)] },
    { inputs: [f32(5, 4), indexes(5, 3, 2)] },
    { inputs: [f32(2, 6, 3), indexes(6, 4)], attrs: { axis: 1 } },
    { inputs: [f32(5, 4), { shape: [6], dtype: 'i32', range: [-3, 9] }] },
  ]),
  gatherGrad: [
    { inputs: [f32(3, 2, 4), indexes(5, 3, 2)], attrs: { shape: [5, 4] } },
    { inputs: [f32(2, 4, 3), indexes(6, 4)], attrs: { axis: 1, shape: [2, 6, 3] } },
  ],
  pad: [
    { inputs: [i32(...padShape)], attrs: { pads: pads[0], value: -(2 ** 31) } },
    { inputs: [i8(...padShape)], attrs: { pads: pads[1], value: -128 } },
    ...anyType([
      { inputs: [f32(...padShape)], attrs: { pads: longPads, mode: 'wrap' } },
      ...modes.flatMap((mode) => pads.map((p) => ({ inputs: [f32(...padShape)], attrs: { pads: p, mode, value: 3 } }))),
    ]),
  ],
  padGrad: modes.flatMap((mode) =>
    pads.map((p, i) => ({ inputs: [f32(...(padded[i] as number[]))], attrs: { pads: p, mode, shape: padShape } })),
  ),
  dropout: LENGTHS.map((n) => ({ inputs: [f32(n), indexes(99), indexes(99)], attrs: { rate: 0.3, salt: 7 } })),
  fakeQuantize: steps,
  fakeQuantizeGrad: steps.map(({ inputs, attrs }) => ({ inputs: [...inputs, f32(...(inputs[0] as SampleInput).shape)], attrs })),
  clipScale: [
    { inputs: [{ shape: [], range: [5, 9] }], attrs: { limit: 1.5 } },
    { inputs: [{ shape: [], range: [0, 0.1] }], attrs: { limit: 1.5 } },
  ],
};
