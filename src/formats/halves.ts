import type { Elem } from '../core/elem.ts';
import type { Value } from '../ir/graph.ts';
import { abs, add, bitcast, bitwiseAnd, cast, div, greater, isNaN as isNotANumber, mul, round, shiftRight, where } from '../ops/index.ts';

/** f32 mantissa bits that a type drops, the largest number it holds, and the least one of full precision. */
const narrow: Partial<Record<Elem, { readonly dropped: number; readonly largest: number; readonly normal: number }>> = {
  float16: { dropped: 13, largest: 65504, normal: 2 ** -14 },
  bfloat16: { dropped: 16, largest: 2 ** 128 - 2 ** 120, normal: 2 ** -126 },
};

/** An f32 value rounded, half to even, to what `elem` holds (IEEE 754 binary16, bfloat16): numbers too large are infinite. Others stay as they are. */
export function rounded(value: Value, elem: Elem): Value {
  const type = narrow[elem];
  if (!type || value.dtype !== 'f32') return value;
  const { graph } = value;
  const integer = (number: number) => graph.constant({ dtype: 'i32', shape: [], data: Int32Array.of(number) });
  const bits = bitcast(value, { to: 'i32' });
  const odd = bitwiseAnd([shiftRight([bits, integer(type.dropped)]), integer(1)]);
  const up = add([bits, add([odd, integer(2 ** (type.dropped - 1) - 1)])]);
  const near = bitcast(bitwiseAnd([up, integer(-(2 ** type.dropped))]), { to: 'f32' });
  const magnitude = abs(near);
  const infinite = where([isTrue(greater([magnitude, graph.scalar(type.largest)])), div([near, graph.scalar(0)]), near]);
  // Below, steps are as wide as the last one above.
  const step = type.normal * 2 ** (type.dropped - 23);
  const small = mul([round(mul([value, graph.scalar(1 / step)])), graph.scalar(step)]);
  const finite = elem === 'float16' ? where([isTrue(greater([graph.scalar(type.normal), abs(value)])), small, infinite]) : infinite;
  return where([isTrue(isNotANumber(value)), value, finite]);
}

const isTrue = (flag: Value): Value => cast(flag, { to: 'i32' });
