import { fixedPoint } from '../../../src/core/fixedPoint.ts';
import { packQuads, quadShape } from '../../../src/core/quads.ts';
import { Random } from '../../../src/core/random.ts';
import type { Shape } from '../../../src/core/shape.ts';
import { conv2dInt8 as conv2dInt8Op } from '../../../src/ops/conv2dInt8.ts';
import { realFactor } from '../../../src/ops/conv2dInt16.ts';
import { depthwiseConv2dInt8 as depthwiseConv2dInt8Op } from '../../../src/ops/depthwiseConv2dInt8.ts';
import { columnScales } from '../../../src/ops/dequantizeColumns.ts';
import { dynamicOffsets, paddedUnits } from '../../../src/ops/linearDynamicInt8.ts';
import { columnTotals } from '../../../src/ops/linearScaledInt8.ts';
import { packWeights, scaleShape, weightShape } from '../../../src/ops/linearWeights.ts';
import { logSoftmaxScaling } from '../../../src/ops/logSoftmaxInt8.ts';
import { softmaxScaling } from '../../../src/ops/softmaxInt8.ts';
import { softmaxTables } from '../../../src/ops/softmaxInt16.ts';
import { i8, LENGTHS, type Sample, type SampleInput, type Samples } from './sample.ts';
import { scaledConvolutions } from './scaledConvolutions.ts';

const ROUNDINGS = ['double', 'single', 'float'] as const;
type Rounding = (typeof ROUNDINGS)[number];

/** Factors of sums of `count` products: most results are inside the limits, some at them. */
function factors(rounding: Rounding, channels: number, count: number): SampleInput[] {
  const factor = (c: number) => ((1 + (c % 5)) * 0.01) / Math.sqrt(Math.max(1, count));
  const fixed = Array.from({ length: channels }, (_, c) => fixedPoint(factor(c)));
  const shape = [channels];
  if (rounding === 'float') return [{ shape, values: fixed.map((_, c) => Math.fround(factor(c))) }];
  return [
    { shape, dtype: 'i32', values: fixed.map(({ multiplier }) => multiplier) },
    { shape, dtype: 'i32', values: fixed.map(({ shift }) => shift) },
  ];
}
const i32 = (range: number, ...shape: number[]): SampleInput => ({ shape, dtype: 'i32', range: [-range, range] });
const quads = (shape: Shape, groups = 1, runs = 1): SampleInput => ({ ...i8(...shape), quads: { groups, runs } });

interface Convolution {
  readonly x: readonly [number, number, number, number];
  readonly attrs: {
    readonly kernel: readonly [number, number];
    readonly groups?: number;
    readonly filters: number;
    readonly dilations?: readonly [number, number];
  } & Record<string, unknown>;
}
const convolutions: Convolution[] = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], filters: 4, padding: 'same' } },
  { x: [1, 7, 8, 5], attrs: { kernel: [3, 2], filters: 9, padding: 'same', strides: [2, 2] } },
  { x: [2, 9, 7, 4], attrs: { kernel: [3, 3], filters: 6, groups: 2, dilations: [2, 1], padding: 'valid' } },
  { x: [1, 9, 9, 5], attrs: { kernel: [2, 3], filters: 11, dilations: [1, 3], padding: 'same' } },
  { x: [1, 6, 6, 6], attrs: { kernel: [2, 3], filters: 6, groups: 3, padding: [1, 0, 2, 1], strides: [1, 2] } },
  { x: [3, 4, 5, 7], attrs: { kernel: [1, 1], filters: 10 } },
  { x: [1, 4, 4, 8], attrs: { kernel: [1, 1], filters: 8, strides: [2, 2] } },
  { x: [1, 2, 3, 2], attrs: { kernel: [5, 5], filters: 3, padding: 'same' } },
  { x: [1, 12, 30, 16], attrs: { kernel: [3, 3], filters: 16, padding: 'same' } },
  { x: [1, 30, 5, 2], attrs: { kernel: [3, 2], filters: 4, dilations: [2, 1], padding: [1, -1, 1, 1] } },
  { x: [2, 40, 4, 1], attrs: { kernel: [5, 4], filters: 3, strides: [1, 2], padding: [0, 3, 1, 1] } },
  { x: [1, 13, 17, 40], attrs: { kernel: [1, 1], filters: 21 } },
  { x: [1, 3, 11, 8], attrs: { kernel: [3, 3], filters: 8, padding: 'valid' } },
  // In tiles: across images and rows, with every tail, padding on one side, a crop.
  { x: [3, 9, 11, 24], attrs: { kernel: [3, 3], filters: 19, padding: [0, 2, 1, 1] } },
  { x: [1, 12, 14, 16], attrs: { kernel: [3, 3], filters: 16, padding: [-1, 1, 1, -1] } },
  { x: [2, 4, 4, 128], attrs: { kernel: [3, 3], filters: 17, padding: 'same' } },
];

