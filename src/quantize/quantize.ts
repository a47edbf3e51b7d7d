import { ThimbleError } from '../core/errors.ts';
import { metadataOf } from '../core/task.ts';
import { frozenGraph } from '../export/frozen.ts';
import { type ExportOptions, exportGraph } from '../formats/onnx/exporter.ts';
import { kernelsFor } from '../hosts/kernels.ts';
import { load } from '../inference/load.ts';
import { InferenceModel } from '../inference/model.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { openValues, planActivations } from '../passes/activationPlan.ts';
import type { Budget } from '../plan/budget.ts';
import type { Flavour } from '../runtime/flavour.ts';
import type { Model } from '../train/model.ts';
import { inputsOf } from './biases.ts';
import { calibrate, type Observed } from './calibrate.ts';
import { floatLayers, refuseNothing } from './coverage.ts';
import { type CalibrationData, feedsOf } from './feeds.ts';
import { keptNodes, layerName } from './layers.ts';
import { equalize, splitResiduals, withoutRoundedRows } from './prepare.ts';
import type { RangeMethod } from './ranges.ts';
import { compare, layerReports, type QuantizationReport } from './report.ts';
import { type Scheme, schemes } from './schemes.ts';
import { layerNoise } from './sqnr.ts';
import { chooseSteps, type QuantizedLayer, quantizeStatic } from './static.ts';
import { halvedLayers, quantizeWeights, storedLayers } from './weightOnly.ts';

/** Options of `quantize`. */
export interface QuantizeOptions {
  /** `int8` where left out. */
  readonly scheme?: Scheme;
  /** How ranges of activations are chosen (scheme int8); `mse` where left out. */
  readonly ranges?: RangeMethod;
  /** Share of the elements inside the range, in percent, where `ranges` is 'percentile'; 99.99 where left out. */
  readonly percentile?: number;
  /** Biases make up for what rounding the weights adds on average; true where left out. */
  readonly biasCorrection?: boolean;
  /** Factors move between layers until their channels have like ranges: for models whose activations have channels of very different size; false where left out. */
  readonly equalization?: boolean;
  /** Rows of a column that share a step, with 4-bit weights: 16 to 256, a power of 2; 32 where left out. */
  readonly blockSize?: number;
  /** Layers that stay in float, by name; `*` stands for any characters. */
  readonly keep?: readonly string[];
  /** Class of each row of the calibration data: the report then has the accuracy before and after. */
  readonly labels?: ArrayLike<number>;
  /** Other data to compare on, with the class of each row. */
  readonly test?: { readonly data: CalibrationData; readonly labels?: ArrayLike<number> };
  /** Kernels to calibrate and compare on; `auto` where left out. */
  readonly flavour?: Flavour | 'auto';
  /** Bytes, or text such as '256KB' or `least`, that the whole linear memory of the quantized model may use. */
  readonly budget?: Budget;
  /** Called with what begins. */
  readonly onProgress?: (stage: string) => void;
}

/** What `quantize` gives. */
export interface Quantized {
  /** An ONNX file: QuantizeLinear and DequantizeLinear around standard operators, for any runtime. */
  readonly onnx: Uint8Array<ArrayBuffer>;
  /** The quantized model, loaded; `model.export()` is its `.thimble` file. */
  readonly model: InferenceModel;
  /** What was gained and lost, and the layers with the largest errors. */
  readonly report: QuantizationReport;
}

const defaults = {
  scheme: 'int8',
  ranges: 'mse',
  percentile: 99.99,
  biasCorrection: true,
  equalization: false,
  blockSize: 32,
  keep: [],
} as const;

/**
 * Quantizes a trained or loaded model after training. A trained model takes one row a call in its quantized form.
 * @param calibration rows or calls that are like what the model will see; a hundred are enough. Needed by scheme `int8`, unless the model was
 * trained quantization-aware.
 * @throws INPUT for unknown options, a model that is quantized already, missing or unfitting data, a layer to keep that does not exist, or where the scheme finds nothing to quantize; UNSUPPORTED_OP for what ONNX has no
 * operator for; BUDGET.
 */
