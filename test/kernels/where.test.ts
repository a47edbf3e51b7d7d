import { expect, test } from 'vitest';
import { axes6 } from '../../src/ops/strided.ts';
import { Kernels, lengths, random } from './arrays.ts';

const kernels = await Kernels.load();

test('where takes any condition but 0 as true, and y may be any operand', () => {
  for (const length of lengths) {
    const condition = Int32Array.from(random(length, 1, -2, 3), Math.floor);
    const [a, b] = [random(length, 2), random(length, 3)];
    const bits = (data: Float32Array) => new Int32Array(data.slice().buffer);
    const want = bits(a.map((value, i) => (condition[i] ? value : (b[i] as number))));
    const one = { ...axes6('n', [length], 1), ...axes6('c', [1], 0), ...axes6('a', [1], 0), ...axes6('b', [1], 0) };
    for (const y of [0, 1, 2, 3]) {
      const buffers = [condition.slice(), bits(a), bits(b), new Int32Array(length)] as const;
      kernels.call('where', { condition: buffers[0], a: buffers[1], b: buffers[2], y: buffers[y] as Int32Array, ...one });
      expect(buffers[y]).toEqual(want);
    }
  }
});
