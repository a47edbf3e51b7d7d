import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  augmentation,
  type Channels,
  centred,
  crop,
  decodeImage,
  type Filter,
  fitted,
  type Image,
  normalized,
  preprocess,
  preprocessing,
  resize,
  withChannels,
} from '../../src/data/index.ts';

interface Golden {
  readonly resized: readonly { from: [number, number]; to: [number, number]; channels: 1 | 3; filter: Filter; pixels: string }[];
  readonly files: readonly { name: string; file: string; size: [number, number]; channels: Channels; pixels: string }[];
  readonly luma: string;
}

/** What Pillow makes of the same files and pixels: see golden/pictures.py. */
const golden = JSON.parse(readFileSync(new URL('golden/pictures.json', import.meta.url), 'utf8')) as Golden;
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

function noise(width: number, height: number, channels: Channels, seed = 7): Image {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * channels }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, channels, data };
}

describe('resize gives the pixels of Pillow', () => {
  test.each(['nearest', 'area', 'bilinear', 'bicubic', 'lanczos'] as const)('%s', (filter) => {
    const cases = golden.resized.filter((entry) => entry.filter === filter);
    expect(cases.length).toBe(16);
    for (const { from, to, channels, pixels } of cases) {
      const result = resize(noise(...from, channels), ...to, filter);
      expect({ from, to, ...result }).toEqual({ from, to, width: to[0], height: to[1], channels, data: bytesOf(pixels) });
    }
  });

  test('an image of one colour stays it, whatever the filter', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const filter = fc.constantFrom<Filter>('nearest', 'area', 'bilinear', 'bicubic', 'lanczos');
    fc.assert(
      fc.property(size, size, size, size, filter, fc.integer({ min: 0, max: 255 }), (w, h, width, height, name, colour) => {
        const flat: Image = { width: w, height: h, channels: 1, data: new Uint8Array(w * h).fill(colour) };
        expect(new Set(resize(flat, width, height, name).data)).toEqual(new Set([colour]));
      }),
    );
  });

  test('a size that is none is an error', () => {
    for (const [width, height] of [
      [0, 4],
      [4, 1.5],
      [1e6, 1],
    ] as const)
      expect(() => resize(noise(4, 4, 1), width, height)).toThrow(/whole numbers from 1/);
    expect(() => resize({ ...noise(4, 4, 1), width: 5 }, 2, 2)).toThrow(/not an image/);
    expect(() => resize(noise(4, 4, 1), 2, 2, 'gauss' as Filter)).toThrow(/no filter "gauss"/);
  });
});

describe('decodeImage', () => {
  test.each(golden.files)('$name', async ({ name, file, size, channels, pixels }) => {
    const image = await decodeImage(bytesOf(file));
    expect([image.width, image.height, image.channels]).toEqual([...size, channels]);
    const expected = bytesOf(pixels);
    const worst = image.data.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (expected[i] as number))), 0);
    // Inverse cosine transforms of JPEG decoders round differently; chroma at half the resolution is interpolated by libjpeg and repeated here.
    expect(worst).toBeLessThanOrEqual(name === '420.jpg' ? 24 : name.endsWith('.jpg') ? 4 : 0);
    expect(image.data.length).toBe(expected.length);
  });

  test('damaged, empty and foreign files are FORMAT errors', async () => {
    const files = golden.files
      .filter(({ name }) => /^(RGB.png|L.png|444.jpg|progressive.jpg|RGB.bmp|palette8.bmp)$/.test(name))
      .map(({ file }) => bytesOf(file));
    expect(files.length).toBe(6);
    for (const file of files) {
      for (const end of [3, 10, 40, Math.floor(file.length / 2), file.length - 16])
        await expect(decodeImage(file.subarray(0, end)), `${end} of ${file.length} bytes`).rejects.toMatchObject({ code: 'FORMAT' });
    }
    await expect(decodeImage(new Uint8Array())).rejects.toThrow(/the file is empty/);
    await expect(decodeImage(new TextEncoder().encode('GIF89a'))).rejects.toThrow(/no PNG, JPEG or BMP.*decoder/);
  });

  test('a compressed bitmap says so', async () => {
    const file = bytesOf((golden.files.find(({ name }) => name === 'palette8.bmp') as { file: string }).file);
    file[30] = 1;
    await expect(decodeImage(file)).rejects.toThrow(/the pixels of the BMP are compressed.*as PNG/);
  });

  test.each(['444.jpg', 'palette4.bmp', '565.bmp'])('no bytes crash it: %s', async (kind) => {
    const file = bytesOf((golden.files.find(({ name }) => name === kind) as { file: string }).file);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        async (edits) => {
          const damaged = file.slice();
          for (const [at, value] of edits) damaged[at] = value;
          await decodeImage(damaged).catch((error) => expect(error).toMatchObject({ code: 'FORMAT' }));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a header of giant extent allocates nothing', async () => {
    const png = bytesOf((golden.files[0] as { file: string }).file);
    new DataView(png.buffer).setUint32(16, 2 ** 31 - 1);
    await expect(decodeImage(png)).rejects.toThrow(/it has 2147483647 × 24 pixels/);
  });

  test('takes decoders of other formats', async () => {
    const decoder = { name: 'X', matches: (bytes: Uint8Array) => bytes[0] === 88, decode: () => noise(2, 2, 3) };
    expect(await decodeImage(Uint8Array.of(88), [decoder])).toEqual(noise(2, 2, 3));
  });
});

