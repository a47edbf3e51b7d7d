// Trains one model and says how it went.

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Share of rows whose highest score is the label's; scores may be of any loss. */
async function accuracyOf(model, { x, y }) {
  const { data } = await model.predict(x);
  const classes = data.length / y.length;
  let right = 0;
  for (let row = 0; row < y.length; row++) {
    const scores = data.subarray(row * classes, (row + 1) * classes);
    if (scores.indexOf(Math.max(...scores)) === y[row]) right++;
  }
  return right / y.length;
}

/** Accuracy after each epoch, CPU seconds of the fastest epoch, and bytes of the linear memory. `labels` writes class indexes as the loss wants them. */
export async function train(model, compile, { train: rows, test }, epochs, labels = (y) => y) {
  await model.compile({ batchSize: 32, flavour: 'simd', ...compile });
  await model.preparePartial(rows.y.length % 32);
  const y = labels(rows.y);
  const accuracy = [];
  const seconds = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const before = process.cpuUsage();
    await model.fit(rows.x, y, { initialEpoch: epoch, epochs: epoch + 1, verbose: 0 });
    const { user, system } = process.cpuUsage(before);
    seconds.push((user + system) / 1e6);
    accuracy.push(await accuracyOf(model, test));
  }
  return { accuracy, seconds: Math.min(...seconds), bytes: model.memory.totalBytes };
}

/** Runs of several seeds as one row: mean final accuracy, median of the first epoch at `target`. */
export function summary(runs, target) {
  const reached = runs.map(({ accuracy }) => accuracy.findIndex((value) => value >= target) + 1 || Number.POSITIVE_INFINITY);
  const final = runs.map(({ accuracy }) => accuracy.at(-1));
  return {
    accuracy: mean(final),
    spread: Math.max(...final) - Math.min(...final),
    epochs: median(reached),
    // Other work on the machine only ever adds.
    seconds: Math.min(...runs.map(({ seconds }) => seconds)),
    bytes: runs[0].bytes,
  };
}
