import { cos, exp, log } from '../core/deterministic.ts';
import { ThimbleError } from '../core/errors.ts';
import { packPanels, panelShape } from '../core/panels.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { conv2d } from '../ops/conv2d.ts';
import { linear } from '../ops/linear.ts';
import { log as logOp } from '../ops/log.ts';
import { reshape } from '../ops/reshape.ts';
import { square } from '../ops/square.ts';
import { defineLayer, type LayerFactory } from './layer.ts';

/** Options of `logMel`; defaults are 16 kHz, frames of 512 samples every 256, 40 bands from 20 Hz. */
export interface LogMelConfig {
  /** Samples a second. */
  readonly sampleRate: number;
  /** Samples of a frame, all of which are transformed (n_fft). */
  readonly frameLength: number;
  /** Samples from one frame to the next. */
  readonly hop: number;
  /** Bands of the mel scale. */
  readonly mels: number;
  /** Hz; `highest` is half the sample rate where left out. */
  readonly lowest: number;
  readonly highest: number | undefined;
  /** `slaney`: linear below 1 kHz (librosa's default); `htk`: 2595 log10(1 + f / 700) (torchaudio's default). */
  readonly scale: 'slaney' | 'htk';
  /** `slaney`: every triangle has the same area (librosa's default); `none`: the same height (torchaudio's). */
  readonly norm: 'slaney' | 'none';
  /** Added to the power before its natural logarithm is taken. */
  readonly floor: number;
}

const logMelDefaults: LogMelConfig = {
  sampleRate: 16000,
  frameLength: 512,
  hop: 256,
  mels: 40,
  lowest: 20,
  highest: undefined,
  scale: 'slaney',
  norm: 'slaney',
  floor: 1e-6,
};

export interface MfccConfig extends LogMelConfig {
  /** Coefficients kept, from the zeroth. */
  readonly coefficients: number;
}

/**
 * Logarithm of the mel spectrogram: sound [samples] to [frames, mels], frames = 1 + ⌊(samples - frameLength) / hop⌋. Each frame is weighed by a
 * periodic Hann window, its discrete Fourier transform is a convolution with `hop` as stride, powers are summed in triangles along the mel
 * scale. Equals `log(librosa.feature.melspectrogram(…, center=False) + floor)`.
 */
export const logMel: LayerFactory<LogMelConfig> = defineLayer<LogMelConfig>({
  type: 'logMel',
  defaults: logMelDefaults,
  call: (config, [x]) => spectrum(x as Value, config),
});

/** Mel-frequency cepstral coefficients: the orthonormal cosine transform (DCT-II) of `logMel`: [samples] to [frames, coefficients]. */
export const mfcc: LayerFactory<MfccConfig> = defineLayer<MfccConfig>({
  type: 'mfcc',
  defaults: { ...logMelDefaults, coefficients: 13 },
  call(config, [x]) {
    const { mels, coefficients } = config;
    if (!(coefficients >= 1 && coefficients <= mels))
      throw new ThimbleError('INPUT', `${coefficients} coefficients`, { expected: `1 to ${mels}, the number of mels` });
    const mel = spectrum(x as Value, config);
    const transform = constant(mel.graph, `dct ${mels} ${coefficients}`, [mels, coefficients], () => cosines(mels, coefficients));
    return linear([mel, transform], { units: coefficients });
  },
});

function spectrum(x: Value, config: LogMelConfig): Value {
  const { frameLength, hop, mels, floor } = config;
  const { graph, shape } = x;
  const [batch, samples] = shape as [number, number];
  checkConfig(config);
  if (shape.length !== 2 || samples < frameLength)
    throw new ThimbleError('SHAPE', 'the sound is no vector of a frame or more', {
      expected: `[${frameLength} or more]`,
      got: `[${shape.slice(1)}]`,
    });
  const bins = Math.floor(frameLength / 2) + 1;
  const waves = constant(graph, `dft ${frameLength}`, [frameLength, 1, 1, 2 * bins], () => fourier(frameLength, bins));
  const lines = conv2d([reshape(x, { shape: [batch, samples, 1, 1] }), waves], {
    kernel: [frameLength, 1],
    strides: [hop, 1],
    padding: 'valid',
    filters: 2 * bins,
  });
  const frames = lines.shape[1] as number;
  const powers = square(reshape(lines, { shape: [batch, frames, 2 * bins] }));
  const key = `mel ${JSON.stringify([config.sampleRate, frameLength, mels, config.lowest, config.highest, config.scale, config.norm])}`;
  const triangles = constant(graph, key, [2 * bins, mels], () => filterBank(config, bins));
  return logOp(add([linear([powers, triangles], { units: mels }), graph.scalar(floor)]));
}

