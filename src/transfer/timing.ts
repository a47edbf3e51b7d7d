import type { TypedArray } from '../core/dtype.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Phase } from './phase.ts';

/** Milliseconds of the frozen part on one item, and of a step of training on `items` of them. */
export interface Times {
  readonly features: number;
  readonly step: number;
  readonly items: number;
}

/** Time of the two programs, on what their memory holds; the state is put back. */
export function measured({ model, extract, frozen, cut }: Phase): Times {
  const { session } = model;
  const before = session.stateBytes.slice();
  const method = session.program.methods.accumulate ? 'accumulate' : 'train';
  const step = best(() => session.execute(method));
  session.stateBytes.set(before);
  const inputs = frozen?.program.methods.features?.inputs ?? [];
  const zeros = Object.fromEntries(inputs.map(({ name, dtype, shape }) => [name, zerosOf(dtype, sizeOf(shape))]));
  return { features: frozen ? best(() => extract(zeros)) : 0, step, items: cut.trained.length ? 1 : model.batchSize };
}

const zerosOf = (dtype: Tensor['dtype'], length: number): TypedArray =>
  dtype === 'f32'
    ? new Float32Array(length)
    : dtype === 'i32'
      ? new Int32Array(length)
      : dtype === 'i8'
        ? new Int8Array(length)
        : new Uint8Array(length);

/** The least of a few times, in ms: the first ones are not compiled in full yet. */
function best(run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    run();
    least = Math.min(least, performance.now() - started);
  }
  return least;
}
