import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as t from '../../src/index.ts';
import { randomRows, testNetworks } from '../networks.ts';

const quiet = { verbose: 0 } as const;
const bits = (model: t.Model) => t.save(model);

function blobs(rows: number, seed = 1) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const y = Int32Array.from({ length: rows }, () => next() * 3);
  const x = Float32Array.from({ length: rows * 2 }, (_, i) => (y[i >> 1] as number) * (i % 2 ? 1 : -1) + next() * 0.8);
  return { x, y };
}

const classifier = (seed = 1) =>
  t.sequential([t.input({ shape: [2] }), t.dense({ units: 8, activation: 'relu' }), t.dropout({ rate: 0.1 }), t.dense({ units: 3 })], {
    seed,
  });
const options = {
  optimizer: t.adam({ learningRate: 0.02 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  batchSize: 16,
} as const;

describe.each(testNetworks)('$name', ({ build, compile }) => {
  it('overfits one batch: the loss falls', async () => {
    const model = build();
    await model.compile({ ...compile, optimizer: t.adam({ learningRate: 0.01 }) });
    const { x, y } = randomRows(model, model.batchSize);
    const first = (await model.evaluate(x, y)).loss as number;
    for (let step = 0; step < 60; step++) await model.trainOnBatch(x, y);
    expect((await model.evaluate(x, y)).loss).toBeLessThan(first * 0.9);
  });

  it('gives the same bits on every run, on scalar as on simd, and on after save and load', async () => {
    const run = async (flavour: t.Flavour, interrupted: boolean) => {
      let model = build();
      await model.compile({ ...compile, flavour });
      const { x, y } = randomRows(model, 19);
      await model.fit(x, y, { ...quiet, epochs: interrupted ? 2 : 4 });
      if (interrupted) {
        model = await t.loadModel(t.save(model));
        await model.fit(x, y, { ...quiet, initialEpoch: 2, epochs: 4 });
      }
      return model.state().map(({ data }) => Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
    };
    const expected = await run('simd', false);
    expect(await run('simd', false)).toEqual(expected);
    expect(await run('scalar', false)).toEqual(expected);
    expect(await run('simd', true)).toEqual(expected);
  });
});

it('learns, and records losses and metrics by epoch', async () => {
  const model = classifier();
  await model.compile(options);
  const { x, y } = blobs(200);
  const { epoch, history } = await model.fit(x, y, { ...quiet, epochs: 12, validationSplit: 0.2 });
  expect(epoch).toEqual([...Array(12).keys()]);
  expect(Object.keys(history)).toEqual(['loss', 'accuracy', 'val_loss', 'val_accuracy']);
  expect(history.val_accuracy?.at(-1)).toBeGreaterThan(0.95);
});

it('resumes in another process with the same bits', async () => {
  const model = classifier();
  await model.compile(options);
  const { x, y } = blobs(50);
  await model.fit(x, y, { ...quiet, epochs: 2 });
  const folder = mkdtempSync(join(tmpdir(), 'thimble-'));
  writeFileSync(join(folder, 'half.safetensors'), t.save(model));
  writeFileSync(join(folder, 'data.json'), JSON.stringify({ x: [...x], y: [...y] }));
  const script = `import { loadModel, save } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    import { readFileSync, writeFileSync } from 'node:fs';
    const { x, y } = JSON.parse(readFileSync('data.json', 'utf8'));
    const model = await loadModel(new Uint8Array(readFileSync('half.safetensors')));
    await model.fit(Float32Array.from(x), Int32Array.from(y), { initialEpoch: 2, epochs: 5, verbose: 0 });
    writeFileSync('whole.safetensors', save(model));`;
  writeFileSync(join(folder, 'resume.mjs'), script);
  execFileSync(process.execPath, ['resume.mjs'], { cwd: folder });
  await model.fit(x, y, { ...quiet, initialEpoch: 2, epochs: 5 });
  expect(new Uint8Array(readFileSync(join(folder, 'whole.safetensors')))).toEqual(bits(model));
});

it('takes the last partial batch exactly: its mean, its batch statistics', async () => {
  const build = () => t.sequential([t.input({ shape: [2] }), t.dense({ units: 4 }), t.batchNormalization(), t.dense({ units: 3 })]);
  const { x, y } = blobs(21);
  const together = build();
  await together.compile({ ...options, optimizer: t.sgd({ learningRate: 0.1 }) });
  await together.fit(x, y, { ...quiet, shuffle: false });
  const apart = build();
  await apart.compile({ ...options, optimizer: t.sgd({ learningRate: 0.1 }), batchSize: 16 });
  await apart.trainOnBatch(x.slice(0, 32), y.slice(0, 16));
  const rest = build();
  await rest.compile({ ...options, optimizer: t.sgd({ learningRate: 0.1 }), batchSize: 5 });
  rest.setWeights(apart.getWeights());
  await rest.trainOnBatch(x.slice(32), y.slice(16));
  expect(together.getWeights()).toEqual(rest.getWeights());
});

it('takes datasets: async iterables of batches of any size', async () => {
  const { x, y } = blobs(40);
  async function* batches() {
    yield [x.slice(0, 32), y.slice(0, 16)] as const;
    yield { x: { dtype: 'f32' as const, shape: [24, 2], data: x.slice(32) }, y: y.slice(16) };
  }
  const dataset = { [Symbol.asyncIterator]: batches };
  const [a, b] = [classifier(), classifier()];
  await a.compile(options);
  await b.compile(options);
  const history = await a.fit(dataset, { ...quiet, epochs: 2 });
  expect(history.epoch).toEqual([0, 1]);
  for (let epoch = 0; epoch < 2; epoch++) {
    await b.trainOnBatch(x.slice(0, 32), y.slice(0, 16));
    await b.trainOnBatch(x.slice(32), y.slice(16));
  }
  expect(a.getWeights()).toEqual(b.getWeights());
});

it('accumulated gradients of two half batches are the gradient of the whole', async () => {
  const build = () => t.sequential([t.input({ shape: [2] }), t.dense({ units: 3 })]);
  const { x, y } = blobs(16);
  const whole = build();
  await whole.compile({ ...options, optimizer: t.sgd({ learningRate: 0.5, momentum: 0.9 }) });
  await whole.trainOnBatch(x, y);
  const halves = build();
  await halves.compile({ ...options, optimizer: t.sgd({ learningRate: 0.5, momentum: 0.9, gradientAccumulationSteps: 2 }), batchSize: 8 });
  const start = halves.getWeights();
  await halves.trainOnBatch(x.slice(0, 16), y.slice(0, 8));
  expect(halves.getWeights()).toEqual(start);
  await halves.trainOnBatch(x.slice(16), y.slice(8));
  halves.getWeights().forEach((weights, i) => {
    weights.forEach((value, j) => {
      expect(value).toBeCloseTo(whole.getWeights()[i]?.[j] as number, 5);
    });
  });
});

it('sample and class weights scale the loss of their rows', async () => {
  const build = () => t.sequential([t.input({ shape: [2] }), t.dense({ units: 3 })]);
  const { x, y } = blobs(16);
  const [bySample, byClass, plain] = [build(), build(), build()];
  for (const model of [bySample, byClass, plain]) await model.compile({ ...options, optimizer: t.sgd({ learningRate: 0.5 }) });
  await bySample.fit(x, y, { ...quiet, shuffle: false, sampleWeight: Float32Array.from(y, (label) => [1, 0, 3][label] as number) });
  await byClass.fit(x, y, { ...quiet, shuffle: false, classWeight: { 0: 1, 1: 0, 2: 3 } });
  await plain.fit(x, y, { ...quiet, shuffle: false });
  expect(byClass.getWeights()).toEqual(bySample.getWeights());
  expect(plain.getWeights()).not.toEqual(bySample.getWeights());
});

it('frozen layers keep their bits and cost no gradient memory and no backward work', async () => {
  const build = () =>
    t.sequential([
      t.input({ shape: [2] }),
      t.dense({ units: 64, name: 'backbone', activation: 'relu' }),
      t.dense({ units: 3, name: 'head' }),
    ]);
  const { x, y } = blobs(32);
  const [all, head] = [build(), build()];
  head.setTrainable((layer) => layer.layerName === 'head');
  await all.compile(options);
  await head.compile(options);
  const before = head.getWeights();
  await head.fit(x, y, quiet);
  const after = head.getWeights();
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(after[2]).not.toEqual(before[2]);
  const train = (model: t.Model) => model.memory.methods.find(({ name }) => name === 'train');
  expect(train(head)?.nodes.filter((name) => name.startsWith('backbone') && name.includes('grad'))).toEqual([]);
  expect(train(all)?.nodes.some((name) => name.startsWith('backbone') && name.includes('grad'))).toBe(true);
  expect(head.memory.regions.state).toBeLessThan(all.memory.regions.state);
  head.setTrainable(() => false);
  await expect(head.compile(options)).rejects.toMatchObject({ code: 'INPUT' });
});

it('clips gradients by value, norm and global norm', async () => {
  const { x, y } = blobs(16);
  const build = () => t.sequential([t.input({ shape: [2] }), t.dense({ units: 3 })]);
  const moved = async (given: Partial<t.SgdOptions>) => {
    const model = build();
    const start = model.getWeights();
    await model.compile({ ...options, optimizer: t.sgd({ learningRate: 1, ...given }) });
    await model.trainOnBatch(x, y);
    return model.getWeights().map((weights, i) => weights.map((value, j) => value - (start[i]?.[j] as number)));
  };
  const norm = (...arrays: (Float32Array | undefined)[]) =>
    Math.sqrt(arrays.reduce((sum, a) => sum + (a ?? new Float32Array()).reduce((s, v) => s + v * v, 0), 0));
  expect(Math.max(...(await moved({ clipValue: 0.01 })).flatMap((a) => [...a].map(Math.abs)))).toBeCloseTo(0.01, 5);
  for (const a of await moved({ clipNorm: 0.02 })) expect(norm(a)).toBeCloseTo(0.02, 4);
  expect(norm(...(await moved({ globalClipNorm: 0.03 })))).toBeCloseTo(0.03, 4);
  expect(await moved({ globalClipNorm: 1e6 })).toEqual(await moved({}));
});

it('bad input is an INPUT error that names it', async () => {
  const model = classifier();
  await expect(model.evaluate(new Float32Array(2), new Int32Array(1))).rejects.toMatchObject({ code: 'INPUT' });
  await model.compile(options);
  const { x, y } = blobs(16);
  const bad: [unknown, unknown, RegExp][] = [
    [x.slice(1), y, /wrong shape/],
    [x, y.slice(1), /number of rows/],
    [x, Int32Array.from(y, () => 7), /label 0 is 7/],
    [x, Float32Array.from(y), /wrong dtype/],
    [[...x], y, /typed array|dataset|iter/],
    [{ other: x }, y, /no input "other"/],
    [x.slice(0, 0), y.slice(0, 0), /no rows/],
  ];
  for (const [badX, badY, message] of bad) {
    await expect(model.fit(badX as never, badY as never, quiet)).rejects.toThrow(message);
  }
  const regression = t.sequential([t.input({ shape: [2] }), t.dense({ units: 1 })]);
  await regression.compile({ optimizer: 'sgd', loss: 'mse' });
  await expect(
    regression.fit(
      x,
      Float32Array.from(y, () => Number.NaN),
      quiet,
    ),
  ).rejects.toThrow(/label 0 is NaN/);
  expect(() => t.dense({ unit: 3 } as never)).toThrow(/no option "unit"/);
  expect(() => t.sequential([t.dense({ units: 3 })])).toThrow(/starts with its input/);
});

describe('files', () => {
  it('a damaged model file is a FORMAT error', async () => {
    const model = classifier();
    await model.compile(options);
    const bytes = t.save(model);
    for (const damaged of [bytes.slice(0, 40), bytes.slice(0, -4), new Uint8Array(3), new TextEncoder().encode('{"a":1}'.repeat(20))]) {
      await expect(t.loadModel(damaged)).rejects.toMatchObject({ code: 'FORMAT' });
    }
  });

  it('weights alone load into a model by name, all or none', async () => {
    const [from, to] = [classifier(1), classifier(2)];
    expect(to.getWeights()).not.toEqual(from.getWeights());
    t.loadWeights(to, t.save(from));
    expect(to.getWeights()).toEqual(from.getWeights());
    const before = to.getWeights();
    expect(() => t.loadWeights(to, t.save(t.sequential([t.input({ shape: [2] }), t.dense({ units: 8 })])))).toThrow(t.ThimbleError);
    expect(to.getWeights()).toEqual(before);
  });

  it('checkpoints, CSV logs: whole files, no temporary ones left', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'thimble-'));
    const model = classifier();
    await model.compile(options);
    const { x, y } = blobs(48);
    const csv = join(folder, 'log.csv');
    await model.fit(x, y, {
      ...quiet,
      epochs: 2,
      callbacks: [new t.ModelCheckpoint(join(folder, 'at-{epoch:02d}.safetensors')), new t.CSVLogger(csv)],
    });
    await model.fit(x, y, { ...quiet, initialEpoch: 2, epochs: 3, callbacks: [new t.CSVLogger(csv, { append: true })] });
    expect(readdirSync(folder).sort()).toEqual(['at-01.safetensors', 'at-02.safetensors', 'log.csv']);
    expect(
      readFileSync(csv, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(',')[0]),
    ).toEqual(['epoch', '0', '1', '2']);
    await expect(model.fit(x, y, { ...quiet, callbacks: [new t.ModelCheckpoint(join(folder, 'none', 'x'))] })).rejects.toMatchObject({
      code: 'INPUT',
    });
  });
});