function checkConfig({ sampleRate, frameLength, hop, mels, lowest, highest = sampleRate / 2, floor }: LogMelConfig): void {
  const isCount = (n: number) => Number.isInteger(n) && n > 0;
  const isGood = [frameLength, hop, mels].every(isCount) && lowest >= 0 && highest > lowest && highest <= sampleRate / 2 && floor > 0;
  if (isGood) return;
  throw new ThimbleError('INPUT', 'these frames or frequencies cannot be', {
    expected: 'whole numbers above 0; 0 ≤ lowest < highest ≤ sampleRate / 2; a floor above 0',
    got: JSON.stringify({ sampleRate, frameLength, hop, mels, lowest, highest, floor }),
  });
}

const packed = new Map<string, Float32Array>();

/** A constant in panels; the methods of a program share it. */
function constant(graph: Graph, key: string, shape: Shape, rows: () => Float32Array): Value {
  const data = packed.get(key) ?? packPanels(rows(), shape);
  packed.set(key, data);
  return graph.constant({ dtype: 'f32', shape: panelShape(shape), data }, key.split(' ')[0]);
}

const sine = (x: number): number => cos(x - Math.PI / 2);

/** Windowed cosines, then sines, of each frequency: [frameLength, 2 · bins]. */
function fourier(frameLength: number, bins: number): Float32Array {
  const rows = new Float32Array(frameLength * 2 * bins);
  for (let n = 0; n < frameLength; n++) {
    const hann = 0.5 - 0.5 * cos((2 * Math.PI * n) / frameLength);
    for (let k = 0; k < bins; k++) {
      const angle = (2 * Math.PI * ((n * k) % frameLength)) / frameLength;
      rows[n * 2 * bins + k] = hann * cos(angle);
      rows[n * 2 * bins + bins + k] = hann * sine(angle);
    }
  }
  return rows;
}

const LINEAR_HZ = 200 / 3;
const BREAK_HZ = 1000;
const LOG_STEP = log(6.4) / 27;

/** Slaney's scale (Auditory Toolbox 1998) and HTK's, in mel. */
const toMel = {
  slaney: (hz: number) => (hz < BREAK_HZ ? hz / LINEAR_HZ : BREAK_HZ / LINEAR_HZ + log(hz / BREAK_HZ) / LOG_STEP),
  htk: (hz: number) => (2595 / log(10)) * log(1 + hz / 700),
};
const toHz = {
  slaney: (mel: number) => (mel < BREAK_HZ / LINEAR_HZ ? mel * LINEAR_HZ : BREAK_HZ * exp(LOG_STEP * (mel - BREAK_HZ / LINEAR_HZ))),
  htk: (mel: number) => 700 * (exp((mel * log(10)) / 2595) - 1),
};

/** Triangles along the mel scale, once for the squared cosine parts and once for the sine parts: [2 · bins, mels]. */
function filterBank(
  { sampleRate, frameLength, mels, lowest, highest = sampleRate / 2, scale, norm }: LogMelConfig,
  bins: number,
): Float32Array {
  const [from, to] = [toMel[scale](lowest), toMel[scale](highest)];
  const corners = Array.from({ length: mels + 2 }, (_, i) => toHz[scale](from + ((to - from) * i) / (mels + 1)));
  const rows = new Float32Array(2 * bins * mels);
  for (let m = 0; m < mels; m++) {
    const [left, middle, right] = corners.slice(m, m + 3) as [number, number, number];
    const height = norm === 'slaney' ? 2 / (right - left) : 1;
    for (let k = 0; k < bins; k++) {
      const hz = (k * sampleRate) / frameLength;
      const weight = height * Math.max(0, Math.min((hz - left) / (middle - left), (right - hz) / (right - middle)));
      rows[k * mels + m] = weight;
      rows[(bins + k) * mels + m] = weight;
    }
  }
  return rows;
}

/** DCT-II with orthonormal scaling: [mels, coefficients]. */
function cosines(mels: number, coefficients: number): Float32Array {
  return Float32Array.from({ length: sizeOf([mels, coefficients]) }, (_, i) => {
    const [n, k] = [Math.floor(i / coefficients), i % coefficients];
    return Math.sqrt((k === 0 ? 1 : 2) / mels) * cos((Math.PI * k * (2 * n + 1)) / (2 * mels));
  });
}
