import { expect, test } from 'vitest';
import { runAlike } from './runAlike.ts';

const axes = (name: string, values: readonly number[]) => Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));

test.each([1, 2, 3, 4, 5])('%i planes become pixels of any number, and pixels planes', (planes) => {
  for (let count = 1; count < 70; count++) {
    const images = 2;
    const x = Int8Array.from({ length: images * planes * count }, (_, i) => 41 * i + 3);
    const y = new Int8Array(x.length);
    const shape = axes('n', [1, 1, 1, images, count, planes]);
    const [planar, pixels] = [
      [0, 0, 0, planes * count, 1, count],
      [0, 0, 0, planes * count, planes, 1],
    ] as const;
    runAlike('strided_copy_u8', { x, ...shape, ...axes('s', planar), ...axes('t', pixels) }, y, x);
    const want = y.map((_, i) => {
      const image = Math.floor(i / (planes * count));
      return x[image * planes * count + (i % planes) * count + (Math.floor(i / planes) % count)] as number;
    });
    expect(y).toEqual(want);
    const back = new Int8Array(x.length);
    runAlike('strided_copy_u8', { x: y, ...shape, ...axes('s', pixels), ...axes('t', planar) }, back, y);
    expect(back).toEqual(x);
  }
});