const requantized = (rounding: Rounding, i: number) => ({
  rounding,
  xZero: [0, -128, 127, 5][i % 4] as number,
  yZero: [0, -128, 127, -4][(i >> 1) % 4] as number,
  ...(i % 3 === 1 ? { low: -100, high: 90 } : {}),
});

const conv2dInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  convolutions.map(({ x, attrs }, i) => {
    const groups = attrs.groups ?? 1;
    const depth = (attrs.kernel[0] * attrs.kernel[1] * x[3]) / groups;
    const runs = groups === 1 && (attrs.dilations?.[1] ?? 1) === 1 ? attrs.kernel[0] : attrs.kernel[0] * attrs.kernel[1];
    const w = quads([...attrs.kernel, x[3] / groups, attrs.filters], groups, runs);
    const channels = i % 4 === 3 ? 1 : attrs.filters;
    return {
      inputs: [i8(...x), w, i32(4000, attrs.filters), ...factors(rounding, channels, depth)],
      attrs: { ...attrs, ...requantized(rounding, i) },
    };
  }),
);

/** Layers of 8 bits in bands of one row, of some and of all: one that reads rows again, one that reads every other, crops and padding of whole bands. */
export const chainsInt8: Sample[] = ROUNDINGS.flatMap((rounding, i) => {
  const stage = (op: { readonly name: string; readonly attrs: object }, attrs: object, operands: readonly SampleInput[]) => ({
    stage: { op: op.name, attrs: { ...op.attrs, ...attrs, ...requantized(rounding, i) }, operands: operands.length },
    operands,
  });
  const conv = (kernel: readonly [number, number], from: number, filters: number, more: object) =>
    stage(conv2dInt8Op, { kernel, filters, ...more }, [
      quads([...kernel, from, filters], 1, kernel[0]),
      i32(4000, filters),
      ...factors(rounding, filters, kernel[0] * kernel[1] * from),
    ]);
  const depthwise = (channels: number, more: object) =>
    stage(depthwiseConv2dInt8Op, { kernel: [3, 3], ...more }, [
      { ...i8(3, 3, channels), quads: 'depthwise' as const },
      i32(4000, channels),
      ...factors(rounding, 1, 9),
    ]);
  const networks = [
    {
      x: i8(1, 11, 9, 5),
      links: [conv([3, 3], 5, 16, { padding: 'same' }), depthwise(16, { padding: 'same', strides: [2, 2] }), conv([1, 1], 16, 10, {})],
    },
    { x: i8(1, 12, 6, 5), links: [depthwise(5, { padding: [-2, 1, 1, 1] }), conv([4, 1], 5, 7, { padding: [-1, 6, 0, 0] })] },
    { x: i8(1, 9, 7, 8), links: [conv([1, 1], 8, 24, {}), depthwise(24, { padding: 'same' }), conv([2, 2], 24, 9, { strides: [3, 1] })] },
  ];
  return networks.flatMap(({ x, links }) =>
    [1, 600, 1e9].map((bandBytes) => ({
      inputs: [x, ...links.flatMap(({ operands }) => operands)],
      attrs: { stages: links.map(({ stage }) => stage), bandBytes },
    })),
  );
});

const linearInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  [
    ...LENGTHS.filter((n) => n > 0).map((n) => [3, n, 5]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [n, 6, 9]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [1, 13, n]),
    [1, 6, 160],
    [1, 7, 333],
    [0, 3, 4],
    [2, 700, 3],
  ].map(([rows, depth, units], i) => ({
    inputs: [
      i8(rows as number, depth as number),
      quads([depth as number, units as number]),
      i32(4000, units as number),
      ...factors(rounding, units as number, depth as number),
    ],
    attrs: { units, ...requantized(rounding, i) },
  })),
);

const linearRowsInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  [
    ...LENGTHS.map((n) => [3, n, 4]),
    ...LENGTHS.slice(0, 6).map((n) => [n, 13, 3]),
    ...LENGTHS.map((n) => [1, 43, n]),
    [2, 37, 0],
    [1, 4000, 4],
    [2, 95, 9],
  ].map(([rows, depth, units], i) => ({
    inputs: [
      i8(rows as number, depth as number),
      i8(units as number, depth as number),
      i32(4000, units as number),
      ...factors(rounding, i % 4 === 3 ? 1 : (units as number), depth as number),
    ],
    attrs: { rounding, yZero: [0, -128, 127, -4][i % 4] as number, ...(i % 3 === 1 ? { low: -100, high: 90 } : {}) },
  })),
);

const depthwiseConv2dInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  [
    { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], padding: 'same' }, channels: 3 },
    { x: [1, 7, 7, 9], attrs: { kernel: [3, 3], strides: [2, 2], padding: 'same' }, channels: 9 },
    { x: [1, 6, 5, 4], attrs: { kernel: [2, 3], dilations: [2, 1], multiplier: 2 }, channels: 8 },
    { x: [1, 9, 8, 16], attrs: { kernel: [3, 3], padding: 'same' }, channels: 16 },
    { x: [1, 8, 9, 24], attrs: { kernel: [3, 3], strides: [2, 2], padding: [0, 1, 0, 1] }, channels: 24 },
    { x: [1, 8, 7, 11], attrs: { kernel: [5, 5], padding: 'same' }, channels: 11 },
    { x: [1, 12, 3, 8], attrs: { kernel: [9, 1], padding: 'same' }, channels: 8 },
    { x: [1, 3, 12, 8], attrs: { kernel: [1, 4], dilations: [1, 2], padding: 'same' }, channels: 8 },
    { x: [1, 1, 1, 17], attrs: { kernel: [3, 3], padding: 'same' }, channels: 17 },
    { x: [1, 6, 6, 1], attrs: { kernel: [4, 5], multiplier: 8, padding: 'same' }, channels: 8 },
    { x: [1, 7, 6, 32], attrs: { kernel: [3, 3], padding: [-1, 0, 2, -1] }, channels: 32 },
  ].map(({ x, attrs, channels }, i) => ({
    inputs: [
      i8(...x),
      { ...i8(...(attrs.kernel as number[]), channels), quads: 'depthwise' as const },
      i32(4000, channels),
      ...factors(rounding, i % 4 === 2 ? 1 : channels, (attrs.kernel[0] as number) * (attrs.kernel[1] as number)),
    ],
    attrs: { ...attrs, ...requantized(rounding, i) },
  })),
).concat(
  // Every one of the 4 taps of a quad is there, so any bytes are weights.
  ROUNDINGS.map((rounding, i) => ({
    inputs: [i8(1, 6, 7, 8), i8(2, 3, 1, 32), i32(4000, 8), ...factors(rounding, 8, 12)],
    attrs: { kernel: [4, 3], padding: 'same', parts: 2, ...requantized(rounding, i) },
  })),
);

const matmulInt8: Sample[] = [
  ...LENGTHS.map((n) => ({ a: [2, 3, n], b: [2, n, 5] })),
  ...LENGTHS.map((n) => ({ a: [n, 6], b: [6, 9] })),
  ...LENGTHS.map((n) => ({ a: [5, 13], b: [13, n] })),
  ...LENGTHS.map((n) => ({ a: [n, 7], b: [17, n], transposeA: true, transposeB: true })),
  ...LENGTHS.map((n) => ({ a: [2, 1, 3, 11], b: [4, n, 11], transposeB: true })),
  { a: [3, 1, 9, 5], b: [1, 4, 9, 8], transposeA: true },
  { a: [70, 700], b: [700, 20] },
].map(({ a, b, ...turned }, i) => ({
  inputs: [i8(...a), i8(...b), { shape: [1], values: [Math.fround(0.02 / Math.sqrt(Math.max(1, a.at(-1) as number)))] }],
  attrs: {
    ...turned,
    aZero: [0, -128, 127, 9][i % 4],
    bZero: [0, -5, 127, -128, 0][i % 5],
    yZero: [0, 3, -128][i % 3],
    ...(i % 4 === 1 ? { low: -100, high: 90 } : {}),
  },
}));

