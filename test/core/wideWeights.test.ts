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
    Math.floor(random.uniform(-256, 255) / (Math.floor(i / filters) % 2 ? 1 : 2.1)),
  );
  const { weights, again } = inBytes(data, taps, depth, filters);
  const whole = depth + again.length;
  expect(weights.length).toBe(taps * whole * filters);
  for (let i = 0; i < data.length; i++) {
    const [tap, c, f] = [Math.floor(i / (depth * filters)), Math.floor(i / filters) % depth, i % filters];
    const at = (channel: number) => weights[(tap * whole + channel) * filters + f] as number;
    const more = again.indexOf(c);
    expect(at(c) + (more < 0 ? 0 : at(depth + more))).toBe(data[i]);
  }
});

it('weights of 8 bits stay as they are', () => {
  const data = Int8Array.of(-128, 127, 0, 5);
  expect(inBytes(data, 1, 2, 2)).toEqual({ weights: data, again: [] });
});
