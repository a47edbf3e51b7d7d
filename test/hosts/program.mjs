// The one program that every host runs: load the digits model, infer, train 20 steps, save a checkpoint, restore it elsewhere, go on; then build
// and train a model from layers. Returns what all hosts must agree on.

const STEPS = 20;
const MORE = 5;
const PIXELS = 64;

/**
 * @param runtime the exports of `thimble/runtime`
 * @param thimble the exports of `thimble`
 * @param model bytes of digits.thimble
 * @param data 64 pixels and the label of each digit, as bytes
 */
export async function program({ runtime, thimble, model: bytes, data }) {
  const model = await runtime.load(bytes, { flavour: 'simd' });
  const { batchSize } = model.training;
  const batch = (step) => batchOf(data, step, batchSize);
  const accuracyBefore = accuracyOf(model, data);
  const evidence = [logits(model, data)];
  for (let step = 0; step < STEPS; step++) evidence.push(lossOf(model, batch(step)));
  const accuracyAfter = accuracyOf(model, data);

  const saved = model.checkpoint();
  const again = await runtime.load(bytes, { flavour: 'simd' });
  again.restore(saved);
  expect(again.step === model.step, `the restored model is at step ${again.step}, not ${model.step}`);
  for (let step = STEPS; step < STEPS + MORE; step++) {
    const [loss, restored] = [lossOf(model, batch(step)), lossOf(again, batch(step))];
    expect(loss[0] === restored[0], `after the checkpoint the loss is ${restored[0]}, not ${loss[0]}`);
    evidence.push(loss);
  }
  evidence.push(model.checkpoint(), await trainedFromLayers(thimble, data));

  // The flavour the host chooses by itself may round otherwise, but finds the same digits.
  const chosen = await runtime.load(bytes);
  const [a, b] = [logits(await runtime.load(bytes, { flavour: 'simd' }), data), logits(chosen, data)];
  const apart = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  expect(apart < 1e-4, `the ${chosen.flavour} kernels are ${apart} away from the simd ones`);
  return {
    hash: await sha256(evidence),
    flavour: chosen.flavour,
    reason: chosen.flavourReason,
    accuracyBefore,
    accuracyAfter,
    memory: chosen.session.memory.buffer.byteLength,
  };
}

function expect(holds, problem) {
  if (!holds) throw new Error(problem);
}

const imageOf = (data, i) => Float32Array.from(data.subarray(i * (PIXELS + 1), i * (PIXELS + 1) + PIXELS), (value) => value / 16);
const labelOf = (data, i) => data[i * (PIXELS + 1) + PIXELS];
const countOf = (data) => data.length / (PIXELS + 1);

function batchOf(data, step, size) {
  const input = new Float32Array(size * PIXELS);
  const labels = new Int32Array(size);
  for (let row = 0; row < size; row++) {
    const i = (step * size + row) % countOf(data);
    input.set(imageOf(data, i), row * PIXELS);
    labels[row] = labelOf(data, i);
  }
  return { input, labels };
}

const lossOf = (model, feeds) => Float32Array.of(model.trainStep(feeds).loss);

const scoresOf = (model, data, i) => model.run({ input: imageOf(data, i) }).predictions.data;

const logits = (model, data) => Float32Array.from(Array.from({ length: 20 }, (_, i) => [...scoresOf(model, data, i)]).flat());

function accuracyOf(model, data) {
  let right = 0;
  for (let i = 0; i < countOf(data); i++) {
    const scores = scoresOf(model, data, i);
    if (scores.indexOf(Math.max(...scores)) === labelOf(data, i)) right++;
  }
  return right / countOf(data);
}

async function trainedFromLayers({ sequential, input, dense, dropout, adam }, data) {
  const model = sequential([
    input({ shape: [PIXELS] }),
    dense({ units: 16, activation: 'tanh' }),
    dropout({ rate: 0.2 }),
    dense({ units: 10 }),
  ]);
  await model.compile({ optimizer: adam(), loss: 'sparseCategoricalCrossentropy', batchSize: 32 });
  const { input: x, labels } = batchOf(data, 0, 320);
  const { history } = await model.fit(x, labels, { epochs: 2, verbose: 0 });
  return Float64Array.from(history.loss);
}

async function sha256(arrays) {
  const parts = arrays.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const digest = await crypto.subtle.digest('SHA-256', all);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