/** The ends of i32, and factors that shift left, not at all and far right. */
const extremes = [-(2 ** 31), 2 ** 31 - 1, -(2 ** 30), 2 ** 30, -1, 0, 1, 2 ** 24 - 1, -(2 ** 24) - 1, 1000, -1001, 255, -257];
const requantize: Sample[] = ROUNDINGS.flatMap((rounding) => [
  ...LENGTHS.map((n) => ({
    inputs: [i32(20000, 3, n), ...factors(rounding, n, 1)],
    attrs: { rounding, yZero: 3, low: -120, high: 100 },
  })),
  { inputs: [i32(20000, 5, 7), ...factors(rounding, 1, 1)], attrs: { rounding, yZero: -128 } },
  ...[2 ** -30, 2 ** -24, 2 ** -16, 2 ** -9, 0.4999999, 0.5, 0.75, 1, 3, 2 ** 12].map((factor) => {
    const { multiplier, shift } = fixedPoint(factor);
    return {
      inputs: [
        { shape: [extremes.length], dtype: 'i32' as const, values: extremes },
        ...(rounding === 'float'
          ? [{ shape: [1], values: [Math.fround(factor)] }]
          : [
              { shape: [1], dtype: 'i32' as const, values: [multiplier] },
              { shape: [1], dtype: 'i32' as const, values: [shift] },
            ]),
      ],
      attrs: { rounding, yZero: 1 },
    };
  }),
]);

const operands: [SampleInput, SampleInput][] = [
  ...LENGTHS.map((n): [SampleInput, SampleInput] => [i8(n), i8(n)]),
  [i8(3, 40), i8(40)],
  [i8(1), i8(2, 33)],
  [i8(2, 3, 1, 5), i8(3, 4, 5)],
  [i8(4, 19), i8(4, 1)],
];
const addInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  operands.map((inputs, i) => ({
    inputs,
    attrs: {
      rounding,
      subtract: i % 2 === 1,
      leftShift: 20,
      aZero: -7,
      bZero: 128 - 3 * i > -128 ? Math.min(127, 128 - 3 * i) : 0,
      a: fixedPoint(0.5),
      b: fixedPoint(0.31),
      y: fixedPoint(2 ** -19 * 0.8),
      aScale: 0.8,
      bScale: 0.496,
      arithmetic: (['uint8', 'int8', 'float', 'float'] as const)[i % 4],
      yZero: i % 3 ? 5 : -128,
      ...(i % 4 ? {} : { low: -20, high: 30 }),
    },
  })),
);
const mulInt8: Sample[] = ROUNDINGS.flatMap((rounding) =>
  operands.map((inputs, i) => ({
    inputs,
    attrs: {
      rounding,
      aZero: -128,
      bZero: 4,
      y: fixedPoint(0.0061),
      aScale: 0.0061,
      arithmetic: (['uint8', 'int8', 'float'] as const)[i % 3],
      yZero: i % 3 ? 5 : -128,
    },
  })),
);

const pools: Sample[] = [1, 3, 16, 21].flatMap((channels) => [
  { inputs: [i8(2, 6, 7, channels)], attrs: { kernel: [2, 2], strides: [2, 2] } },
  { inputs: [i8(1, 6, 7, channels)], attrs: { kernel: [3, 3], strides: [2, 2], padding: 'same', low: -50, high: 20 } },
  { inputs: [i8(1, 5, 6, channels)], attrs: { kernel: [5, 6], strides: [1, 1] } },
]);

const i32Values = (...values: number[]): SampleInput => ({ shape: [values.length], dtype: 'i32', values });

