import { ThimbleError } from '../../core/errors.ts';
import { normalizeAxis } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { gather, linear, mul, reshape, slice, transpose } from '../../ops/index.ts';
import { panels } from '../weights.ts';
import type { NodeContext, Rows } from './context.ts';
import { checkTable, table } from './counted.ts';
import { elemOf, isFloat } from './elements.ts';
import type { Operand } from './operand.ts';
import { padded, reshapedTo } from './shapes.ts';

interface Transform {
  /** Points of the transform. */
  readonly length: number;
  readonly inverse: boolean;
  /** Only the non-redundant half of a real signal's spectrum. */
  readonly onesided: boolean;
}

/** The real matrix [points · parts, bins · 2] (or [.., points] back to a real signal) of a discrete Fourier transform. */
function fourierMatrix(
  inputs: number,
  parts: number,
  { length, inverse, onesided }: Transform,
): { matrix: Float32Array; bins: number; outParts: number } {
  const toReal = inverse && onesided;
  const bins = onesided && !inverse ? Math.floor(length / 2) + 1 : length;
  const outParts = toReal ? 1 : 2;
  const matrix = new Float32Array(inputs * parts * bins * outParts);
  for (let j = 0; j < inputs; j++) {
    // A one-sided spectrum stands for its mirror image too.
    const weight = toReal && j > 0 && 2 * j < length ? 2 : 1;
    for (let k = 0; k < bins; k++) {
      const angle = ((inverse ? 2 : -2) * Math.PI * ((j * k) % length)) / length;
      const scale = inverse ? weight / length : 1;
      const [re, im] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
      const entries = [
        [re, im],
        [-im, re],
      ] as const;
      for (let p = 0; p < parts; p++) {
        for (let q = 0; q < outParts; q++) matrix[(j * parts + p) * bins * outParts + k * outParts + q] = entries[p as 0 | 1][q as 0 | 1];
      }
    }
  }
  return { matrix, bins, outParts };
}

/** The transform over the last but one axis of x [..., points, parts]. */
function transformed(n: NodeContext, x: Value, transform: Transform): Value {
  const parts = x.shape.at(-1) as number;
  const lead = x.shape.slice(0, -2);
  if (parts !== 1 && parts !== 2) throw new ThimbleError('SHAPE', `numbers of ${parts} parts`, { expected: '1 (real) or 2 (complex)' });
  const available = x.shape.at(-2) as number;
  const needed = Math.min(available, transform.inverse && transform.onesided ? Math.floor(transform.length / 2) + 1 : transform.length);
  const cut = needed < available ? slice(x, { starts: x.shape.map(() => 0), sizes: [...lead, needed, parts] }) : x;
  checkTable(needed * parts * transform.length * 2);
  const { matrix, bins, outParts } = fourierMatrix(needed, parts, transform);
  const units = bins * outParts;
  const rows = reshapedTo(cut, [...lead, needed * parts]);
  return reshapedTo(linear([rows, panels(n.constant(matrix, [needed * parts, units]))], { units }), [...lead, bins, outParts]);
}

function dft(n: NodeContext): Value {
  const x = n.f32(0);
  const rank = x.shape.length;
  const axis = normalizeAxis(n.version >= 20 ? n.number(2, -2) : n.int('axis', 1), rank);
  const inverse = n.int('inverse', 0) !== 0;
  const onesided = n.int('onesided', 0) !== 0;
  const points = x.shape[axis] as number;
  const length = n.number(1, inverse && onesided ? 2 * (points - 1) : points);
  const perm = [...x.shape.map((_, i) => i).filter((i) => i !== axis && i !== rank - 1), axis, rank - 1];
  const back = perm.map((_, i) => perm.indexOf(i));
  const inOrder = perm.every((from, i) => from === i);
  const y = transformed(n, inOrder ? x : transpose(x, { perm }), { length, inverse, onesided });
  return inOrder ? y : transpose(y, { perm: back });
}

/** Short-time Fourier transform of x [batch, points, parts]. */
function stft(n: NodeContext): Value {
  const given = n.f32(0);
  const x = given.shape.length === 2 ? reshapedTo(given, [...given.shape, 1]) : given;
  const [batch, points, parts] = x.shape as [number, number, number];
  const step = n.number(1);
  const window = n.has(2) ? n.f32(2) : undefined;
  const length = n.number(3, window?.shape[0] ?? points);
  const frames = 1 + Math.floor((points - length) / step);
  const at = n.integers(
    table(frames * length, (i) => Math.floor(i / length) * step + (i % length)),
    [frames, length],
  );
  const framed = gather([x, at], { axis: 1 });
  const size = window?.shape[0] ?? length;
  const whole = size < length && window ? padded(window, [[0, length - size]], 'constant', 0) : window;
  const weighted = whole ? mul([framed, reshapedTo(whole, [length, 1])]) : framed;
  return transformed(n, reshape(weighted, { shape: [batch, frames, length, parts] }), {
    length,
    inverse: false,
    onesided: n.int('onesided', 1) !== 0,
  });
}

/** A cosine window Σ c[k] cos(2πki / N). */
const cosineWindow =
  (coefficients: readonly number[]) =>
  (n: NodeContext): Operand => {
    const size = n.number(0);
    const period = n.int('periodic', 1) ? size : size - 1;
    const elem = elemOf(n.int('output_datatype', 1));
    const data = table(size, (i) => coefficients.reduce((sum, c, k) => sum + c * Math.cos((2 * Math.PI * k * i) / period), 0));
    return { value: isFloat(elem) ? n.constant(data) : n.integers(data.map(Math.trunc)), elem };
  };

/** Triangular filters, evenly spaced on the mel scale, from spectrum bins to mel bins. */
function melWeightMatrix(n: NodeContext): Operand {
  const [bins, length, rate, low, high] = [n.number(0), n.number(1), n.number(2), n.number(3), n.number(4)];
  const rows = Math.floor(length / 2) + 1;
  checkTable(rows * bins);
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const step = (mel(high) - mel(low)) / (bins + 2);
  const edge = (i: number) => Math.floor(((length + 1) * 700 * (10 ** ((mel(low) + i * step) / 2595) - 1)) / rate);
  const data = new Float32Array(rows * bins);
  for (let i = 0; i < bins; i++) {
    const [left, centre, right] = [edge(i), edge(i + 1), edge(i + 2)];
    if (centre === left) data[centre * bins + i] = 1;
    else for (let j = left; j <= centre; j++) data[j * bins + i] = (j - left) / (centre - left);
    for (let j = centre; j < right; j++) data[j * bins + i] = (right - j) / (right - centre);
  }
  return { value: n.constant(data, [rows, bins]), elem: elemOf(n.int('output_datatype', 1)) };
}

/** Spectra and what prepares them. */
export const signal: Rows = {
  DFT: dft,
  STFT: stft,
  HannWindow: cosineWindow([0.5, -0.5]),
  HammingWindow: cosineWindow([25 / 46, -21 / 46]),
  BlackmanWindow: cosineWindow([0.42, -0.5, 0.08]),
  MelWeightMatrix: melWeightMatrix,
};
