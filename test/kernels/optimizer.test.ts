import { describe, expect, test } from 'vitest';
import { Kernels, lengths, random, worst } from './arrays.ts';

const kernels = await Kernels.load();
const fround = Math.fround;
const lr = fround(0.05);
const epsilon = fround(1e-8);
const STEPS = 5;

interface Options {
  readonly weightDecay: number;
  readonly scale: number;
}

/** One element's state after STEPS updates with the gradients g, in float64. `update` returns the new parameter. */
type Update = (p: number, g: number, state: number[], t: number, options: Options) => number;

/** Runs a kernel STEPS times on every length and compares the parameters with `update`'s. */
function compare(
  run: (
    buffers: {
      parameter: Float32Array;
      gradient: Float32Array;
      a: Float32Array;
      b: Float32Array;
      scale: Float32Array | 0;
      step: Int32Array;
    },
    options: Options,
  ) => void,
  update: Update,
): void {
  for (const options of [
    { weightDecay: 0, scale: 1 },
    { weightDecay: fround(0.1), scale: 0.25 },
  ]) {
    for (const length of lengths) {
      const parameter = random(length, 1);
      const [a, b] = [new Float32Array(length), new Float32Array(length)];
      const want = Array.from(parameter);
      const states = want.map(() => [0, 0]);
      for (let t = 1; t <= STEPS; t++) {
        const gradient = random(length, 10 + t);
        want.forEach((p, i) => {
          want[i] = update(p, (gradient[i] as number) * options.scale, states[i] as number[], t, options);
        });
        const scale = options.scale === 1 ? 0 : Float32Array.of(options.scale);
        run({ parameter, gradient, a, b, scale, step: Int32Array.of(t - 1) }, options);
      }
      expect(worst(parameter, want)).toBeLessThan(2e-6);
    }
  }
}

const learningRate = Float32Array.of(lr);

test('sgd_f32', () => {
  compare(
    ({ parameter, gradient, scale }, { weightDecay }) =>
      kernels.call('sgd_f32', { parameter, gradient, learningRate, scale, length: parameter.length, weightDecay }),
    (p, g, _, __, { weightDecay }) => p - lr * (g + weightDecay * p),
  );
});

test.each([0, 1])('momentum_f32, nesterov %i', (nesterov) => {
  const momentum = fround(0.9);
  compare(
    ({ parameter, gradient, a: velocity, scale }, { weightDecay }) =>
      kernels.call('momentum_f32', {
        parameter,
        gradient,
        velocity,
        learningRate,
        scale,
        length: parameter.length,
        weightDecay,
        momentum,
        nesterov,
      }),
    (p, g, state, _, { weightDecay }) => {
      const d = g + weightDecay * p;
      state[0] = momentum * (state[0] as number) + d;
      return p - lr * (nesterov ? d + momentum * state[0] : state[0]);
    },
  );
});

test('rmsprop_f32', () => {
  const rho = fround(0.9);
  compare(
    ({ parameter, gradient, a: square, scale }, { weightDecay }) =>
      kernels.call('rmsprop_f32', {
        parameter,
        gradient,
        square,
        learningRate,
        scale,
        length: parameter.length,
        weightDecay,
        rho,
        epsilon,
      }),
    (p, g, state, _, { weightDecay }) => {
      const d = g + weightDecay * p;
      state[0] = rho * (state[0] as number) + (1 - rho) * d * d;
      return p - (lr * d) / (Math.sqrt(state[0]) + epsilon);
    },
  );
});

test('adagrad_f32', () => {
  compare(
    ({ parameter, gradient, a: square, scale }, { weightDecay }) =>
      kernels.call('adagrad_f32', { parameter, gradient, square, learningRate, scale, length: parameter.length, weightDecay, epsilon }),
    (p, g, state, _, { weightDecay }) => {
      const d = g + weightDecay * p;
      state[0] = (state[0] as number) + d * d;
      return p - (lr * d) / (Math.sqrt(state[0]) + epsilon);
    },
  );
});

describe('adam_f32', () => {
  const [beta1, beta2] = [fround(0.9), fround(0.999)];
  test.each([0, 1])('decoupled weight decay %i', (decoupled) => {
    compare(
      ({ parameter, gradient, a: mean, b: square, scale, step }, { weightDecay }) =>
        kernels.call('adam_f32', {
          parameter,
          gradient,
          mean,
          square,
          learningRate,
          step,
          scale,
          length: parameter.length,
          weightDecay,
          beta1,
          beta2,
          epsilon,
          decoupled,
        }),
      (p, g, state, t, { weightDecay }) => {
        const d = decoupled ? g : g + weightDecay * p;
        state[0] = beta1 * (state[0] as number) + (1 - beta1) * d;
        state[1] = beta2 * (state[1] as number) + (1 - beta2) * d * d;
        const start = decoupled ? p * (1 - lr * weightDecay) : p;
        return start - ((lr / (1 - beta1 ** t)) * state[0]) / (Math.sqrt(state[1] / (1 - beta2 ** t)) + epsilon);
      },
    );
  });

  test.each([0, 999, 2 ** 31 - 1])('the first moments are corrected for their start at 0 after %i steps', (steps) => {
    const parameter = Float32Array.of(1);
    const [mean, square] = [Float32Array.of(0.5 * (1 - beta1 ** steps)), Float32Array.of(0.25 * (1 - beta2 ** steps))];
    kernels.call('adam_f32', {
      ...{ parameter, gradient: Float32Array.of(0.5), mean, square, learningRate, step: Int32Array.of(steps), scale: 0, length: 1 },
      ...{ weightDecay: 0, beta1, beta2, epsilon, decoupled: 0 },
    });
    // A constant gradient moves the parameter by the learning rate.
    expect(parameter[0]).toBeCloseTo(1 - lr, 6);
  });
});

test('clip_scale_f32 brings a norm above the limit down to it', () => {
  const scaleOf = (squares: number, limit: number) => {
    const y = new Float32Array(1);
    kernels.call('clip_scale_f32', { squares: Float32Array.of(squares), y, limit });
    return y[0];
  };
  expect(scaleOf(0.25, 1)).toBe(1);
  expect(scaleOf(0, 1)).toBe(1);
  expect(scaleOf(16, 1)).toBeCloseTo(0.25, 6);
});

test('increment_i32 counts', () => {
  const counter = Int32Array.of(41);
  kernels.call('increment_i32', { counter });
  expect(counter[0]).toBe(42);
});
