import { doublingHighProduct, roundingShift } from '../../core/fixedPoint.ts';
import type { Value } from '../../ir/graph.ts';
import { add, addInt8, cast, gather, max, min, mul, mulInt8, shiftLeft, sub } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { reciprocal } from '../../ops/softmaxInt8.ts';
import type { NodeContext } from './context.ts';
import { addOptions } from './options.ts';
import { activationRange, factor, limited, type Scale, scaleIn, scaleOut } from './quantization.ts';

const f32 = Math.fround;

type Name = 'ADD' | 'SUB' | 'MUL' | 'DIV' | 'MAXIMUM' | 'MINIMUM' | 'SQUARED_DIFFERENCE' | 'POW';

/** Two quantized operands under broadcasting, with the arithmetic of the reference kernels. */
export function quantizedBinary(n: NodeContext, name: Name, code: number): Value {
  switch (name) {
    case 'ADD':
    case 'SUB':
      return sum(n, name === 'SUB', code);
    case 'MUL':
      return product(n, code);
    case 'MAXIMUM':
    case 'MINIMUM':
      return (name === 'MAXIMUM' ? max : min)([n.x(0), n.x(1)]);
    case 'SQUARED_DIFFERENCE':
      return squaredDifference(n);
    case 'DIV':
      return quotient(n, code);
    default:
      return n.refuse('quantized operands');
  }
}

