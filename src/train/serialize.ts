import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { packPanels } from '../core/panels.ts';
import { sameShape } from '../core/shape.ts';
import { readSafetensors, type SafeTensor, type Safetensors, writeSafetensors } from '../formats/safetensors.ts';
import { input } from '../layers/core.ts';
import type { Layer, Symbolic } from '../layers/layer.ts';
import { layerFactories } from '../layers/registry.ts';
import { type Loss, type LossName, losses } from './losses.ts';
import { type MetricName, metrics } from './metrics.ts';
import { Model } from './model.ts';
import { networkOf } from './network.ts';
import { type Optimizer, type OptimizerName, optimizers } from './optimizers.ts';
import { type Held, logicalData } from './state.ts';

const VERSION = 1;

/** What is needed to build the model again. Tensors are referred to by position: inputs first, then the calls' outputs. */
interface Architecture {
  readonly version: number;
  readonly seed: number;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: 'f32' | 'i32' }[];
  readonly layers: readonly {
    readonly type: string;
    readonly name: string;
    readonly trainable: boolean;
    readonly config: Readonly<Record<string, unknown>>;
  }[];
  readonly calls: readonly { readonly layer: number; readonly inputs: readonly number[] }[];
  readonly output: number;
  readonly training?: Training;
}

interface Training {
  readonly optimizer: { readonly type: string; readonly options: Readonly<Record<string, unknown>> };
  readonly loss: { readonly name: string; readonly config: Readonly<Record<string, number>> };
  readonly metrics: readonly string[];
  readonly batchSize: number;
  readonly quantizationAware?: boolean;
  readonly budget?: number | string;
  readonly flavour: 'scalar' | 'simd' | 'relaxed' | 'auto';
  readonly accumulated: number;
  readonly learningRate?: number;
}

/** A weight is loaded after it is drawn: functions that drew it are not needed again. */
const withoutFunctions = (config: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [key, typeof value === 'function' ? 'zeros' : value]));

function architectureOf(model: Model): Architecture {
  const { inputs, calls, layers, output } = model.network;
  const tensors: Symbolic[] = [...inputs, ...calls.map((call) => call.output)];
  const training = trainingOf(model);
  return {
    version: VERSION,
    seed: model.seed,
    inputs: inputs.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    layers: layers.map(({ type, layerName, trainable, config }) => ({
      type,
      name: layerName,
      trainable,
      config: withoutFunctions(config),
    })),
    calls: calls.map((call) => ({ layer: layers.indexOf(call.layer), inputs: call.inputs.map((tensor) => tensors.indexOf(tensor)) })),
    output: tensors.indexOf(output),
    ...(training && { training }),
  };
}

function trainingOf(model: Model): Training | undefined {
  const { compiled } = model;
  if (!compiled) return undefined;
  const { batchSize, budget, flavour } = model.compileOptions;
  return {
    optimizer: { type: compiled.optimizer.type, options: compiled.optimizer.options },
    loss: { name: compiled.loss.name, config: compiled.loss.config },
    metrics: compiled.metrics.map(({ name }) => name).filter((name) => name in metrics),
    batchSize,
    ...(model.rounding && { quantizationAware: true }),
    ...(budget !== undefined && { budget }),
    flavour,
    accumulated: model.accumulated,
    ...(model.learningRateOverride !== undefined && { learningRate: model.learningRateOverride }),
  };
}

/**
 * The model as a safetensors file: every weight in its logical shape, optimizer moments, step and RNG counters; the architecture is in the
 * metadata. `loadModel` continues training with the same bits.
 */
export function save(model: Model): Uint8Array {
  const tensors = new Map(model.state().map((held) => [held.variable.name, safeTensorOf(held)]));
  return writeSafetensors(tensors, { thimble: JSON.stringify(architectureOf(model)) });
}

const safeTensorOf = (held: Held): SafeTensor => ({
  dtype: held.variable.dtype === 'i32' ? 'I32' : 'F32',
  shape: held.variable.logicalShape,
  data: logicalData(held) as Float32Array | Int32Array,
});

/**
 * Reads what `save` wrote; a model that was compiled is compiled again.
 * @throws FORMAT for another file or a damaged one, VERSION for one of another version.
 */
