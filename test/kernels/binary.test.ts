import { describe, expect, test } from 'vitest';
import { broadcastStrides } from '../../src/ops/binary.ts';
import { axes6, mergeAxes } from '../../src/ops/strided.ts';
import { Kernels, lengths, random, ulps } from './arrays.ts';

const kernels = await Kernels.load(8);

const floored = (a: number, b: number) => {
  const rest = a % b;
  return rest === 0 ? (b < 0 ? -0 : 0) : rest < 0 === b < 0 ? rest : rest + b;
};

const formulas = {
  add_f32: (a: number, b: number) => a + b,
  sub_f32: (a: number, b: number) => a - b,
  mul_f32: (a: number, b: number) => a * b,
  div_f32: (a: number, b: number) => a / b,
  min_f32: Math.min,
  max_f32: Math.max,
  equal_f32: (a: number, b: number) => Number(a === b),
  greater_f32: (a: number, b: number) => Number(a > b),
  greater_or_equal_f32: (a: number, b: number) => Number(a >= b),
  pow_f32: (a: number, b: number) => a ** b,
  mod_f32: floored,
  fmod_f32: (a: number, b: number) => a % b,
  add_i32: (a: number, b: number) => (a + b) | 0,
  sub_i32: (a: number, b: number) => (a - b) | 0,
  mul_i32: Math.imul,
  div_i32: (a: number, b: number) => (b === 0 ? 0 : (a / b) | 0),
  min_i32: Math.min,
  max_i32: Math.max,
  equal_i32: (a: number, b: number) => Number(a === b),
  greater_i32: (a: number, b: number) => Number(a > b),
  greater_or_equal_i32: (a: number, b: number) => Number(a >= b),
  pow_i32: (a: number, b: number) => (b < 0 ? (a === 0 ? 0 : Math.trunc(a ** b)) : Number(BigInt.asIntN(32, BigInt(a) ** BigInt(b)))),
  mod_i32: (a: number, b: number) => (b === 0 ? 0 : floored(a, b)),
  fmod_i32: (a: number, b: number) => (b === 0 ? 0 : a % b),
  bitwise_and_i32: (a: number, b: number) => a & b,
  bitwise_or_i32: (a: number, b: number) => a | b,
  bitwise_xor_i32: (a: number, b: number) => a ^ b,
  shift_left_i32: (a: number, b: number) => a << b,
  shift_right_i32: (a: number, b: number) => (a >>> b) | 0,
} as const;
type Name = keyof typeof formulas;

const sizeOf = (shape: readonly number[]) => shape.reduce((size, n) => size * n, 1);

type Operand = Float32Array | Int32Array;

function broadcast<T extends Operand>(name: Name, a: T, aShape: number[], b: T, bShape: number[], outShape: number[]): T {
  const merged = mergeAxes(outShape, [broadcastStrides(aShape, outShape), broadcastStrides(bShape, outShape)]);
  const [aStrides, bStrides] = merged.strides as [number[], number[]];
  const y = new (a.constructor as new (length: number) => T)(sizeOf(outShape));
  kernels.call(name, { a, b, y, ...axes6('n', merged.shape, 1), ...axes6('a', aStrides, 0), ...axes6('b', bStrides, 0) });
  return y;
}

/** The element of `data` (of `shape`) that position `index` of `out` reads. */
function at(data: Operand, shape: number[], out: number[], index: number): number {
  let offset = 0;
  let stride = 1;
  for (let i = out.length - 1, rest = index, axis = shape.length - 1; i >= 0; i--, axis--) {
    const position = rest % (out[i] as number);
    rest = Math.floor(rest / (out[i] as number));
    if (axis < 0) continue;
    if (shape[axis] !== 1) offset += position * stride;
    stride *= shape[axis] as number;
  }
  return data[offset] as number;
}

const SHAPES: [number[], number[], number[]][] = [
  [[], [], []],
  [[5, 7], [7], [5, 7]],
  [
    [5, 1],
    [5, 7],
    [5, 7],
  ],
  [[1], [3, 4, 5], [3, 4, 5]],
  [
    [2, 3, 4, 5],
    [3, 1, 5],
    [2, 3, 4, 5],
  ],
  [
    [2, 1, 4, 1],
    [3, 1, 5],
    [2, 3, 4, 5],
  ],
  [
    [2, 1, 2, 1, 2, 9],
    [3, 1, 3, 1, 1],
    [2, 3, 2, 3, 2, 9],
  ],
  [
    [4, 0],
    [1, 1],
    [4, 0],
  ],
  [[0, 3], [3], [0, 3]],
  [
    [2, 3, 1, 17],
    [1, 3, 6, 17],
    [2, 3, 6, 17],
  ],
];