describe('callbacks', () => {
  const run = async (callbacks: t.Callback[], epochs = 12) => {
    const model = classifier();
    await model.compile(options);
    const { x, y } = blobs(64);
    return { model, history: await model.fit(x, y, { ...quiet, epochs, validationSplit: 0.25, callbacks }) };
  };

  it('EarlyStopping stops and restores the best weights', async () => {
    const stopping = new t.EarlyStopping({ monitor: 'val_loss', patience: 2, minDelta: 10, restoreBestWeights: true });
    let best: Float32Array[] | undefined;
    const { model, history } = await run([
      stopping,
      {
        onEpochEnd(epoch, _, view) {
          if (epoch === 0) best = view.getWeights();
        },
      },
    ]);
    expect(history.epoch).toEqual([0, 1, 2]);
    expect(stopping.stoppedEpoch).toBe(2);
    expect(model.getWeights()).toEqual(best);
    await expect(run([new t.EarlyStopping({ monitor: 'val_nothing' })])).rejects.toThrow(/nothing named "val_nothing"/);
  });

  it('LearningRateScheduler and ReduceLROnPlateau set the rate', async () => {
    const rates: number[] = [];
    const watch: t.Callback = { onEpochEnd: (_, __, view) => void rates.push(view.learningRate) };
    await run([new t.LearningRateScheduler((epoch) => 0.01 / (epoch + 1)), watch], 3);
    expect(rates).toEqual([0.01, 0.005, 0.01 / 3]);
    rates.length = 0;
    await run([new t.ReduceLROnPlateau({ minDelta: 100, patience: 1, factor: 0.5, minLr: 0.004 }), watch], 5);
    expect(rates).toEqual([0.02, 0.01, 0.005, 0.004, 0.004]);
  });

  it('TerminateOnNaN stops', async () => {
    const model = classifier();
    await model.compile({ ...options, optimizer: t.sgd({ learningRate: 1e30 }) });
    const { x, y } = blobs(160);
    const { epoch } = await model.fit(x, y, { ...quiet, epochs: 50, callbacks: [new t.TerminateOnNaN()] });
    expect(epoch.length).toBeLessThan(50);
  });

  it('the progress bar shows batches, time left and metrics on a terminal, a line an epoch elsewhere', async () => {
    const written: string[] = [];
    const output = (isTTY: boolean) => ({ isTTY, write: (text: string) => written.push(text) });
    const model = classifier();
    await model.compile(options);
    const { x, y } = blobs(64);
    await model.fit(x, y, { epochs: 2, output: output(true) });
    expect(written.join('')).toMatch(/Epoch 1\/2 .*\d+\/4 · ETA \d+s · loss \d/);
    written.length = 0;
    await model.fit(x, y, { epochs: 2, output: output(false) });
    expect(written).toHaveLength(2);
    expect(written[1]).toMatch(/^Epoch 2\/2 \d+s · loss [\d.]+ · accuracy [\d.]+\n$/);
  });
});

it('summary counts parameters, MACs and bytes', async () => {
  const model = t.sequential([t.input({ shape: [8, 8, 1] }), t.conv2d({ filters: 4, kernelSize: 3 }), t.flatten(), t.dense({ units: 10 })]);
  await model.compile(options);
  const summary = model.summary();
  expect(summary.parameters).toBe(4 * 9 + 4 + 144 * 10 + 10);
  expect(summary.macs).toBe(36 * 9 * 4 + 1440);
  expect(summary.layers.map(({ outputShape }) => outputShape)).toEqual([[6, 6, 4], [144], [10]]);
  expect(summary.layers[0]?.bytes).toEqual({ state: 9 * 8 * 4 + 16, moments: 2 * (9 * 8 * 4 + 16), arena: 576 });
  expect(`${summary}`).toMatch(/conv2d\s+conv2d\s+\[6, 6, 4\]\s+40/);
});