/** Sums of 64 and of 32 bits, with factors from tiny to 1. */
const conv2dInt16: Sample[] = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], filters: 4, padding: 'same' } },
  { x: [1, 6, 7, 4], attrs: { kernel: [2, 3], filters: 6, groups: 2, strides: [2, 1], dilations: [1, 2], padding: [1, 0, 2, 1] } },
  { x: [1, 1, 5, 70], attrs: { kernel: [1, 1], filters: 3 } },
  { x: [1, 4, 4, 5], attrs: { kernel: [3, 3], filters: 5, groups: 5, padding: 'same' } },
  { x: [1, 5, 4, 19], attrs: { kernel: [3, 3], filters: 19, groups: 19, strides: [1, 2], padding: 'same' } },
  { x: [2, 4, 5, 7], attrs: { kernel: [3, 3], filters: 13, dilations: [1, 2], padding: 'same' } },
  { x: [1, 1, 6, 1001], attrs: { kernel: [1, 1], filters: 8 } },
  { x: [1, 24, 25, 9], attrs: { kernel: [24, 25], filters: 9, groups: 9 } },
  { x: [1, 1, 1, 24], attrs: { kernel: [1, 1], filters: 17 } },
  // All products are 2^22.
  { x: [1, 1, 6, 1001], attrs: { kernel: [1, 1], filters: 8 }, isLargest: true },
  { x: [1, 24, 25, 9], attrs: { kernel: [24, 25], filters: 9, groups: 9 }, isLargest: true },
].flatMap(({ x, attrs, isLargest = false }, i) =>
  (isLargest ? (['wide', 'real'] as const) : (['wide', 'real', 'double'] as const)).map((rounding) => {
    const wide = rounding !== 'double';
    const groups = attrs.groups ?? 1;
    const factor = (f: number) =>
      (rounding === 'real' ? realFactor : fixedPoint)(2 ** -(isLargest ? 18 + f : 6 + 3 * ((f + i) % 4)) * (f % 3 ? 0.77 : 0.5));
    const each = Array.from({ length: attrs.filters }, (_, f) => factor(f));
    const w = [...attrs.kernel, (x[3] as number) / groups, attrs.filters];
    return {
      inputs: [
        isLargest ? { shape: x, dtype: 'i32' as const, range: [-32768, -32767] as const } : i32(wide ? 32768 : 128, ...x),
        isLargest ? { shape: w, dtype: 'i8' as const, range: [-128, -127] as const } : i8(...w),
        i32(40000, attrs.filters),
        i32Values(...each.map(({ multiplier }) => multiplier)),
        i32Values(...each.map(({ shift }) => shift)),
      ],
      attrs: { ...attrs, rounding, ...(wide ? {} : { xZero: -5, yZero: 12, low: -3000 }) },
    };
  }),
);

/** Widths and units cover all tails of the products; factors take sums to steps of gates that are neither all small nor all saturated. */
const lstmInt8: Sample[] = [-11, -12, -15].flatMap((cellScale, round) =>
  [
    [1, 1, 1, 1],
    [2, 5, 7, 3],
    [1, 3, 28, 20],
    [3, 2, 0, 17],
    [2, 0, 4, 8],
    [0, 3, 4, 8],
    [1, 4, 13, 130],
  ].map(([batch, steps, width, units], i) => {
    const [coupled, timeMajor] = [(i + round) % 3 === 1, (i + round) % 2 === 1];
    const gates = coupled ? 3 : 4;
    const sized = (from: number) => Array.from({ length: gates }, (_, g) => fixedPoint(from / (1 + g)));
    const [x, h] = [sized(0.9), sized(3.3)];
    return {
      inputs: [
        i8(...((timeMajor ? [steps, batch, width] : [batch, steps, width]) as number[])),
        i8(gates * (units as number), width as number),
        i8(gates * (units as number), units as number),
        i32(9000, 2, gates * (units as number)),
        {
          shape: [4, gates],
          dtype: 'i32' as const,
          values: [x, h].flatMap((list) => [...list.map(({ multiplier }) => multiplier), ...list.map(({ shift }) => shift)]),
        },
        i8(batch as number, units as number),
        i32(32768, batch as number, units as number),
      ],
      attrs: { timeMajor, cellScale, clip: i === 2 ? 9000 : 0, zero: 3 * i, coupled, ...fixedPoint(2 ** -30 / 0.0071) },
    };
  }),
);

