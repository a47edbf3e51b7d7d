import { cos, exp, log } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';
import { FixedFourier } from './fixedFourier.ts';

/** Options of `MicroFrontend`; defaults are those of micro_speech: 40 values of 30 ms every 20 ms at 16 kHz. */
export interface MicroFrontendOptions {
  /** Samples a second. */
  readonly sampleRate: number;
  /** Milliseconds of a window, and from one to the next. */
  readonly window: number;
  readonly step: number;
  /** Values a window. */
  readonly channels: number;
  /** Hz. */
  readonly lowest: number;
  readonly highest: number;
  /** How fast the noise estimate of even and odd channels follows, and the share of a signal that noise reduction leaves. */
  readonly evenSmoothing: number;
  readonly oddSmoothing: number;
  readonly minSignalRemaining: number;
  /** Per-channel amplitude normalisation: exponent and offset of the gain; no gain control where `gainControl` is false. */
  readonly gainControl: boolean;
  readonly strength: number;
  readonly offset: number;
  /** 2^logShift is what 1 of the natural logarithm becomes. */
  readonly logShift: number;
}

/** Those of TensorFlow Lite Micro's micro_speech. */
const defaults: MicroFrontendOptions = {
  sampleRate: 16000,
  window: 30,
  step: 20,
  channels: 40,
  lowest: 125,
  highest: 7500,
  evenSmoothing: 0.025,
  oddSmoothing: 0.06,
  minSignalRemaining: 0.05,
  gainControl: true,
  strength: 0.95,
  offset: 80,
  logShift: 6,
};

const { fround } = Math;

const WINDOW_BITS = 12;
const WEIGHT_BITS = 12;
const NOISE_BITS = 14;
const SMOOTHING_BITS = 10;
const GAIN_BITS = 21;
const SNR_BITS = 12;
const SHRUNK_BITS = 6;
const LOG_BITS = 16;
const SEGMENT_BITS = 7;

const bitsOf = (x: number): number => 32 - Math.clz32(x);

/**
 * The audio front end of TensorFlow Lite Micro (`tensorflow/lite/experimental/microfrontend`), which wake-word and keyword models are trained on, equal to
 * the number: windows of 16-bit sound, Fourier transform in fixed point, energy in channels along the mel scale, noise reduction, gain control
 * and logarithm. It keeps what it has heard: sound may come in pieces of any length.
 */
export class MicroFrontend {
  readonly channels: number;
  readonly #options: MicroFrontendOptions;
  readonly #coefficients: Int16Array;
  readonly #step: number;
  readonly #fourier: FixedFourier;
  readonly #bank: FilterBank;
  readonly #gains: Int16Array;
  /** Noise of each channel, 2^SMOOTHING_BITS times as large. */
  readonly #noise: Float64Array;
  #heard: Int16Array<ArrayBuffer> = new Int16Array(0);

  /** @throws INPUT for windows and frequencies that cannot be. */
  constructor(options: Partial<MicroFrontendOptions> = {}) {
    const all = { ...defaults, ...options };
    check(all);
    this.#options = all;
    this.channels = all.channels;
    this.#coefficients = hann(Math.floor((all.window * all.sampleRate) / 1000));
    this.#step = Math.floor((all.step * all.sampleRate) / 1000);
    this.#fourier = new FixedFourier(2 ** Math.ceil(Math.log2(this.#coefficients.length)));
    this.#bank = filterBank(all, this.#fourier.size / 2 + 1);
    this.#gains = gainTable(all, SMOOTHING_BITS - this.#correction);
    this.#noise = new Float64Array(all.channels);
  }

  /** Bits by which energies are larger than the transform made them. */
  get #correction(): number {
    return bitsOf(this.#fourier.size) - 1 - WEIGHT_BITS / 2;
  }

  /** As if nothing had been heard. */
  reset(): void {
    this.#heard = new Int16Array(0);
    this.#noise.fill(0);
  }

