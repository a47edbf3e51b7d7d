import type { Value } from '../../ir/graph.ts';
import { add, bitwiseAnd, bitwiseXor, gather, greater, greaterOrEqual, max, mul, shiftRight, sub, where } from '../../ops/index.ts';
import { interpolationTable } from '../../ops/interpolation.ts';
import { rescale } from '../../ops/rescale.ts';
import type { NodeContext } from './context.ts';
import { leakyReluOptions } from './options.ts';
import { activationRange, factor, limited, type Scale } from './quantization.ts';
import { transforms } from './transforms.ts';

/** Functions of 16-bit numbers, which graphs hold as i32. */

const f32 = Math.fround;

/** A function of one 16-bit number, by a table of all of them. */
function byTable(n: NodeContext, x: Value, f: (x: number) => number): Value {
  n.allow(65536);
  const table = n.integers(Array.from({ length: 65536 }, (_, i) => f(i - 32768)));
  return gather([table, add([x, n.integers([32768], [])])], { axis: 0 });
}

/** Entries of the reference's table that are one above the nearest whole number. */
const ABOVE = new Set(
  `4 8 12 14 15 16 17 19 20 21 22 25 27 28 29 30 31 33 34 35 37 39 40 41 43 44 45 46 49 50 54 62 63 64 66 82 86 93 100 103 112 116 135`
    .split(' ')
    .map(Number),
);

/** 65536 sigmoid(i / 24), of which the reference interpolates both sigmoid and tanh (sigmoid_table_uint16). */
const sigmoids = Array.from({ length: 256 }, (_, i) =>
  Math.min(65535, Math.round(65536 / (1 + Math.exp(-i / 24))) + (ABOVE.has(i) || i === 255 ? 1 : 0)),
);

interface Multiplied {
  readonly multiplier: number;
  readonly shift: number;
}

/** Inputs in steps of 1 / (3 · 4096), as the table wants them (SigmoidPrepare, TanhPrepare). */
function tableScale(scale: number, shifts: number): Multiplied {
  const shift = 12 + Math.round(Math.log2(scale));
  if (Number.isInteger(Math.log2(scale)) && shift >= 0 && shift <= shifts) return { multiplier: 3 << shift, shift: 0 };
  let [multiplier, left] = [scale * 4096 * 3, 0];
  while (multiplier <= 32767 / 2 && left <= 30) {
    left++;
    multiplier *= 2;
  }
  return { multiplier: Math.trunc(multiplier), shift: left };
}

/** x / 2^bits rounded down. */
function floorShift(n: NodeContext, x: Value, bits: number): Value {
  const sign = where([greater([n.integers([0], []), x]), n.integers([-1], []), n.integers([0], [])]);
  return bits === 0 ? x : bitwiseXor([shiftRight([bitwiseXor([x, sign]), n.integers([bits], [])]), sign]);
}

const isPositive = (n: NodeContext, x: Value): Value => greaterOrEqual([x, n.integers([0], [])]);
const absoluteOf = (n: NodeContext, x: Value): Value => max([x, sub([n.integers([0], []), x])]);

/** Input 0 in steps of the table. */
function moved(n: NodeContext, { multiplier, shift }: Multiplied): Value {
  const product = mul([n.x(0), n.integers([multiplier], [])]);
  return floorShift(n, shift > 0 ? add([product, n.integers([2 ** (shift - 1)], [])]) : product, shift);
}

/** 2^bits sigmoid at a magnitude, 2^bits of which are one step of the table; `saturated` beyond it. */
function interpolated(n: NodeContext, magnitude: Value, bits: number, saturated: number): Value {
  const steps = sigmoids.map((value, i) => (i < 255 ? (sigmoids[i + 1] as number) - value : 0));
  const starts = sigmoids.map((value, i) => (i < 255 ? value * 2 ** bits : saturated));
  return alongLines(n, starts, steps, magnitude, bits);
}

/** starts[x >> bits] + steps[x >> bits] · (x mod 2^bits) of x >= 0; x beyond the last entry takes that. */
function alongLines(n: NodeContext, starts: readonly number[], steps: readonly number[], x: Value, bits: number): Value {
  const place = shiftRight([x, n.integers([bits], [])]);
  const of = (table: readonly number[]) => gather([n.integers(table), place], { axis: 0 });
  return add([of(starts), mul([of(steps), bitwiseAnd([x, n.integers([2 ** bits - 1], [])])])]);
}

