// Classifies a digit, trains a few steps, classifies it again: the module on its own, in Node.
import { readFileSync } from 'node:fs';
import { Digits } from './digits.mjs';

const read = (name) => readFileSync(new URL(name, import.meta.url));
const model = await Digits.load(read('digits.wasm'));
const data = read('digits.bin');
const pixels = (from, rows) => Float32Array.from({ length: rows * 64 }, (_, i) => data[(from + Math.floor(i / 64)) * 65 + (i % 64)] / 16);
const labels = Int32Array.from({ length: 32 }, (_, i) => data[(1 + i) * 65 + 64]);

function classify() {
  const { predictions } = model.infer({ input: pixels(0, 1) });
  const digit = predictions.indexOf(Math.max(...predictions));
  const bits = new Uint32Array(predictions.buffer);
  console.log(`a ${data[64]} looks like a ${digit}: ${[...bits].map((word) => word.toString(16).padStart(8, '0')).join(' ')}`);
}

classify();
for (let step = 0; step < 5; step++) {
  const { loss } = model.trainStep({ input: pixels(1, 32), labels });
  console.log(`step ${step + 1}: loss ${new Uint32Array(loss.buffer)[0].toString(16).padStart(8, '0')}`);
}
classify();
