import { describe, expect, it } from 'vitest';
import { fromHalf } from '../../src/core/float16.ts';
import { toHalf } from '../../src/core/toHalf.ts';

describe('half-precision numbers', () => {
  const numberOf = (bits: number) => {
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    return exponent ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15) : sign * fraction * 2 ** -24;
  };

  it('every one is itself; what is halfway goes to the even one', () => {
    for (let bits = 0; bits < 0x7c00; bits++) {
      expect(fromHalf(bits)).toBe(numberOf(bits));
      expect(toHalf(numberOf(bits))).toBe(bits);
      expect(toHalf(-numberOf(bits))).toBe(bits | 0x8000);
      const middle = (numberOf(bits) + (bits === 0x7bff ? 65536 : numberOf(bits + 1))) / 2;
      expect(toHalf(middle)).toBe(bits + (bits & 1));
      expect(toHalf(middle * (1 - 2 ** -20))).toBe(bits);
      expect(toHalf(middle * (1 + 2 ** -20))).toBe(bits + 1);
    }
  });

  it('large, infinite and NaN', () => {
    expect([65520, 1e30, Number.POSITIVE_INFINITY].map(toHalf)).toEqual([0x7c00, 0x7c00, 0x7c00]);
    expect(toHalf(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
    expect(toHalf(Number.NaN) & 0x7fff).toBe(0x7e00);
  });
});