function sigmoid(n: NodeContext, by: Multiplied): Value {
  const input = moved(n, by);
  const result = interpolated(n, absoluteOf(n, input), 9, 0x7fff * 1024);
  const sum = where([isPositive(n, input), add([result, n.integers([512], [])]), sub([n.integers([2 ** 25 + 511], []), result])]);
  return floorShift(n, sum, 10);
}

function tanh(n: NodeContext, by: Multiplied): Value {
  const input = moved(n, by);
  const result = interpolated(n, absoluteOf(n, input), 8, 0xffff * 256);
  const middle = n.integers([2 ** 23 - 128], []);
  const sum = where([isPositive(n, input), sub([result, middle]), sub([n.integers([2 ** 23 + 127], []), result])]);
  return floorShift(n, sum, 8);
}

/** The clamps, and the linear parts of a leaky ReLU, with a change of scale. */
function linearInt16(n: NodeContext, from: Scale, to: Scale, slope: number | undefined, range: { low: number; high: number }): Value {
  const x = from.zero === 0 ? n.x(0) : sub([n.x(0), n.integers([from.zero], [])]);
  const by = (real: number) => rescale(x, { ...factor(real), zero: to.zero, ...range, rounding: 'double' });
  const kept = by(f32(from.scale / to.scale));
  return slope === undefined ? kept : where([greaterOrEqual([x, n.integers([0], [])]), kept, by(f32(f32(from.scale * slope) / to.scale))]);
}

/** f of real numbers by straight lines between 513 of its values. */
function byLines(n: NodeContext, from: Scale, to: Scale, f: (x: number) => number): Value {
  const ends = ({ scale, zero }: Scale) => [f32(scale * (-32768 - zero)), f32(scale * (32767 - zero))] as [number, number];
  const [low, high] = ends(to);
  const entries = interpolationTable(...ends(from), f32(65536 / f32(high - low)), f);
  const starts = entries.slice(0, 512);
  const steps = starts.map((start, i) => (entries[i + 1] as number) - start);
  const lines = alongLines(
    n,
    starts.map((start) => start * 128 + 64),
    steps,
    add([n.x(0), n.integers([32768], [])]),
    7,
  );
  return floorShift(n, lines, 7);
}

/** |x| in another scale, or in the same one as it is. */
function absolute(n: NodeContext, from: Scale, to: Scale): Value {
  const x = n.x(0);
  const y = max([x, sub([n.integers([0], []), x])]);
  const ratio = from.scale === to.scale ? { multiplier: 2 ** 30, shift: 1 } : factor(f32(from.scale / to.scale));
  return rescale(y, { ...ratio, zero: 0, low: to.low, high: to.high, rounding: 'double' });
}

export function activationInt16(n: NodeContext, name: string, from: Scale, to: Scale): Value {
  switch (name) {
    case 'LOGISTIC':
      return sigmoid(n, tableScale(from.scale, 0));
    case 'TANH':
      return tanh(n, tableScale(from.scale, 1));
    case 'RELU':
    case 'RELU_N1_TO_1':
    case 'RELU6':
      return linearInt16(n, from, to, undefined, activationRange(n, ['', 'RELU', 'RELU_N1_TO_1', 'RELU6'].indexOf(name), to));
    case 'LEAKY_RELU':
      return linearInt16(n, from, to, n.options(leakyReluOptions).alpha, { low: to.low, high: to.high });
    case 'ABS':
      return absolute(n, from, to);
    case 'NEG': {
      // As bits: the least number is its own negative.
      const y = sub([n.integers([0], []), n.x(0)]);
      return where([greater([y, n.integers([32767], [])]), n.x(0), y]);
    }
    case 'SQRT':
      return byTable(n, n.x(0), (x) => limited(Math.trunc(f32(f32(Math.sqrt(f32(from.scale * Math.max(0, x)))) / to.scale)), to));
    case 'RSQRT':
      return byLines(n, from, to, (x) => (x <= 0 ? f32(32767 * to.scale) : f32(1 / f32(Math.sqrt(x)))));
    case 'LOG':
      return byLines(n, from, to, (x) => (x <= 0 ? f32(-32768 * to.scale) : Math.log(x)));
    case 'EXP':
      return byLines(n, from, to, Math.exp);
    case 'GELU':
      return byLines(n, from, to, (x) => transforms.GELU(x, n));
    default:
      return n.refuse(`${name} of int16`);
  }
}