export async function loadModel(bytes: Uint8Array): Promise<Model> {
  const file = readSafetensors(bytes);
  const architecture = parse(file);
  const model = modelOf(architecture);
  const { training } = architecture;
  if (training) {
    const optimizer = optimizers[training.optimizer.type as OptimizerName] as ((options: object) => Optimizer) | undefined;
    const loss = losses[training.loss.name as LossName] as ((config: object) => Loss) | undefined;
    if (!optimizer || !loss) throw damaged(`it was trained with ${training.optimizer.type} and ${training.loss.name}`);
    const { batchSize, budget, flavour, quantizationAware = false } = training;
    await model.compile({
      optimizer: optimizer(training.optimizer.options),
      loss: loss(training.loss.config),
      metrics: training.metrics as MetricName[],
      batchSize,
      ...(budget !== undefined && { budget }),
      quantizationAware,
      flavour,
    });
  }
  loadState(model, file);
  model.restore(training?.accumulated ?? 0);
  if (training?.learningRate !== undefined) model.learningRate = training.learningRate;
  return model;
}

const damaged = (problem: string) => new ThimbleError('FORMAT', `not a model this version can load: ${problem}`);

function parse({ metadata }: Safetensors): Architecture {
  if (metadata.thimble === undefined) throw damaged('it has no architecture; load its tensors with loadWeights');
  try {
    const architecture = JSON.parse(metadata.thimble) as Architecture;
    if (architecture.version !== VERSION) {
      throw new ThimbleError('VERSION', 'the model file is of another version', {
        expected: String(VERSION),
        got: String(architecture.version),
      });
    }
    return architecture;
  } catch (error) {
    if (error instanceof ThimbleError) throw error;
    throw damaged((error as Error).message);
  }
}

function modelOf(architecture: Architecture): Model {
  try {
    const tensors: Symbolic[] = architecture.inputs.map(({ name, shape, dtype }) => input({ name, shape, dtype }));
    const inputs = [...tensors];
    const layers: Layer[] = architecture.layers.map(({ type, name, trainable, config }) => {
      const factory = layerFactories[type as keyof typeof layerFactories] as ((config: object) => Layer) | undefined;
      if (!factory) throw damaged(`it has the unknown layer "${type}"`);
      return factory({ ...config, name, trainable });
    });
    for (const call of architecture.calls) {
      const layer = layers[call.layer];
      const operands = call.inputs.map((index) => tensors[index]);
      if (!layer || operands.includes(undefined)) throw damaged('its layers are not connected');
      tensors.push(layer(operands as Symbolic[]));
    }
    const output = tensors[architecture.output];
    if (!output) throw damaged('it has no output');
    return new Model(networkOf(inputs, output), architecture.seed);
  } catch (error) {
    if (error instanceof ThimbleError) throw error;
    throw damaged((error as Error).message);
  }
}

/** Fills the model's state by name. @throws FORMAT where a tensor is missing or has another shape. */
export function loadState(model: Model, { tensors }: Safetensors): void {
  for (const held of model.state()) assign(held, tensors.get(held.variable.name));
}

function assign(held: Held, tensor: SafeTensor | undefined): void {
  const { variable } = held;
  const dtype = variable.dtype === 'i32' ? 'I32' : 'F32';
  if (!tensor || tensor.dtype !== dtype || !sameShape(tensor.shape, variable.logicalShape)) {
    throw new ThimbleError('FORMAT', tensor ? 'the tensor has another shape or dtype' : 'the file lacks a tensor', {
      node: variable.name,
      expected: `${dtype} [${variable.logicalShape}]`,
      ...(tensor && { got: `${tensor.dtype} [${tensor.shape}]` }),
    });
  }
  const data = tensor.data as TypedArray;
  held.data =
    variable.layout.kind === 'rows' ? data.slice() : packPanels(data as Float32Array, variable.logicalShape, variable.layout.groups);
}

/**
 * Fills the model's weights from a safetensors file by name. Names in `rename` are looked up under their new name.
 * @throws FORMAT where a weight is missing or has another shape; then no weight is changed.
 */
export function loadWeights(model: Model, bytes: Uint8Array, rename: (name: string) => string = (name) => name): void {
  const { tensors } = readSafetensors(bytes);
  model.state();
  const staged = model.weights.map((weight) => ({ variable: weight.variable, data: weight.data as TypedArray }));
  for (const entry of staged) assign(entry, tensors.get(rename(entry.variable.name)));
  model.setWeights(staged.map(({ data }) => data as Float32Array));
}