  /**
   * The values of every window that `samples` complete, [windows, channels]. Floats are fractions from -1 to 1, as `decodeWav` gives them; integers are
   * 16-bit samples.
   */
  process(samples: Float32Array | Int16Array): Uint16Array<ArrayBuffer> {
    const size = this.#coefficients.length;
    const sound = new Int16Array(this.#heard.length + samples.length);
    sound.set(this.#heard);
    sound.set(samples instanceof Int16Array ? samples : samples.map(sixteenBits), this.#heard.length);
    const count = sound.length < size ? 0 : 1 + Math.floor((sound.length - size) / this.#step);
    const values = new Uint16Array(count * this.channels);
    for (let i = 0; i < count; i++) values.set(this.#frame(sound.subarray(i * this.#step, i * this.#step + size)), i * this.channels);
    this.#heard = sound.slice(count * this.#step);
    return values;
  }

  #frame(samples: Int16Array): Uint16Array {
    const input = new Int16Array(this.#fourier.size);
    let largest = 0;
    for (let i = 0; i < samples.length; i++) {
      const value = ((samples[i] as number) * (this.#coefficients[i] as number)) >> WINDOW_BITS;
      input[i] = value;
      if (value > largest || (-value > largest && value !== -32768)) largest = Math.abs(value);
    }
    const shift = 15 - bitsOf(largest);
    for (let i = 0; i < samples.length; i++) input[i] = (input[i] as number) << shift;
    const signal = energies(this.#bank, this.#fourier.transform(input)).map((energy) => Math.floor(root(energy) / 2 ** shift));
    const reduced = signal.map((value, i) => this.#withoutNoise(value, i));
    const gained = this.#options.gainControl ? reduced.map((value, i) => this.#gained(value, this.#noise[i] as number)) : reduced;
    return Uint16Array.from(gained, (value) => Math.min(logarithm((value << this.#correction) >>> 0, this.#options.logShift), 65535));
  }

  /** Follows the noise of channel `i` and takes it off `signal`. */
  #withoutNoise(signal: number, i: number): number {
    const { evenSmoothing, oddSmoothing, minSignalRemaining } = this.#options;
    const smoothing = Math.floor(fround(fround(i % 2 ? oddSmoothing : evenSmoothing) * 2 ** NOISE_BITS));
    const scaled = (signal * 2 ** SMOOTHING_BITS) % 2 ** 32;
    const sum = scaled * smoothing + (this.#noise[i] as number) * (2 ** NOISE_BITS - smoothing);
    const noise = Math.floor(sum / 2 ** NOISE_BITS);
    this.#noise[i] = noise;
    const least = Math.floor((signal * Math.floor(fround(fround(minSignalRemaining) * 2 ** NOISE_BITS))) / 2 ** NOISE_BITS);
    return Math.max(Math.floor((scaled - Math.min(noise, scaled)) / 2 ** SMOOTHING_BITS), least);
  }

  /** `signal` in proportion to a power of its noise; what is below the noise becomes small (Wang et al. 2017, PCEN). */
  #gained(signal: number, noise: number): number {
    const shift = GAIN_BITS - this.#correction - SNR_BITS;
    const gain = interpolated(this.#gains, noise);
    // Small exponents let gains overflow, which the reference then takes as unsigned.
    const ratio =
      gain < 0
        ? Number(BigInt.asUintN(32, (BigInt(signal) * BigInt(gain >>> 0)) >> BigInt(shift)))
        : Math.floor((signal * gain) / 2 ** shift) % 2 ** 32;
    if (ratio < 2 ** (SNR_BITS + 1)) return Math.floor((ratio * ratio) / 2 ** (2 + 2 * SNR_BITS - SHRUNK_BITS));
    return Math.floor(ratio / 2 ** (SNR_BITS - SHRUNK_BITS)) - 2 ** SHRUNK_BITS;
  }
}

/**
 * What micro_speech and models like it take of `MicroFrontend`'s values: int8, 0 to 666 become -128 to 127 (`micro_features_generator.cc`: 25.6 · 26
 * is about the largest value).
 */
export const microSpeechInput = (values: Uint16Array): Int8Array<ArrayBuffer> =>
  Int8Array.from(values, (value) => Math.max(-128, Math.min(Math.floor((value * 256 + 333) / 666) - 128, 127)));

/** The same for models that take floats, as they are trained (`input_data.py` of speech_commands: times 10 / 256). */
export const microSpeechFloats = (values: Uint16Array): Float32Array<ArrayBuffer> =>
  Float32Array.from(values, (value) => (value * 10) / 256);

const sixteenBits = (x: number): number => Math.max(-32768, Math.min(Math.round(x * 32768), 32767));

function check(options: MicroFrontendOptions): void {
  const { sampleRate, window, step, channels, lowest, highest, strength, offset, logShift } = options;
  const isGood =
    [window, step].every((time) => (time * sampleRate) / 1000 >= 1) &&
    window >= step &&
    window * sampleRate <= 2 ** 25 &&
    Number.isInteger(channels) &&
    channels >= 1 &&
    lowest >= 0 &&
    highest > lowest &&
    highest < sampleRate / 2 &&
    offset > 0 &&
    strength >= 0 &&
    Number.isInteger(logShift) &&
    logShift >= 0 &&
    logShift <= 10;
  if (isGood) return;
  throw new ThimbleError('INPUT', 'these windows or frequencies cannot be', {
    expected: 'a window no shorter than its step; channels of 1 or more; 0 ≤ lowest < highest < sampleRate / 2',
    got: JSON.stringify(options),
  });
}

/** Hann's window in fixed point, sampled in the middle of each sample. */
function hann(size: number): Int16Array {
  const angle = fround((Math.PI * 2) / size);
  return Int16Array.from({ length: size }, (_, i) =>
    Math.floor(fround(fround(0.5 - 0.5 * cos(angle * (i + 0.5))) * 2 ** WINDOW_BITS) + 0.5),
  );
}

interface FilterBank {
  /** Frequencies of each band between two centres. */
  readonly bands: readonly { readonly first: number; readonly falling: Int16Array; readonly rising: Int16Array }[];
}

const mel = (hz: number): number => fround(1127 * log(1 + hz / 700));

/** Triangles along the mel scale: each frequency lies between two centres, whose shares of it add up to 1. */
function filterBank({ channels, lowest, highest, sampleRate }: MicroFrontendOptions, bins: number): FilterBank {
  const [low, high] = [mel(lowest), mel(highest)];
  const spacing = fround(fround(high - low) / (channels + 1));
  const centres = Array.from({ length: channels + 1 }, (_, i) => fround(low + fround(spacing * (i + 1))));
  const hzPerBin = fround((0.5 * sampleRate) / fround(bins - 1));
  let next = Math.trunc(1.5 + fround(fround(lowest) / hzPerBin));
  const bands = centres.map((centre, i) => {
    const first = next;
    while (mel(fround(next * hzPerBin)) <= centre) next++;
    const width = fround(centre - (i === 0 ? low : (centres[i - 1] as number)));
    const shares = Array.from({ length: next - first }, (_, j) => fround(fround(centre - mel(fround((first + j) * hzPerBin))) / width));
    const fixed = (share: number) => Math.floor(share * 2 ** WEIGHT_BITS + 0.5);
    return { first, falling: Int16Array.from(shares, (s) => fixed(s)), rising: Int16Array.from(shares, (s) => fixed(1 - s)) };
  });
  if (next >= bins) throw new ThimbleError('INPUT', 'the highest frequency is too near to half the sample rate');
  return { bands };
}

/** Σ weight · |spectrum|² of each channel: what falls off from the centre before it was rising towards its own. */
function energies({ bands }: FilterBank, spectrum: Int16Array): number[] {
  const sums = bands.map(({ first, falling, rising }) => {
    let [before, own] = [0, 0];
    for (let j = 0; j < falling.length; j++) {
      const [re, im] = [spectrum[2 * (first + j)] as number, spectrum[2 * (first + j) + 1] as number];
      const energy = re * re + im * im;
      before += (falling[j] as number) * energy;
      own += (rising[j] as number) * energy;
    }
    return { before, own };
  });
  return sums.slice(1).map(({ before }, i) => before + (sums[i] as { own: number }).own);
}

/** √x, rounded; of 32-bit numbers never above 65535. */
function root(x: number): number {
  const floor = Math.floor(Math.sqrt(x));
  const isUp = x - floor * floor > floor && !(x < 2 ** 32 && floor === 65535);
  return isUp ? floor + 1 : floor;
}

/** (x / 2^bits + offset)^-strength as a table of parabolas, three numbers for each power of two. */
function gainTable({ strength, offset }: MicroFrontendOptions, bits: number): Int16Array {
  const gain = (x: number): number => {
    const base = fround(fround(fround(x) / 2 ** bits) + fround(offset));
    const value = fround(2 ** GAIN_BITS * fround(exp(-fround(strength) * log(base))));
    return value > 32767 ? 32767 : Math.trunc(fround(value + 0.5));
  };
  const table = new Int16Array(4 * 33 - 6);
  table[0] = gain(0);
  table[1] = gain(1);
  for (let interval = 2; interval <= 32; interval++) {
    const x = 2 ** (interval - 1);
    const last = interval === 32 ? x + (x - 1) : 2 * x;
    const y = gain(x);
    const [half, whole] = [gain(x + x / 2) - y, gain(last) - y];
    const slope = 4 * half - whole;
    table.set([y, slope, whole - slope], 4 * interval - 6);
  }
  return table;
}

function interpolated(table: Int16Array, x: number): number {
  if (x <= 2) return table[x] as number;
  const interval = bitsOf(x);
  const at = 4 * interval - 6;
  const fraction = (interval < 11 ? x << (11 - interval) : x >>> (interval - 11)) & 1023;
  const curve = (((table[at + 2] as number) * fraction) >> 5) + ((table[at + 1] as number) << 5);
  const value = ((Math.imul(curve, fraction) + 2 ** 14) >> 15) + (table[at] as number);
  return (value << 16) >> 16;
}

/** log2(1 + f) - f, in steps of 2^-LOG_BITS at f = i / 2^SEGMENT_BITS. */
const LOG_TABLE = Int32Array.from({ length: 130 }, (_, i) => {
  const f = Math.min(i / 2 ** SEGMENT_BITS, 1);
  return Math.round((log(1 + f) / log(2) - f) * 2 ** LOG_BITS);
});

/** 2^shift · ln x, by lines between the entries of the table; 0 of 0 and 1. */
function logarithm(x: number, shift: number): number {
  if (x <= 1) return 0;
  const whole = bitsOf(x) - 1;
  const rest = x - 2 ** whole;
  const fraction = whole < LOG_BITS ? rest * 2 ** (LOG_BITS - whole) : Math.floor(rest / 2 ** (whole - LOG_BITS));
  const segment = Math.floor(fraction / 2 ** (LOG_BITS - SEGMENT_BITS));
  const [from, to] = [LOG_TABLE[segment] as number, LOG_TABLE[segment + 1] as number];
  const bend = ((to - from) * (fraction - segment * 2 ** (LOG_BITS - SEGMENT_BITS))) >> LOG_BITS;
  const log2 = whole * 2 ** LOG_BITS + fraction + from + bend;
  const natural = Math.floor((45426 * log2 + 2 ** (LOG_BITS - 1)) / 2 ** LOG_BITS);
  return (natural * 2 ** shift + 2 ** (LOG_BITS - 1)) >> LOG_BITS;
}
