import type { DType } from '../../../src/core/dtype.ts';
import { f32, f32AndI32, indexes, LENGTHS, ofI32, ranged, type Samples } from './sample.ts';

const lengths = (low = -4, high = 4) => LENGTHS.map((n) => ({ inputs: [ranged(low, high, n)] }));
const unary = (low = -4, high = 4, attrs?: Record<string, unknown>) => [
  ...lengths(low, high),
  { inputs: [ranged(low, high, 3, 5)], ...(attrs && { attrs }) },
];
const backward = (attrs?: Record<string, unknown>) =>
  LENGTHS.map((n) => ({ inputs: [ranged(0.1, 0.9, n), f32(n)], ...(attrs && { attrs }) }));
const backwardFromInput = (attrs?: Record<string, unknown>) => LENGTHS.map((n) => ({ inputs: [f32(n), f32(n)], ...(attrs && { attrs }) }));

const broadcasts = [
  [
    [3, 4, 5],
    [3, 4, 5],
  ],
  [[3, 4, 5], [5]],
  [
    [3, 1, 5],
    [4, 1],
  ],
  [[], [7]],
  [
    [2, 3, 1, 5],
    [3, 4, 1],
  ],
  [
    [6, 1],
    [1, 17],
  ],
  // Smaller than the output, but of as many 16-byte blocks.
  [
    [2, 1],
    [1, 2],
  ],
  [[0, 3], [3]],
  [[], []],
] as const;
const binary = (low = -2, high = 2, bLow = low, bHigh = high) => [
  ...LENGTHS.map((n) => ({ inputs: [ranged(low, high, n), ranged(bLow, bHigh, n)] })),
  ...broadcasts.map(([a, b]) => ({ inputs: [ranged(low, high, ...a), ranged(bLow, bHigh, ...b)] })),
  ...broadcasts.map(([a, b]) => ({ inputs: [ranged(low, high, ...b), ranged(bLow, bHigh, ...a)] })),
];

const bits = (...shape: number[]) => indexes(2, ...shape);

const dtypes: readonly DType[] = ['i32', 'i8', 'u8', 'bool', 'f32'];
const RANGES: Readonly<Record<DType, readonly [number, number]>> = {
  f32: [-600, 600],
  i32: [-600, 600],
  i8: [-128, 128],
  u8: [0, 256],
  bool: [0, 2],
};

export const elementwise: Samples = {
  cast: dtypes.flatMap((from) =>
    dtypes.flatMap((to) => LENGTHS.map((n) => ({ inputs: [{ shape: [n], dtype: from, range: RANGES[from] }], attrs: { to } }))),
  ),
  neg: unary(),
  abs: unary(),
  exp: unary(-6, 4),
  log: unary(0.01, 50),
  sqrt: unary(0.01, 50),
  square: unary(),
  reciprocal: unary(0.2, 9),
  sign: unary(),
  erf: unary(),
  relu: unary(),
  clip: [...unary(-4, 4, { min: -1, max: 2 }), { inputs: [f32(19)], attrs: { min: 0, max: 6 } }],
  leakyRelu: unary(-4, 4, { alpha: 0.3 }),
  elu: unary(-4, 4, { alpha: 0.7 }),
  selu: unary(),
  sigmoid: unary(-20, 20),
  tanh: unary(),
  softplus: unary(-20, 20),
  softsign: unary(),
  gelu: unary(),
  geluTanh: unary(),
  silu: unary(),
  hardSigmoid: unary(-6, 6, { alpha: 0.2, beta: 0.5 }),
  hardSwish: [...unary(-6, 6), { inputs: [ranged(-6, 6, 9)], attrs: { alpha: 0.3, beta: 0.4 } }],
  mish: unary(),
  sin: unary(-20, 20),
  cos: unary(-20, 20),
  tan: unary(-1.4, 1.4),
  asin: unary(-0.9, 0.9),
  acos: unary(-0.9, 0.9),
  atan: unary(-9, 9),
  sinh: unary(),
  cosh: unary(),
  asinh: unary(-9, 9),
  acosh: unary(1.1, 9),
  atanh: unary(-0.9, 0.9),
  ceil: unary(),
  floor: unary(),
  round: unary(),
  isNaN: unary(),
  isInf: unary(),
  reluGrad: backwardFromInput(),
  clipGrad: backward({ min: 0.2, max: 0.6 }),
  leakyReluGrad: backwardFromInput({ alpha: 0.3 }),
  eluGrad: backwardFromInput({ alpha: 0.7 }),
  seluGrad: backwardFromInput(),
  sigmoidGrad: backward(),
  tanhGrad: backward(),
  sqrtGrad: backward(),
  erfGrad: backwardFromInput(),
  softplusGrad: backwardFromInput(),
  softsignGrad: backwardFromInput(),
  geluGrad: backwardFromInput(),
  geluTanhGrad: backwardFromInput(),
  siluGrad: backwardFromInput(),
  hardSigmoidGrad: backwardFromInput(),
  hardSwishGrad: backwardFromInput(),
  mishGrad: backwardFromInput(),
  add: f32AndI32(binary()),
  sub: f32AndI32(binary()),
  mul: f32AndI32(binary()),
  div: [...ofI32(binary()), ...binary(-2, 2, 0.5, 3)],
  min: f32AndI32(binary()),
  max: f32AndI32(binary()),
  pow: [...ofI32(binary()), ...binary(0.2, 3, -2, 2), { inputs: [ranged(0.1, 4, 9), { shape: [1], range: [2, 2] }] }],
  mod: [true, false].flatMap((fmod) => f32AndI32(binary()).map((sample) => ({ ...sample, attrs: { fmod } }))),
  bitwiseAnd: ofI32(binary()),
  bitwiseOr: ofI32(binary()),
  bitwiseXor: ofI32(binary()),
  shiftLeft: ofI32(binary()),
  shiftRight: ofI32(binary()),
  where: f32AndI32([
    ...LENGTHS.map((n) => ({ inputs: [bits(n), f32(n), f32(n)] })),
    ...LENGTHS.map((n) => ({ inputs: [bits(n), f32(), f32(3, n)] })),
    { inputs: [bits(3, 1, 5), f32(4, 1), f32(2, 1, 1, 1)] },
    { inputs: [bits(), f32(4), f32(2, 3, 4)] },
    { inputs: [bits(2, 1), f32(1, 2), f32()] },
    { inputs: [bits(2, 2), f32(1, 2), f32(2, 1)] },
    { inputs: [bits(2, 1, 2, 1, 2, 1, 2), f32(1, 3, 1, 2, 1, 2, 1), f32(2, 3, 2, 1, 2, 1, 1)] },
  ]),
  equal: f32AndI32(binary()),
  greater: f32AndI32(binary()),
  greaterOrEqual: f32AndI32(binary()),
};