const rescale: Sample[] = (['double', 'single'] as const).flatMap((rounding) =>
  [2 ** -20, 0.0123, 0.5, 1, 3.7].flatMap((factor) =>
    LENGTHS.map((n) => ({
      inputs: [i32(2 ** 20, n)],
      attrs: { ...fixedPoint(factor), rounding, zero: n, low: -1_000_000, high: 900_000 },
    })),
  ),
);

const { powers, reciprocals } = softmaxTables();
const softmaxInt16: Sample[] = [...LENGTHS.filter((n) => n > 0).map((n) => [3, n]), [0, 5], [2, 1000]].flatMap((shape) =>
  [0.02, 2.7].map((factor) => ({
    inputs: [i32(32768, ...shape), i32Values(...powers), i32Values(...reciprocals)],
    attrs: { ...fixedPoint(factor) },
  })),
);

/** Weights of few bits: all of them fit, groups of several lengths, sums of several runs. */
const linearWeights: Sample[] = ([8, 4] as const).flatMap((bits) =>
  [
    ...LENGTHS.filter((n) => n > 0).map((n) => [2, n, 5, 0]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [1, 8, n, 0]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [n, 12, 9, 0]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [5, 1032, n, n % 2 ? 8 : 0]),
    [30, 1300, 9, 0],
    [9, 256, 19, 32],
    [1, 1300, 9, 0],
    [1, 512, 8, 0],
    [0, 4, 3, 0],
    [3, 64, 19, 32],
    [2, 24, 8, 4],
    [1, 1024, 3, 128],
  ].map(([rows = 0, depth = 0, units = 0, group = 0]) => {
    const attrs = { units, bits, group };
    const [low, high] = bits === 8 ? [-128, 128] : [-8, 8];
    const random = new Random(depth);
    const numbers = Float64Array.from({ length: depth * units }, () => Math.floor(random.uniform(low, high)));
    const scales = scaleShape(depth, attrs);
    return {
      inputs: [
        { shape: [rows, depth] },
        { shape: weightShape(depth, attrs), dtype: 'i8' as const, values: Array.from(packWeights(numbers, depth, attrs)) },
        { shape: scales, range: [0.001, 0.01] as const },
        { shape: [units] },
      ],
      attrs,
    };
  }),
);

const linearDynamicInt8: Sample[] = [
  ...LENGTHS.filter((n) => n > 0).map((n) => [3, n, 5]),
  ...LENGTHS.filter((n) => n > 0).map((n) => [n, 6, 9]),
  ...LENGTHS.filter((n) => n > 0).map((n) => [1, 13, n]),
  [0, 4, 3],
  [40, 700, 9],
].flatMap(([rows = 0, depth = 0, units = 0]) => {
  const random = new Random(depth + units);
  const numbers = Int8Array.from({ length: depth * units }, () => Math.floor(random.uniform(-128, 128)));
  const shape = [paddedUnits(units)];
  return [false, true].map((asymmetric) => ({
    inputs: [
      { shape: [rows, depth] },
      { shape: quadShape([depth, units]), dtype: 'i8' as const, values: Array.from(packQuads(numbers, [depth, units])) },
      { shape, range: [0.001, 0.01] as const },
      { shape, dtype: 'i32' as const, values: Array.from(dynamicOffsets(numbers, units)) },
      { shape: [units] },
    ],
    attrs: { units, asymmetric },
  }));
});

/** Products whose zero point is known at run time, with and without zero points of the weights, and with a bias in whole numbers. */
const scaledProducts = (isScaled: boolean): Sample[] =>
  [
    ...LENGTHS.filter((n) => n > 0).map((n) => [3, n, 5]),
    ...LENGTHS.map((n) => [n, 6, 9]),
    ...LENGTHS.filter((n) => n > 0).map((n) => [1, 13, n]),
    [40, 700, 9],
    [9, 1030, 24],
  ].flatMap(([rows = 0, depth = 0, units = 0]) => {
    const random = new Random(depth + units);
    const numbers = Int8Array.from({ length: depth * units }, () => Math.floor(random.uniform(-128, 128)));
    const shape = [Math.ceil(units / 8) * 8];
    const operands: SampleInput[] = [
      i8(rows, depth),
      { shape: [], dtype: 'i32', range: [-128, 128] },
      { shape: quadShape([depth, units]), dtype: 'i8', values: Array.from(packQuads(numbers, [depth, units])) },
      { shape, dtype: 'i32', values: Array.from(columnTotals(numbers, units)) },
      ...(isScaled ? [{ shape: [], range: [0.001, 0.01] as const }, { shape, range: [0.001, 0.01] as const }, { shape: [units] }] : []),
    ];
    return [
      { inputs: operands, attrs: { units } },
      { inputs: [...operands, i32(128, ...shape)], attrs: { units } },
      ...(isScaled ? [{ inputs: [...operands.slice(0, -1), i32(100_000, ...shape)], attrs: { units } }] : []),
    ];
  });