describe.each(Object.keys(formulas) as Name[])('%s', (name) => {
  const f = formulas[name];
  // Few distinct values, so that some are equal.
  const operand = (length: number, seed: number): Operand => {
    if (name.endsWith('_i32')) return Int32Array.from(random(length, seed, -3, 4), Math.floor);
    return random(length, seed, name === 'pow_f32' ? 0.25 : -3, 3).map((v) => Math.round(v * 4) / 4);
  };
  const each = (length: number, value: (i: number) => number): Operand => {
    const values = Array.from({ length }, (_, i) => value(i));
    return name.endsWith('_i32') ? Int32Array.from(values) : Float32Array.from(values);
  };

  test('broadcasts', () => {
    for (const [aShape, bShape, outShape] of SHAPES) {
      const a = operand(sizeOf(aShape), 1);
      const b = operand(sizeOf(bShape), 2);
      const want = each(sizeOf(outShape), (i) => f(at(a, aShape, outShape, i), at(b, bShape, outShape, i)));
      expect(broadcast(name, a, aShape, b, bShape, outShape)).toEqual(want);
    }
  });

  test('every length, with and without a repeated operand', () => {
    for (const n of lengths) {
      const [a, b, s] = [operand(n, 3), operand(n, 4), operand(1, 5)];
      expect(broadcast(name, a, [n], b, [n], [n])).toEqual(each(n, (i) => f(a[i] as number, b[i] as number)));
      expect(broadcast(name, a, [n], s, [1], [n])).toEqual(each(n, (i) => f(a[i] as number, s[0] as number)));
      expect(broadcast(name, s, [], b, [n], [n])).toEqual(each(n, (i) => f(s[0] as number, b[i] as number)));
    }
  });

  test('y may be a', () => {
    const [a, b] = [operand(23, 6), operand(23, 7)];
    const want = each(23, (i) => f(a[i] as number, b[i] as number));
    const one = { n0: 1, n1: 1, n2: 1, n3: 1, n4: 1, a0: 0, a1: 0, a2: 0, a3: 0, a4: 0, b0: 0, b1: 0, b2: 0, b3: 0, b4: 0 };
    kernels.call(name, { a, b, y: a, ...one, n5: 23, a5: 1, b5: 1 });
    expect(a).toEqual(want);
  });
});

test.each((Object.keys(formulas) as Name[]).filter((name) => name.endsWith('_i32')))('%s at the limits of i32', (name) => {
  const special = [0, 1, -1, 2, -2, 3, 7, 31, 32, 65536, -65537, 2 ** 31 - 1, -(2 ** 31)];
  const exponents = [0, 1, 2, 3, 31, 32, 1001, -1, -2, -(2 ** 31)];
  const pairs = special.flatMap((a) => (name === 'pow_i32' ? exponents : special).map((b) => [a, b] as const));
  const a = Int32Array.from(pairs, ([v]) => v);
  const b = Int32Array.from(pairs, ([, v]) => v);
  const n = [a.length];
  expect(broadcast(name, a, n, b, n, n)).toEqual(Int32Array.from(pairs, ([x, y]) => formulas[name](x, y)));
});

test.each(['mod_f32', 'fmod_f32'] as const)('%s is exact for any two f32', (name) => {
  const bits = Uint32Array.from({ length: 4000 }, (_, i) => Math.imul(i + 1, 2_654_435_761));
  const special = [0, -0, 1, -1, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 0.1, 7, Infinity, -Infinity, NaN];
  const pairs = special.flatMap((a) => special.map((b) => [Math.fround(a), Math.fround(b)] as const));
  const a = Float32Array.from([...pairs.map(([v]) => v), ...new Float32Array(bits.buffer, 0, 2000)]);
  const b = Float32Array.from([...pairs.map(([, v]) => v), ...new Float32Array(bits.buffer, 8000, 2000)]);
  const n = [a.length];
  expect(broadcast(name, a, n, b, n, n)).toEqual(a.map((v, i) => formulas[name](v, b[i] as number)));
});

test('pow_f32 has the special cases of IEEE 754', () => {
  const special = [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    2,
    -2,
    3,
    -3,
    0.1,
    1e30,
    -1e30,
    1e-40,
    65,
    -65,
    101,
    16777216,
    16777217,
    Infinity,
    -Infinity,
    NaN,
  ];
  const pairs = special.flatMap((a) => special.map((b) => [Math.fround(a), Math.fround(b)] as const));
  const a = Float32Array.from(pairs, ([v]) => v);
  const b = Float32Array.from(pairs, ([, v]) => v);
  // ECMAScript differs from IEEE 754 in 1 and -1 to an infinity or NaN.
  const want = Float32Array.from(pairs, ([x, y]) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y));
  expect(broadcast('pow_f32', a, [a.length], b, [b.length], [a.length])).toEqual(want);
});

test('pow_f32 is correctly rounded but for near ties', () => {
  const a = random(9000, 8, 0, 20);
  const b = random(9000, 9, -25, 25);
  const y = broadcast('pow_f32', a, [9000], b, [9000], [9000]);
  const error = y.reduce((most, v, i) => {
    const want = (a[i] as number) ** (b[i] as number);
    return want > 1.2e-38 && want < 3.4e38 ? Math.max(most, ulps(v, want)) : most;
  }, 0);
  expect(error).toBeLessThan(0.5001);
});