describe('channels', () => {
  test('grey is the luma of Pillow', () => {
    expect(withChannels(noise(16, 16, 3, 3), 1).data).toEqual(bytesOf(golden.luma));
  });
  test('grey to colour repeats, alpha is dropped or opaque', () => {
    expect([...withChannels({ width: 2, height: 1, channels: 1, data: Uint8Array.of(7, 9) }, 3).data]).toEqual([7, 7, 7, 9, 9, 9]);
    expect([...withChannels({ width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 4) }, 3).data]).toEqual([1, 2, 3]);
    expect([...withChannels({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, 4).data]).toEqual([1, 2, 3, 255]);
  });
});

describe('crop and pad', () => {
  const image = noise(5, 4, 3);
  const at = ({ width, channels, data }: Image, x: number, y: number) => [
    ...data.subarray((y * width + x) * channels, (y * width + x + 1) * channels),
  ];
  test('a window, inside and beyond the borders', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -7, max: 7 }),
        fc.integer({ min: -7, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (left, top, w, h) => {
          const part = crop(image, left, top, w, h, 77);
          for (let y = 0; y < h; y++) {
            for (let x = 0; x < w; x++) {
              const inside = x + left >= 0 && x + left < 5 && y + top >= 0 && y + top < 4;
              expect(at(part, x, y)).toEqual(inside ? at(image, x + left, y + top) : [77, 77, 77]);
            }
          }
        },
      ),
    );
  });
  test('centred takes from and gives to all sides alike', () => {
    expect(at(centred(image, 3, 2), 0, 0)).toEqual(at(image, 1, 1));
    expect(at(centred(image, 7, 6, 9), 1, 1)).toEqual(at(image, 0, 0));
    expect(at(centred(image, 7, 6, 9), 0, 0)).toEqual([9, 9, 9]);
  });
});

describe('preprocess', () => {
  const image = noise(20, 10, 3);
  test('normalises each channel in its order and layout', () => {
    const spec = preprocessing({ width: 4, height: 2, mean: [10, 20, 30], deviation: [1, 2, 4], order: 'bgr', layout: 'nchw' });
    const { data } = fitted(image, spec);
    const result = preprocess(image, spec);
    expect(result).toMatchObject({ dtype: 'f32', shape: [3, 2, 4] });
    for (let i = 0; i < 8; i++) {
      expect(result.data[i]).toBe((data[i * 3 + 2] as number) - 10);
      expect(result.data[8 + i]).toBe(((data[i * 3 + 1] as number) - 20) / 2);
      expect(result.data[16 + i]).toBe(((data[i * 3] as number) - 30) / 4);
    }
  });
  test('of an int8 model: quantised as its input', () => {
    const spec = preprocessing({ width: 20, height: 10, dtype: 'i8', scale: 1 / 128, zeroPoint: -1, mean: 128, deviation: 128 });
    expect(Array.from(preprocess(image, spec).data)).toEqual(Array.from(image.data, (sample) => Math.max(-128, sample - 129)));
    const bytes = preprocessing({ width: 20, height: 10, dtype: 'u8', scale: 1 / 128, zeroPoint: 128, mean: 128, deviation: 128 });
    expect(preprocess(image, bytes).data).toEqual(image.data);
  });
  test('fits as it says', () => {
    const square = { width: 10, height: 10, mean: 0, deviation: 1 } as const;
    expect(fitted(image, preprocessing(square))).toEqual(resize(image, 10, 10));
    expect(fitted(image, preprocessing({ ...square, fit: 'cover' }))).toEqual(crop(image, 5, 0, 10, 10));
    expect(fitted(image, preprocessing({ ...square, fit: 'contain', fill: 5 }))).toEqual(crop(resize(image, 10, 5), 0, -3, 10, 10, 5));
    expect(fitted(image, preprocessing({ ...square, fit: 'cover', crop: 0.5 }))).toEqual(crop(resize(image, 40, 20), 15, 5, 10, 10));
    expect(fitted(image, preprocessing({ ...square, channels: 1 })).channels).toBe(1);
  });
  test('a wrong specification names its field', () => {
    for (const wrong of [
      { width: 0 },
      { channels: 2 },
      { fit: 'squeeze' },
      { crop: 0 },
      { mean: [1, 2] },
      { deviation: 0 },
      { dtype: 'f64' },
      { scale: -1 },
    ]) {
      const [field] = Object.keys(wrong);
      expect(() => preprocessing({ width: 4, height: 4, ...(wrong as object) })).toThrow(new RegExp(`${field} of the preprocessing`));
    }
  });
});

