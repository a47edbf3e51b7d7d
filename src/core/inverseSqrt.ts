import { doublingHighProduct, roundingShift } from './fixedPoint.ts';

/** 1 / √x of a whole number as multiplier and shift: Newton-Raphson in fixed point (TFLite's GetInvSqrtQuantizedMultiplierExp). */
export function inverseSqrt(x: number): { multiplier: number; shift: number } {
  if (x <= 1) return { multiplier: 2 ** 31 - 1, shift: 0 };
  const pairs = Math.floor((Math.clz32(x) - 1) / 2) - 1;
  const input = Math.floor((x * 4 ** pairs) / 2);
  const times = doublingHighProduct;
  const left = (value: number, exponent: number) => Math.max(-(2 ** 31), Math.min(value * 2 ** exponent, 2 ** 31 - 1));
  const half = Number(roundingShift(BigInt(input), 1));
  let y = 2 ** 28;
  for (let i = 0; i < 5; i++) {
    const cube = left(times(times(y, y), y), 6);
    y = left(times(2 ** 28 + 2 ** 27, y) - times(half, cube), 3);
  }
  const root = times(y, 1518500250);
  const right = 11 - pairs;
  return right < 0 ? { multiplier: root * 2 ** -right, shift: 0 } : { multiplier: root, shift: -right };
}