const dynamicQuantizeInt8: Sample[] = [
  ...LENGTHS.map((n) => ({ inputs: [{ shape: [n] }] })),
  { inputs: [{ shape: [3, 7], range: [-5, -1] }] },
  { inputs: [{ shape: [3, 7], range: [1, 5] }] },
  { inputs: [{ shape: [9], values: new Array(9).fill(0) }] },
];

const roundRows: Sample[] = [
  ...LENGTHS.map((n) => ({ inputs: [{ shape: [2, n] }], attrs: { axis: 0, asymmetric: true, even: true } })),
  { inputs: [{ shape: [2, 9], range: [1, 3] as const }], attrs: { asymmetric: true, even: true } },
  { inputs: [{ shape: [2, 4], values: [0, 0, 0, 0, 1, -2, 3, 4] }], attrs: { asymmetric: true, even: true } },
  ...LENGTHS.filter((n) => n > 0).map((n) => ({ inputs: [{ shape: [3, n] }] })),
  ...LENGTHS.map((n) => ({ inputs: [{ shape: [n, 3, 5] }], attrs: { axis: 1, asymmetric: true } })),
  { inputs: [{ shape: [2, 9], range: [1, 3] as const }], attrs: { asymmetric: true } },
  { inputs: [{ shape: [2, 9], range: [-3, -1] as const }], attrs: { asymmetric: true } },
  { inputs: [{ shape: [2, 4], values: [0, 0, 0, 0, 1, -2, 3, 4] }], attrs: { asymmetric: true } },
  // Halves between steps, and ranges whose steps a 1 are more than f32 holds.
  { inputs: [{ shape: [1, 9], values: [0, 255, 43.5, 84.5, 0.5, 254.5, 127.5, 128.5, 3.5] }], attrs: { asymmetric: true } },
  ...[1e-38, 1e-40, 1e-44].flatMap((unit) => {
    const inputs = [{ shape: [1, 9], values: [-3, 2, 1, -1, 0, 0.5, -2, -2.5, -3].map((x) => Math.fround(x * unit)) }];
    return [{ inputs }, { inputs, attrs: { asymmetric: true } }];
  }),
  { inputs: [{ shape: [2, 4], values: [0, 0, 0, 0, 1, -2, 3, 4] }] },
];

