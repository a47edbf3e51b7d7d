import { expect, test } from 'vitest';
import { roundHalfEven } from '../../src/core/fixedPoint.ts';
import { draw } from './products.ts';
import { runAlike } from './runAlike.ts';

const bits = new DataView(new ArrayBuffer(4));
/** The f32 `steps` after x. */
function beside(x: number, steps: number): number {
  bits.setFloat32(0, x);
  bits.setInt32(0, bits.getInt32(0) + steps);
  return bits.getFloat32(0);
}

/** Signs, infinities, NaN with the bits of a number, subnormal and huge ones. */
const ODD = [0, -0, Infinity, -Infinity, NaN, 1e-45, -1e-45, 3e38, -3e38, beside(Infinity, 0x2345), beside(-Infinity, 0x2345)];

test.each([...Array(40).keys()])('f32 as 8 bits, at and beside every tie: case %i', (seed) => {
  const within = draw(seed + 11);
  const extremes = [2 ** -140, 1e-38, 1e-30, 1e30, 3e38];
  const scale = Math.fround(
    seed % 4 === 1 ? 2 ** within(-20, 20) : seed % 8 === 2 ? (extremes[seed >> 3] as number) : within(1, 2 ** 22) / 3e5,
  );
  const [zero, low, high, away] = [within(-128, 127), within(-128, 0), within(1, 127), within(0, 1)] as const;
  const ties = Array.from({ length: 600 }, (_, i) => (i - 300 + 0.5) * scale);
  const x = Float32Array.from([
    ...ties.flatMap((tie) => [-2, -1, 0, 1, 2].map((steps) => (steps ? beside(tie, steps) : tie))),
    ...Array.from({ length: 2000 }, () => (within(-(2 ** 22), 2 ** 22) / 2 ** 22) * 300 * scale),
    ...Array.from({ length: within(0, 40) }, () => ODD[within(0, ODD.length - 1)] as number),
  ]);
  const y = new Int8Array(x.length);
  runAlike('quantize_s8', { x, length: x.length, scale, zero, low, high, away }, y, x);
  const want = Array.from(x, (value) => {
    const number = Math.fround(value / scale);
    const whole = away ? Math.sign(number) * Math.floor(Math.abs(number) + 0.5) : roundHalfEven(number);
    return Number.isNaN(number) ? Math.min(Math.max(zero, low), high) : Math.min(Math.max(whole + zero, low), high);
  });
  expect(Array.from(y)).toEqual(want);
});
