// Prints how much the resident memory grows: bytes a run, and bytes a model that is made and dropped. Needs node --expose-gc.
import { dense, flatten, input, load, sequential } from '../../dist/index.js';

const model = sequential([input({ shape: [16, 16, 1] }), flatten(), dense({ units: 64, activation: 'relu' }), dense({ units: 10 })]);
const bytes = model.export();
const x = new Float32Array(256).fill(0.5);
const name = model.network.inputs[0].name;

/** The least growth a repetition over three thirds, after a first one that warms up. */
async function growth(repetitions, action) {
  const third = Math.floor(repetitions / 3);
  const slopes = [];
  for (let round = -1; round < 3; round++) {
    gc();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < third; i++) await action();
    // Memories are freed by finalizers, which run after a turn of the loop.
    for (let turn = 0; turn < 3; turn++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (round >= 0) slopes.push((process.memoryUsage().rss - before) / third);
  }
  return Math.min(...slopes);
}

const loaded = await load(bytes);
const runs = await growth(10_000, () => loaded.run({ [name]: x }));
const models = await growth(200, async () => (await load(bytes)).run({ [name]: x }));
console.log(JSON.stringify({ runs, models }));