/** a ± b: both moved left and scaled to twice the larger scale, added, scaled to the output (PrepareGeneralAddOp). */
function sum(n: NodeContext, subtract: boolean, code: number): Value {
  const [a, b, y] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  const range = activationRange(n, code, y);
  if (n.x(0).dtype !== 'i8') return sumInt16(n, a, b, y, subtract, range);
  const twice = 2 * Math.max(a.scale, b.scale);
  return addInt8([n.x(0), n.x(1)], {
    aZero: a.zero,
    bZero: b.zero,
    yZero: y.zero,
    ...range,
    rounding: 'double',
    subtract,
    leftShift: 20,
    a: factor(a.scale / twice),
    b: factor(b.scale / twice),
    y: factor(twice / (2 ** 20 * y.scale)),
  });
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** int16 moves left by 15 bits; scales that are powers of two may say so, and are then shifted (pot_scale_int16). */
function sumInt16(n: NodeContext, a: Scale, b: Scale, y: Scale, subtract: boolean, range: Range): Value {
  const [left, right] = [n.x(0), n.x(1)];
  const both = subtract ? sub : add;
  const powers = [a, b, y].map(({ scale }) => Math.log2(scale));
  if (n.options(addOptions).potScaleInt16 && powers.every(Number.isInteger)) {
    const [p, q, r] = powers as [number, number, number];
    // Twice x by one half is exact, so that what is left is one rounding shift.
    const moved = (x: Value, by: number) =>
      by === 0 ? x : rescale(add([x, x]), { multiplier: 2 ** 30, shift: by, zero: 0, low: -32768, high: 32767, rounding: 'double' });
    return clampedTo(n, both([moved(left, p - r), moved(right, q - r)]), range);
  }
  const twice = 2 * Math.max(a.scale, b.scale);
  const lifted = (x: Value, { scale, zero }: Scale) =>
    rescale(shiftLeft([sub([x, n.integers([zero], [])]), n.integers([15], [])]), {
      ...factor(scale / twice),
      zero: 0,
      low: -(2 ** 31),
      high: 2 ** 31 - 1,
      rounding: 'double',
    });
  return rescale(both([lifted(left, a), lifted(right, b)]), {
    ...factor(twice / (2 ** 15 * y.scale)),
    zero: y.zero,
    ...range,
    rounding: 'double',
  });
}

const clampedTo = (n: NodeContext, x: Value, { low, high }: Range): Value => min([max([x, n.integers([low], [])]), n.integers([high], [])]);

function product(n: NodeContext, code: number): Value {
  const [a, b, y] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  const range = activationRange(n, code, y);
  const ratio = factor(f32(f32(a.scale * b.scale) / y.scale));
  if (n.x(0).dtype === 'i8' && n.held() === 'i8')
    return mulInt8([n.x(0), n.x(1)], { aZero: a.zero, bZero: b.zero, yZero: y.zero, ...range, rounding: 'double', y: ratio });
  const wide = rescale(mul([centred(n, 0, a), centred(n, 1, b)]), { ...ratio, zero: y.zero, ...range, rounding: 'double' });
  return n.held() === 'i8' ? cast(wide, { to: 'i8' }) : wide;
}

const centred = (n: NodeContext, index: number, { zero }: Scale): Value =>
  zero === 0 ? n.held32(index) : sub([n.held32(index), n.integers([zero], [])]);

/** (a - b)², moved left by 7 bits (SquaredDifference of the reference). */
function squaredDifference(n: NodeContext): Value {
  const [a, b, y] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  if (n.x(0).dtype !== 'i8') return n.refuse('int16 operands');
  const twice = 2 * Math.max(a.scale, b.scale);
  const open = { zero: 0, low: -(2 ** 31), high: 2 ** 31 - 1, rounding: 'double' } as const;
  const lifted = (index: number, scale: Scale) =>
    rescale(shiftLeft([centred(n, index, scale), n.integers([7], [])]), { ...factor(scale.scale / twice), ...open });
  const difference = sub([lifted(0, a), lifted(1, b)]);
  const real = (twice * twice) / (2 ** 14 * y.scale);
  return cast(rescale(mul([difference, difference]), { ...factor(real), zero: y.zero, low: y.low, high: y.high, rounding: 'double' }), {
    to: 'i8',
  });
}

/** a / b of two bytes by a table of all pairs (DivElementwise of the reference). */
function quotient(n: NodeContext, code: number): Value {
  if (n.x(0).dtype !== 'i8') return n.refuse('int16 operands');
  const [a, b, y] = [scaleIn(n, 0), scaleIn(n, 1), scaleOut(n)];
  const range = activationRange(n, code, y);
  const ratio = factor(f32(a.scale / f32(b.scale * y.scale)));
  n.allow(65536);
  const table = n.integers(
    Array.from({ length: 65536 }, (_, i) =>
      limited(divided((i >> 8) - 128 - a.zero, (i & 255) - 128 - b.zero, ratio.multiplier, ratio.shift) + y.zero, range),
    ),
  );
  const row = shiftLeft([add([n.held32(0), n.integers([128], [])]), n.integers([8], [])]);
  return cast(gather([table, add([row, add([n.held32(1), n.integers([128], [])])])], { axis: 0 }), { to: 'i8' });
}

/** A quotient as the reference rounds it: by the reciprocal of |b|, with as many bits of a as there are. */
function divided(a: number, b: number, multiplier: number, shift: number): number {
  if (b === 0) return a < 0 ? -(2 ** 31) : 2 ** 31 - 1;
  const [dividend, divisor] = b < 0 ? [-a, -b] : [a, b];
  const zeros = Math.clz32(divisor);
  const inverse = reciprocal(divisor * 2 ** zeros - 2 ** 31);
  const headroom = dividend < 0 ? Math.clz32(~dividend) - 1 : Math.clz32(dividend) - 1;
  const whole = doublingHighProduct(dividend * 2 ** headroom, inverse);
  return Number(roundingShift(BigInt(doublingHighProduct(whole, multiplier)), 31 - zeros + headroom - shift));
}

/** Operands of a comparison in one scale, moved left by 8 bits; the reference orders int16 as it is, whatever its scales. */
export function quantizedComparison(n: NodeContext): [Value, Value] {
  if (n.x(0).dtype !== 'i8' && !['EQUAL', 'NOT_EQUAL'].includes(n.node.op)) return [n.x(0), n.x(1)];
  const [a, b] = [scaleIn(n, 0), scaleIn(n, 1)];
  if (a.scale === b.scale && a.zero === b.zero) return [n.held32(0), n.held32(1)];
  const lifted = (index: number, scale: Scale) =>
    rescale(shiftLeft([centred(n, index, scale), n.integers([8], [])]), {
      ...factor(scale.scale),
      zero: 0,
      low: -(2 ** 31),
      high: 2 ** 31 - 1,
      rounding: 'double',
    });
  return [lifted(0, a), lifted(1, b)];
}
