import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { inBytes } from '../../src/core/wideWeights.ts';

it.each([
  [1, 5, 3],
  [9, 4, 7],
  [2, 1, 1],
])('bytes of %i taps, %i channels and %i filters add up to the weights of 9 bits', (taps, depth, filters) => {
  const random = new Random(taps);
  const data = Int16Array.from({ length: taps * depth * filters }, (_, i) =>
    Math.floor(random.uniform(-256, 256) / (Math.floor(i / filters) % 2 ? 1 : 2.1)),
  );
  const { weights, again } = inBytes(data, taps, depth, filters);
  const whole = depth + again.length;
  expect(weights.length).toBe(taps * whole * filters);
  for (let i = 0; i < data.length; i++) {
    const [tap, c, f] = [Math.floor(i / (depth * filters)), Math.floor(i / filters) % depth, i % filters];
    const at = (channel: number) => weights[(tap * whole + channel) * filters + f] as number;
    const more = again.flatMap((channel, k) => (channel === c ? [at(depth + k)] : []));
    expect(more.reduce((sum, w) => sum + w, at(c))).toBe(data[i]);
  }
});

it('weights of 8 bits stay as they are', () => {
  const data = Int8Array.of(-128, 127, 0, 5);
  expect(inBytes(data, 1, 2, 2)).toEqual({ weights: data, again: [] });
});

it('255 takes three of them', () => {
  expect(inBytes(Int16Array.of(255, -255, 4, 128), 1, 2, 2)).toEqual({
    weights: Int8Array.of(127, -128, 4, 127, 127, -127, 0, 1, 1, 0),
    again: [0, 1, 0],
  });
});
