import { cos } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';

/** 16-bit fixed point of KISS FFT: 15 bits of fraction, products rounded, sums that wrap. */
const ONE = 32767;
const rounded = (product: number): number => (((product + 16384) >> 15) << 16) >> 16;
const wrapped = (x: number): number => (x << 16) >> 16;
const part = (x: number, divisor: number): number => rounded(x * Math.floor(ONE / divisor));

/** Cosines and sines of `phases` in fixed point. */
function twiddles(phases: readonly number[]): Int16Array {
  const table = new Int16Array(2 * phases.length);
  phases.forEach((phase, i) => {
    table[2 * i] = Math.floor(0.5 + ONE * cos(phase));
    table[2 * i + 1] = Math.floor(0.5 + ONE * cos(phase - Math.PI / 2));
  });
  return table;
}

/**
 * The discrete Fourier transform of real 16-bit numbers as KISS FFT computes it in fixed point (M. Borgerding, kiss_fftr with FIXED_POINT 16): to the bit,
 * each stage divided by its radix so that nothing overflows.
 */
export class FixedFourier {
  readonly size: number;
  readonly #half: number;
  readonly #twiddles: Int16Array;
  readonly #superTwiddles: Int16Array;
  /** Real and imaginary parts of `half` numbers, in turn. */
  readonly #work: Int16Array;

  /** @throws INPUT where `size` is no power of two from 4 on. */
  constructor(size: number) {
    if (!(size >= 4 && Number.isInteger(Math.log2(size)))) {
      throw new ThimbleError('INPUT', `a transform of ${size} numbers`, { expected: 'a power of two, at least 4' });
    }
    this.size = size;
    this.#half = size / 2;
    const phases = (count: number, phase: (i: number) => number) => twiddles(Array.from({ length: count }, (_, i) => phase(i)));
    this.#twiddles = phases(this.#half, (i) => (-2 * Math.PI * i) / this.#half);
    this.#superTwiddles = phases(Math.floor(this.#half / 2), (i) => -Math.PI * ((i + 1) / this.#half + 0.5));
    this.#work = new Int16Array(size);
  }

  /** Real and imaginary parts of the frequencies 0 to size / 2, in turn, of `input` [size]. */
  transform(input: Int16Array): Int16Array {
    const half = this.#half;
    this.#stage(input, 0, 1, 0, half);
    const x = this.#work;
    const y = new Int16Array(2 * (half + 1));
    const [first, second] = [part(x[0] as number, 2), part(x[1] as number, 2)];
    y[0] = first + second;
    y[2 * half] = first - second;
    for (let k = 1; k <= half / 2; k++) {
      const other = half - k;
      const [re, im] = [part(x[2 * k] as number, 2), part(x[2 * k + 1] as number, 2)];
      const [mirrorRe, mirrorIm] = [part(x[2 * other] as number, 2), part(wrapped(-(x[2 * other + 1] as number)), 2)];
      const [sumRe, sumIm] = [wrapped(re + mirrorRe), wrapped(im + mirrorIm)];
      const [lessRe, lessIm] = [wrapped(re - mirrorRe), wrapped(im - mirrorIm)];
      const [c, s] = [this.#superTwiddles[2 * k - 2] as number, this.#superTwiddles[2 * k - 1] as number];
      const [turnedRe, turnedIm] = [rounded(lessRe * c - lessIm * s), rounded(lessRe * s + lessIm * c)];
      y[2 * k] = (sumRe + turnedRe) >> 1;
      y[2 * k + 1] = (sumIm + turnedIm) >> 1;
      y[2 * other] = (sumRe - turnedRe) >> 1;
      y[2 * other + 1] = (turnedIm - sumIm) >> 1;
    }
    return y;
  }

  /** Transforms `count` complex numbers of `input`, `stride` apart from number `from` on, to `to`: radix 4, and 2 at last. */
  #stage(input: Int16Array, from: number, stride: number, to: number, count: number): void {
    const x = this.#work;
    if (count === 1) {
      x[2 * to] = input[2 * from] as number;
      x[2 * to + 1] = input[2 * from + 1] as number;
      return;
    }
    const radix = count % 4 ? 2 : 4;
    const m = count / radix;
    for (let i = 0; i < radix; i++) this.#stage(input, from + i * stride, stride * radix, to + i * m, m);
    for (let k = 0; k < m; k++) {
      if (radix === 4) this.#four(to + k, m, k * stride);
      else this.#two(to + k, m, k * stride);
    }
  }

  /** The number at `at`, divided by `radix` and turned by twiddle `t`: [re, im]. */
  #turned(at: number, radix: number, t: number): [number, number] {
    const [re, im] = [part(this.#work[2 * at] as number, radix), part(this.#work[2 * at + 1] as number, radix)];
    const [c, s] = [this.#twiddles[2 * t] as number, this.#twiddles[2 * t + 1] as number];
    return [rounded(re * c - im * s), rounded(re * s + im * c)];
  }

  #two(at: number, m: number, t: number): void {
    const x = this.#work;
    const [re, im] = [part(x[2 * at] as number, 2), part(x[2 * at + 1] as number, 2)];
    const [turnedRe, turnedIm] = this.#turned(at + m, 2, t);
    x[2 * (at + m)] = re - turnedRe;
    x[2 * (at + m) + 1] = im - turnedIm;
    x[2 * at] = re + turnedRe;
    x[2 * at + 1] = im + turnedIm;
  }

  #four(at: number, m: number, t: number): void {
    const x = this.#work;
    const [re, im] = [part(x[2 * at] as number, 4), part(x[2 * at + 1] as number, 4)];
    const [a, b, c] = [1, 2, 3].map((i) => this.#turned(at + i * m, 4, i * t)) as [[number, number], [number, number], [number, number]];
    const [lessRe, lessIm] = [wrapped(re - b[0]), wrapped(im - b[1])];
    const [evenRe, evenIm] = [wrapped(re + b[0]), wrapped(im + b[1])];
    const [sumRe, sumIm] = [wrapped(a[0] + c[0]), wrapped(a[1] + c[1])];
    const [oddRe, oddIm] = [wrapped(a[0] - c[0]), wrapped(a[1] - c[1])];
    const put = (i: number, real: number, imaginary: number) => {
      x[2 * (at + i * m)] = real;
      x[2 * (at + i * m) + 1] = imaginary;
    };
    put(0, evenRe + sumRe, evenIm + sumIm);
    put(1, lessRe + oddIm, lessIm - oddRe);
    put(2, evenRe - sumRe, evenIm - sumIm);
    put(3, lessRe - oddIm, lessIm + oddRe);
  }
}