describe('augmentation', () => {
  const image = noise(24, 16, 3);
  const position = { epoch: 2, index: 5 };
  const everything = {
    flip: true,
    flipVertical: true,
    shift: 0.2,
    rotate: 20,
    zoom: 0.2,
    crop: 0.7,
    brightness: 0.3,
    contrast: 0.3,
    cutout: 0.3,
  };
  test('is a function of seed, epoch and index', () => {
    const change = augmentation({ ...everything, seed: 3 });
    expect(change(image, position)).toEqual(change(image, position));
    const others = [
      change(image, { epoch: 3, index: 5 }),
      change(image, { epoch: 2, index: 6 }),
      augmentation({ ...everything, seed: 4 })(image, position),
    ];
    for (const other of others) expect(other.data).not.toEqual(change(image, position).data);
  });
  test('does nothing where nothing is asked for', () => {
    expect(augmentation({})(image, position)).toEqual(image);
  });
  const drawn = (options: Parameters<typeof augmentation>[0], of = image) =>
    Array.from({ length: 200 }, (_, index) => augmentation(options)(of, { epoch: 0, index }).data);
  test('flip mirrors exactly, half of the time', () => {
    const mirrored = Uint8Array.from({ length: image.data.length }, (_, i) => {
      const [pixel, c] = [Math.floor(i / 3), i % 3];
      return image.data[(Math.floor(pixel / 24) * 24 + 23 - (pixel % 24)) * 3 + c] as number;
    });
    const results = drawn({ flip: true });
    const flips = results.filter((data) => data.join() === mirrored.join()).length;
    expect(results.filter((data) => data.join() === image.data.join()).length).toBe(200 - flips);
    expect(flips).toBeGreaterThan(70);
    expect(flips).toBeLessThan(130);
  });
  test('brightness scales the mean, contrast leaves it', () => {
    const grey: Image = { width: 16, height: 16, channels: 1, data: Uint8Array.from({ length: 256 }, (_, i) => 96 + (i % 16)) };
    const mean = (data: Uint8Array) => data.reduce((a, b) => a + b, 0) / data.length;
    const range = (data: Uint8Array) => Math.max(...data) - Math.min(...data);
    const bright = drawn({ brightness: 0.5 }, grey).map((data) => mean(data) / 103.5);
    expect(Math.min(...bright)).toBeGreaterThan(0.49);
    expect(Math.min(...bright)).toBeLessThan(0.55);
    expect(Math.max(...bright)).toBeLessThan(1.51);
    const contrasts = drawn({ contrast: 0.5 }, grey);
    for (const data of contrasts) expect(Math.abs(mean(data) - 103.5)).toBeLessThan(0.6);
    expect(Math.max(...contrasts.map(range))).toBeGreaterThan(20);
    expect(Math.min(...contrasts.map(range))).toBeLessThan(9);
  });
  test('cutout greys a square of its size at most', () => {
    const counts = drawn({ cutout: 0.5 }).map((data) => data.filter((sample, i) => sample !== image.data[i]).length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(8 * 8 * 3);
    expect(Math.min(...counts)).toBeGreaterThan(8 * 3);
  });
  test('shift moves whole pixels of a gradient by as much as it says', () => {
    const ramp: Image = { width: 101, height: 1, channels: 1, data: Uint8Array.from({ length: 101 }, (_, i) => i * 2) };
    const middles = drawn({ shift: 0.1 }, ramp).map((data) => ((data[50] as number) - 100) / 2);
    for (const moved of middles) expect(Math.abs(moved)).toBeLessThanOrEqual(10.6);
    expect(Math.max(...middles)).toBeGreaterThan(8);
    expect(Math.min(...middles)).toBeLessThan(-8);
  });
  test('rotate by 180 degrees at most turns about the middle', () => {
    const dot: Image = { width: 31, height: 31, channels: 1, data: new Uint8Array(961).fill(0) };
    dot.data[15 * 31 + 25] = 255;
    for (const data of drawn({ rotate: 180 }, dot)) {
      const at = data.indexOf(Math.max(...data));
      const distance = Math.hypot((at % 31) - 15, Math.floor(at / 31) - 15);
      expect(Math.abs(distance - 10)).toBeLessThan(1.1);
    }
  });
  test('amounts that are none are errors', () => {
    expect(() => augmentation({ rotate: 200 })).toThrow(/rotate is 200/);
    expect(() => augmentation({ crop: 0 })).toThrow(/crop is 0/);
    expect(() => augmentation({ shift: Number.NaN })).toThrow(/shift is NaN/);
  });
  test('normalized takes what it gives', () => {
    const spec = preprocessing({ width: 8, height: 8 });
    const { shape } = normalized(augmentation(everything)(fitted(image, spec), position), spec);
    expect(shape).toEqual([8, 8, 3]);
  });
});
