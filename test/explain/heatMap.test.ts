import { expect, it } from 'vitest';
import { decodeImage, encodePng, type Image } from '../../src/data/index.ts';
import { heatMap, pixelMap, scaledMap } from '../../src/explain/index.ts';
import { tensor } from '../../src/index.ts';

const layout = { height: 4, width: 6, channels: 3, planar: false };
const grey = (height: number, width: number, level = 128): Image => ({
  width,
  height,
  channels: 3,
  data: new Uint8Array(width * height * 3).fill(level),
});
const pixel = ({ width, data }: Image, y: number, x: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];

it('channels become one: their largest magnitude, or their sum', () => {
  const values = new Float32Array(24 * 3);
  values.set([0.5, -2, 1], 7 * 3);
  const flat = tensor(values, [1, 4, 6, 3]);
  expect(pixelMap(flat, layout).data[7]).toBe(2);
  expect(pixelMap(flat, layout, 0, 'signed').data[7]).toBe(-0.5);
  const planes = new Float32Array(24 * 3);
  planes.set([0.5], 7);
  planes.set([-2], 24 + 7);
  planes.set([1], 48 + 7);
  expect(pixelMap(tensor(planes, [1, 3, 4, 6]), { ...layout, planar: true }).data).toEqual(pixelMap(flat, layout).data);
  expect(() => pixelMap(tensor(new Float32Array(10)), layout)).toThrow(/4 × 6/);
  expect(() => pixelMap(flat, layout, 1)).toThrow(/row 1/);
});

it('colours cover the picture where a pixel counts, and leave it as it is where none does', () => {
  const values = new Float32Array(24);
  values[8] = 1;
  const map = heatMap(tensor(values, [1, 4, 6]), layout, { picture: grey(4, 6), clipped: 0 });
  expect(pixel(map, 0, 0)).toEqual([128, 128, 128]);
  const [red, green, blue] = pixel(map, 1, 2) as [number, number, number];
  expect(Math.min(red, green)).toBeGreaterThan(220);
  expect(blue).toBeLessThan(red);
  values[9] = -1;
  const signed = heatMap(tensor(values, [1, 4, 6]), layout, { picture: grey(4, 6), clipped: 0 });
  const [forIt, against] = [pixel(signed, 1, 2), pixel(signed, 1, 3)] as [number[], number[]];
  expect(forIt[0]).toBeGreaterThan((forIt[2] as number) + 60);
  expect(against[2]).toBeGreaterThan((against[0] as number) + 60);
  expect(pixel(heatMap(tensor(new Float32Array(24), [1, 4, 6]), layout, { picture: grey(4, 6) }), 2, 2)).toEqual([128, 128, 128]);
});

it('a small map is scaled to a large picture: bilinear, peaks stay where they are', () => {
  const peak = { height: 2, width: 3, data: Float32Array.of(0, 0, 0, 0, 4, 0) };
  const large = scaledMap(peak, 20, 30);
  const best = large.data.indexOf(Math.max(...large.data));
  expect([Math.floor(best / 30) >= 14, Math.abs((best % 30) - 14.5) < 2]).toEqual([true, true]);
  expect(scaledMap({ height: 1, width: 2, data: Float32Array.of(0, 1) }, 1, 4).data).toEqual(Float32Array.of(0, 0.25, 0.75, 1));
  const values = tensor(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [1, 4, 6],
  );
  expect(heatMap(values, layout, { picture: grey(40, 60) })).toMatchObject({ width: 60, height: 40, channels: 3 });
  expect(heatMap(values, layout)).toMatchObject({ width: 6, height: 4 });
});

it('PNG files hold the pixels as they are', async () => {
  for (const channels of [1, 3, 4] as const) {
    const data = Uint8Array.from({ length: 5 * 7 * channels }, (_, i) => (i * 37) % 256);
    const image: Image = { width: 7, height: 5, channels, data };
    const again = await decodeImage(encodePng(image));
    expect([again.width, again.height, again.channels]).toEqual([7, 5, channels]);
    expect([...again.data]).toEqual([...data]);
  }
});