export async function quantize(
  model: Model | InferenceModel,
  calibration?: CalibrationData,
  options: QuantizeOptions = {},
): Promise<Quantized> {
  const settings = {
    ...defaults,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  } as QuantizeOptions & Required<Pick<QuantizeOptions, keyof typeof defaults>>;
  check(settings);
  const progress = settings.onProgress ?? (() => {});
  const flavour = settings.flavour ?? 'auto';
  const kernels = await kernelsFor(flavour);
  const { graph: frozen, borders } = frozenGraph(model, 1);
  refuseQuantized(frozen);
  const task = model instanceof InferenceModel ? model.program.task : undefined;
  const metadata = task && metadataOf(task);
  const write = (graph: Graph, more: ExportOptions = {}) => exportGraph(graph, { borders, metadata, ...more });
  // Activations that the scheme rounds are not rounded twice.
  const roundsActivations = settings.scheme === 'int8' || settings.scheme === 'int8-dynamic';
  const split = splitResiduals(roundsActivations ? withoutRoundedRows(frozen) : frozen);
  const source = settings.equalization ? equalize(split) : split;
  const kept = keptNodes(source, settings.keep);
  refuseNothing(source, settings.scheme, kept);
  progress('reading the data');
  const feeds = calibration === undefined ? [] : await feedsOf(model, calibration);

  const { layers, noise, onnx } = await quantized();
  progress('comparing');
  const [before, after] = await Promise.all([
    load(write(frozen), { flavour }),
    load(onnx, { flavour, ...(settings.budget !== undefined && { budget: settings.budget }) }),
  ]);
  const test = settings.test ? await feedsOf(model, settings.test.data) : feeds;
  const labels = settings.test ? settings.test.labels : settings.labels;
  const comparison = compare({ before, after, feeds: test, labels, fileBytes: [write(frozen).length, onnx.length] });
  return {
    onnx,
    model: after,
    report: {
      scheme: settings.scheme,
      ...comparison,
      layers: layerReports(layers, noise),
      floats: floatLayers(source, settings.scheme, kept, new Set(layers.map(({ node }) => node))),
      kept: [...kept].map(layerName),
    },
  };

  async function quantized(): Promise<{ layers: readonly QuantizedLayer[]; noise: readonly number[]; onnx: Uint8Array<ArrayBuffer> }> {
    const { scheme, ranges, percentile, biasCorrection, blockSize } = settings;
    if (scheme === 'int8') {
      const plan = planActivations(source, kept);
      const open = openValues(plan);
      if (feeds.length === 0 && open.length > 0) {
        throw new ThimbleError('INPUT', 'scheme int8 needs calibration data', {
          hint: 'give a hundred typical rows, or choose int8-dynamic or int8-weights',
        });
      }
      progress('calibrating');
      const observed: Map<Value, Observed> = feeds.length
        ? calibrate(source, [...new Set([...plan.values, ...inputsOf(plan.projections)])], feeds, kernels, ranges !== 'min-max')
        : new Map();
      progress('choosing ranges');
      const steps = chooseSteps(plan, observed, ranges, percentile);
      const result = quantizeStatic(source, plan, steps, observed, { biasCorrection, stored: storedLayers(source, kept, scheme) });
      progress('measuring layers');
      return {
        layers: result.layers,
        noise: noiseOf(result.layers, { plan, steps }),
        onnx: write(result.graph, { weights: result.weights }),
      };
    }
    if (scheme === 'f16') {
      progress('rounding weights');
      const layers = halvedLayers(source, kept);
      return { layers, noise: noiseOf(layers), onnx: write(source, { half: (node) => !kept.has(node) }) };
    }
    const stored = storedLayers(source, kept, scheme);
    if (biasCorrection && feeds.length) progress('calibrating');
    const observed: Map<Value, Observed> =
      biasCorrection && feeds.length ? calibrate(source, inputsOf(stored), feeds, kernels, false) : new Map();
    progress('rounding weights');
    const result = quantizeWeights(source, stored, observed, { bits: scheme === 'int4-weights' ? 4 : 8, block: blockSize });
    return {
      layers: result.layers,
      noise: noiseOf(result.layers),
      onnx: write(result.graph, { weights: result.weights, dynamic: scheme === 'int8-dynamic' }),
    };
  }

  function noiseOf(layers: readonly QuantizedLayer[], activations?: Parameters<typeof layerNoise>[4]): number[] {
    return feeds.length ? layerNoise(source, layers, feeds, kernels, activations) : layers.map(() => Number.NaN);
  }
}

const methods: readonly RangeMethod[] = ['min-max', 'percentile', 'mse', 'entropy'];

/** Models that compute in 8-bit numbers, as TFLite has them, have no floats to round. */
function refuseQuantized({ nodes }: Graph): void {
  const first = nodes.find(({ op, inputs }) => op !== 'cast' && inputs.some(({ dtype }) => dtype === 'i8'));
  if (!first) return;
  throw new ThimbleError('INPUT', 'the model is quantized already: it computes in 8-bit numbers', {
    node: first.name,
    hint: 'quantize the float model that it was made from',
  });
}

function check({ scheme, ranges, percentile, blockSize }: typeof defaults | QuantizeOptions): void {
  const among = (what: string, value: unknown, list: readonly string[]) => {
    if (!list.includes(value as string)) throw new ThimbleError('INPUT', `no ${what} "${value}"`, { expected: list.join(', ') });
  };
  among('scheme', scheme, schemes);
  among('method for ranges', ranges, methods);
  if (!((percentile as number) > 0 && (percentile as number) <= 100)) {
    throw new ThimbleError('INPUT', `percentile ${percentile}`, { expected: 'more than 0 and at most 100' });
  }
  // ONNX Runtime packs blocks of powers of two from 16 on.
  if (![16, 32, 64, 128, 256].includes(blockSize as number)) {
    throw new ThimbleError('INPUT', `blockSize ${blockSize}`, { expected: '16, 32, 64, 128 or 256' });
  }
}
