import { Random } from '../../src/core/random.ts';
import * as t from '../../src/index.ts';

/** Side of the images, and of the patch that makes an image one of class 1. */
export const SIDE = 16;
export const PATCH = 4;

export interface Planted {
  readonly x: Float32Array;
  readonly y: Int32Array;
  /** Upper left corner of each image's patch; of images of class 0, where none is. */
  readonly corners: readonly (readonly [top: number, left: number])[];
}

/** Images of noise; in those of class 1, a bright frame with a dark centre at a random place. */
export function planted(rows: number, seed: number): Planted {
  const random = new Random(seed);
  const x = Float32Array.from({ length: rows * SIDE * SIDE }, () => random.uniform(0, 0.6));
  const y = Int32Array.from({ length: rows }, (_, i) => i % 2);
  const corners = Array.from(y, (label, row) => {
    const [top, left] = [random.next() % (SIDE - PATCH + 1), random.next() % (SIDE - PATCH + 1)];
    for (let dy = 0; dy < PATCH && label; dy++)
      for (let dx = 0; dx < PATCH; dx++) {
        const isFrame = dy === 0 || dx === 0 || dy === PATCH - 1 || dx === PATCH - 1;
        x[(row * SIDE + top + dy) * SIDE + left + dx] = isFrame ? 1 : 0;
      }
    return [top, left] as const;
  });
  return { x, y, corners };
}

/** A small convolutional network that has learned to tell them apart. */
export async function trained(): Promise<t.Model> {
  const model = t.sequential(
    [
      t.input({ shape: [SIDE, SIDE, 1] }),
      t.conv2d({ filters: 8, kernelSize: 4, padding: 'same', activation: 'relu' }),
      t.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
      t.globalAveragePooling2d(),
      t.dense({ units: 2 }),
    ],
    { seed: 4 },
  );
  await model.compile({
    optimizer: t.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    flavour: 'simd',
  });
  const { x, y } = planted(400, 1);
  await model.fit(x, y, { epochs: 12, verbose: 0 });
  return model;
}

/** Whether the largest value of row `row` of a map lies in the row's patch, or at most `slack` pixels from it. */
export function pointsAtPatch(map: ArrayLike<number>, row: number, [top, left]: readonly [number, number], slack: number): boolean {
  let best = 0;
  for (let i = 0; i < SIDE * SIDE; i++) if ((map[row * SIDE * SIDE + i] as number) > (map[row * SIDE * SIDE + best] as number)) best = i;
  const [y, x] = [Math.floor(best / SIDE), best % SIDE];
  return y >= top - slack && y < top + PATCH + slack && x >= left - slack && x < left + PATCH + slack;
}

/** Share of Σ |values| of the row that lies in its patch. */
export function shareInPatch(values: ArrayLike<number>, row: number, [top, left]: readonly [number, number]): number {
  let [inside, all] = [0, 0];
  for (let i = 0; i < SIDE * SIDE; i++) {
    const value = Math.abs(values[row * SIDE * SIDE + i] as number);
    const [y, x] = [Math.floor(i / SIDE), i % SIDE];
    all += value;
    if (y >= top && y < top + PATCH && x >= left && x < left + PATCH) inside += value;
  }
  return inside / all;
}
