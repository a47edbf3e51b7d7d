import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as t from '../../src/index.ts';

/** Computed by librosa and scipy: see golden-sound.py. */
const { cases } = JSON.parse(readFileSync(new URL('golden-sound.json', import.meta.url), 'utf8')) as {
  cases: { options: t.MfccConfig; shape: [number, number]; logMel: number[]; mfcc: number[] }[];
};

/** A chirp and noise. */
function sound(samples: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: samples }, (_, n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 0.5 * Math.sin(n * (0.05 + n * 2e-4)) + 0.1 * (state / 2 ** 31 - 1);
  });
}

describe.each(cases)('$options.scale, frames of $options.frameLength', ({ options, shape, logMel, mfcc }) => {
  const { coefficients, ...mel } = options;
  const predict = async (layer: t.Layer, flavour: t.Flavour) => {
    const model = t.sequential([t.input({ shape: [1600] }), layer]);
    await model.compile({ batchSize: 2, flavour });
    const twice = new Float32Array(3200);
    twice.set(sound(1600), 1600);
    return model.predict(twice);
  };
  const worst = (data: ArrayLike<number>, expected: readonly number[]) =>
    expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (data[i] as number))), 0);

  test.each(['simd', 'scalar'] as const)('logMel is librosa, on %s', async (flavour) => {
    const result = await predict(t.logMel(mel), flavour);
    expect(result.shape).toEqual([2, ...shape]);
    // Logarithms of powers that are themselves sums of hundreds of products.
    expect(worst(result.data.subarray(logMel.length), logMel)).toBeLessThan(2e-3);
    expect(
      worst(
        result.data.subarray(0, logMel.length),
        logMel.map(() => Math.log(options.floor)),
      ),
    ).toBeLessThan(1e-5);
  });
  test('mfcc is its cosine transform', async () => {
    const result = await predict(t.mfcc(options), 'simd');
    expect(result.shape).toEqual([2, shape[0], coefficients]);
    expect(worst(result.data.subarray(mfcc.length), mfcc)).toBeLessThan(5e-3);
  });
});

test('a classifier of sounds is a model like others: trained, saved, loaded', async () => {
  const build = () =>
    t.sequential([
      t.input({ shape: [800] }),
      t.mfcc({ frameLength: 200, hop: 100, mels: 16, lowest: 0, coefficients: 10 }),
      t.flatten(),
      t.dense({ units: 2 }),
    ]);
  const model = build();
  await model.compile({
    optimizer: t.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    batchSize: 8,
  });
  const y = Int32Array.from({ length: 32 }, (_, i) => i % 2);
  const x = Float32Array.from({ length: 32 * 800 }, (_, i) => Math.sin((i % 800) * ((y[Math.floor(i / 800)] as number) ? 0.9 : 0.2) + i));
  await model.fit(x, y, { epochs: 10, verbose: 0 });
  expect((await model.evaluate(x, y)).accuracy).toBe(1);
  expect(await (await t.loadModel(t.save(model))).predict(x)).toEqual(await model.predict(x));
  const [predict, train] = [model.memory.methods.find(({ name }) => name === 'predict'), model.memory.regions.const];
  expect(predict).toBeDefined();
  // The methods share one Fourier matrix: 200 × 202 columns in panels.
  expect(train).toBeLessThan(200 * 208 * 4 + 2 * 202 * 16 * 4 + 4096);
});

test('frames and frequencies that cannot be are errors', () => {
  const on =
    (layer: t.Layer, samples = 800) =>
    () =>
      t.sequential([t.input({ shape: [samples] }), layer]);
  expect(on(t.logMel({ frameLength: 1024 }))).toThrow(/\[1024 or more\]/);
  expect(on(t.logMel({ highest: 9000 }))).toThrow(/highest ≤ sampleRate \/ 2/);
  expect(on(t.logMel({ hop: 0 }))).toThrow(/whole numbers above 0/);
  expect(on(t.mfcc({ mels: 10, coefficients: 11 }))).toThrow(/11 coefficients.*1 to 10/);
});
