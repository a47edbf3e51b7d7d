import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { InferenceModel } from '../inference/model.ts';
import type { FloatLayer } from './coverage.ts';
import { layerName } from './layers.ts';
import type { ProbeFeeds } from './probe.ts';
import { Noise } from './sqnr.ts';
import type { QuantizedLayer } from './static.ts';

/** One layer of a quantized model. */
export interface LayerReport {
  readonly name: string;
  readonly op: string;
  /** Its weights. */
  readonly parameters: number;
  /** Bits of each. */
  readonly bits: number;
  /** What of it is not as the scheme has it, and why. */
  readonly note?: string;
  /** Signal to noise of its result in dB, where it alone is quantized; NaN without data to measure it on. */
  readonly sqnr: number;
}

export interface ModelSize {
  /** Bytes of the ONNX file. */
  readonly fileBytes: number;
  /** Bytes of the `.thimble` file. */
  readonly programBytes: number;
  /** Bytes of linear memory. */
  readonly memoryBytes: number;
  /** Bytes of it that are constants. */
  readonly constantBytes: number;
  /** Share of the rows whose largest score is that of their class, where classes were given. */
  readonly accuracy?: number;
}

export interface QuantizationReport {
  readonly scheme: string;
  readonly before: ModelSize;
  readonly after: ModelSize;
  /** Signal to noise of each output of the quantized model in dB; empty without data. */
  readonly outputs: readonly { readonly name: string; readonly sqnr: number }[];
  /** What became small: the layers with the largest error first, in the order of the model where none was measured. */
  readonly layers: readonly LayerReport[];
  /** Layers with weights that stayed in float, with the reason. */
  readonly floats: readonly FloatLayer[];
  /** Layers and operators that stayed in float because the options name them. */
  readonly kept: readonly string[];
}

export type Comparison = Pick<QuantizationReport, 'before' | 'after' | 'outputs'>;

/** The quantized layers with their signal to noise, sorted by it where there is data. */
export function layerReports(layers: readonly QuantizedLayer[], noise: readonly number[]): LayerReport[] {
  const list = layers.map(({ node, bits, weights, note }, i): LayerReport => {
    const name = layerName(node);
    return { name, op: node.op, parameters: weights.length, bits, sqnr: noise[i] as number, ...(note && { note }) };
  });
  return list.every(({ sqnr }) => Number.isNaN(sqnr)) ? list : list.sort((a, b) => a.sqnr - b.sqnr);
}

interface Compared {
  readonly before: InferenceModel;
  readonly after: InferenceModel;
  readonly feeds: readonly ProbeFeeds[];
  readonly labels: ArrayLike<number> | undefined;
  readonly fileBytes: readonly [number, number];
}

/** Runs both models on `feeds`. @throws INPUT where there is not one label for each row. */
export function compare({ before, after, feeds, labels, fileBytes }: Compared): Comparison {
  const noise = before.outputs.map(() => new Noise());
  const hits = [0, 0];
  let rows = 0;
  for (const call of feeds) {
    const results = [before.run(call), after.run(call)] as const;
    for (const [i, { name }] of before.outputs.entries())
      noise[i]?.add((results[0][name] as Tensor).data, (results[1][name] as Tensor).data);
    if (!labels) continue;
    const scores = results.map((outputs) => outputs[before.outputs[0]?.name as string] as Tensor);
    for (const [i, tensor] of scores.entries()) hits[i] = (hits[i] as number) + countHits(tensor, labels, rows);
    rows += rowsOf(scores[0] as Tensor);
  }
  if (labels && labels.length !== rows) {
    throw new ThimbleError('INPUT', 'there is not one label for each row', { expected: String(rows), got: String(labels.length) });
  }
  const sizeOf = (model: InferenceModel, i: 0 | 1): ModelSize => ({
    fileBytes: fileBytes[i],
    programBytes: model.export().length,
    memoryBytes: model.memory.totalBytes,
    constantBytes: model.memory.regions.const,
    ...(labels && { accuracy: (hits[i] as number) / Math.max(1, rows) }),
  });
  return {
    before: sizeOf(before, 0),
    after: sizeOf(after, 1),
    outputs: feeds.length ? before.outputs.map(({ name }, i) => ({ name, sqnr: (noise[i] as Noise).decibels })) : [],
  };
}

const rowsOf = ({ shape }: Tensor): number => sizeOf(shape.slice(0, -1));

/** Rows whose largest score is at their label. */
function countHits({ shape, data }: Tensor, labels: ArrayLike<number>, first: number): number {
  const classes = shape.at(-1) as number;
  let hits = 0;
  for (let row = 0; row < data.length / classes; row++) {
    let best = 0;
    for (let c = 1; c < classes; c++) if ((data[row * classes + c] as number) > (data[row * classes + best] as number)) best = c;
    if (best === labels[first + row]) hits++;
  }
  return hits;
}