export const int8: Samples = {
  roundRows,
  quantizeRowsInt8: roundRows,
  ...scaledConvolutions,
  matmulInt8,
  dynamicQuantizeInt8,
  linearSumsInt8: scaledProducts(false),
  linearScaledInt8: scaledProducts(true),
  linearWeights,
  linearDynamicInt8,
  conv2dInt16,
  softmaxInt16,
  lstmInt8,
  rescale,
  conv2dInt8,
  depthwiseConv2dInt8,
  linearInt8,
  linearRowsInt8,
  requantize,
  addInt8,
  mulInt8,
  lookup: LENGTHS.map((n) => ({ inputs: [i8(n), i8(256)] })),
  maxPool2dInt8: pools,
  averagePool2dInt8: [
    ...pools,
    ...(['whole', 'uint8', 'int8', 'float'] as const).flatMap((kind) =>
      pools.map(({ inputs, attrs }) => ({
        inputs,
        attrs: {
          ...{ ...attrs, scale: 0.83, xZero: -128, yZero: 7, yScale: 1.02 },
          ...(kind === 'whole' ? { sums: 'whole' } : { sums: 'float', arithmetic: kind }),
        },
      })),
    ),
    { inputs: [i8(1, 1, 300, 9)], attrs: { kernel: [1, 300], strides: [1, 1], scale: 1.5, xZero: 3, yZero: -9 } },
  ],
  layerNormInt16: [
    ...LENGTHS.filter((n) => n > 0).map((n) => ({
      inputs: [i32(32768, 3, n), i32(32768, n), i32(2 ** 20, n)],
      attrs: { ...fixedPoint(1 / (n + 3000)), guard: n },
    })),
    // No variance, one of less than a step, and the largest.
    {
      inputs: [
        { dtype: 'i32', shape: [3, 4], values: [5, 5, 5, 5, 0, 0, 0, 1, -32768, 32767, 32767, -32768] },
        i32(9000, 4),
        i32(99999, 4),
      ],
    },
    { inputs: [i32(32768, 2, 1500), i32(3000, 1500), i32(9, 1500)], attrs: { ...fixedPoint(0.004), guard: 40 } },
    { inputs: [i32(9, 0, 3), i32(9, 3), i32(9, 3)] },
  ],
  l2NormalizationInt8: [0, 7].flatMap((leftShift) => [
    ...LENGTHS.filter((n) => n > 0).map((n) => ({ inputs: [i8(3, n)], attrs: { zero: 5 - n, leftShift } })),
    ...[-128, 0, 127].map((zero) => ({ inputs: [i8(4, 300)], attrs: { zero, leftShift } })),
    // A sum of squares of 0, of 1, and of 30 bits and 31.
    { inputs: [{ dtype: 'i8', shape: [2, 2], values: [9, 9, 9, 10] }], attrs: { zero: 9, leftShift } },
    { inputs: [i8(1, 20_000)], attrs: { zero: -128, leftShift } },
    { inputs: [{ dtype: 'i8', shape: [1, 33_000], values: new Array(33_000).fill(127) }], attrs: { zero: -128, leftShift } },
    { inputs: [i8(0, 3)], attrs: { zero: 0, leftShift } },
  ]),
  softmaxInt8: [
    ...LENGTHS.filter((n) => n > 0).map((n) => ({ inputs: [i8(3, n)], attrs: { ...softmaxScaling(0.05 * n) } })),
    { inputs: [i8(0, 3)] },
    ...[0.0001, 0.004, 1, 12].map((scale) => ({ inputs: [i8(4, 50)], attrs: { ...softmaxScaling(scale) } })),
  ],
  rescaledProduct: [
    ...[0.7, 2 ** -7, 0.011].flatMap((real) =>
      [1, 2, 5].map((rows) => ({ inputs: [i32(255, rows, 9)], attrs: { ...fixedPoint(real), zero: 3, low: -128, high: 127 } })),
    ),
    { inputs: [i32(32768, 3, 70)], attrs: { ...fixedPoint(2 ** -14 * 0.9) } },
    { inputs: [i32(9, 2, 0)] },
  ],
  logSoftmaxInt8: [
    ...LENGTHS.filter((n) => n > 0).map((n) => ({ inputs: [i8(3, n)], attrs: { ...logSoftmaxScaling(0.05 * n) } })),
    { inputs: [i8(0, 3)] },
    ...[0.0001, 0.004, 0.125, 1, 12].map((scale) => ({ inputs: [i8(4, 50)], attrs: { ...logSoftmaxScaling(scale) } })),
  ],
  quantizeInt8: (['even', 'away'] as const).flatMap((ties) => [
    ...LENGTHS.map((n) => ({ inputs: [{ shape: [n] }], attrs: { scale: 0.0123, zero: 7, low: -120, ties } })),
    {
      inputs: [{ shape: [14], values: [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.25, -0.75, 1e30, -1e30, 0, 63.75, 0.49999997, Number.NaN] }],
      attrs: { scale: 0.5, zero: -3, ties },
    },
    { inputs: [{ shape: [2], values: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] }], attrs: { scale: 0.1, ties } },
  ]),
  dequantizeColumns: [
    [1, 2, 9, 8],
    [2, 3, 5, 8],
    [3, 3, 13],
    [1, 1, 16],
    [5, 3],
    [0, 4],
  ].map((shape) => ({
    inputs: [i8(...shape), { shape: columnScales(shape), range: [0.001, 0.1] }],
  })),
  dequantizeInt8: LENGTHS.map((n) => ({ inputs: [i8(n)], attrs: { scale: 0.0123, zero: -128 } })),
};
