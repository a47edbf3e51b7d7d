import { formatBytes } from '../core/bytes.ts';
import { exp } from '../core/deterministic.ts';
import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, sizeOf } from '../core/shape.ts';
import { checkTask, type Task } from '../core/task.ts';
import type { Tensor } from '../core/tensor.ts';
import { readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import { InferenceModel } from '../inference/model.ts';
import { Graph, type Value } from '../ir/graph.ts';
import type { Layer, Weight } from '../layers/layer.ts';
import { softmax } from '../ops/softmax.ts';
import { optimize } from '../passes/optimize.ts';
import type { MemoryPlan } from '../plan/report.ts';
import { build } from '../program/build.ts';
import type { Kernels } from '../runtime/flavour.ts';
import type { Callback } from '../train/callbacks.ts';
import type { Dataset, Inputs } from '../train/data.ts';
import type { FitOptions, History } from '../train/fit.ts';
import type { Optimizer } from '../train/optimizers.ts';
import { loadState, save } from '../train/serialize.ts';
import { type Backbone, constantsOf } from './backbone.ts';
import { type Kept, kept, oneByOne, withFeatures } from './datasets.ts';
import { featureBytes, type Phase } from './phase.ts';
import { type Cut, replay } from './segments.ts';
import { STANDARDIZE, statisticsOf } from './standardize.ts';
import { measured } from './timing.ts';
import { trainableMethods } from './trainable.ts';

export interface FineTuneFitOptions extends Pick<FitOptions, 'callbacks' | 'classWeight' | 'verbose' | 'output'> {
  /** What `describe` gives has been said already. */
  readonly described?: boolean;
  /** Epochs of what the scheme trains. */
  readonly epochs?: number;
  /** Epochs of the head alone before that; ignored where the head is all that is trained. */
  readonly headEpochs?: number;
  readonly validationData?: Dataset;
}

interface Parts {
  readonly reason: string;
  readonly backbone: Backbone;
  /** The first settles the scale of what the others see, but for the model's own classifier. */
  readonly head: readonly Layer[];
  readonly labels: readonly string[];
  readonly keepsClassifier: boolean;
  readonly kernels: Kernels;
  readonly cacheFeatures: boolean;
  /** Of the whole model in one program, which takes one item at a time. */
  readonly optimizer: () => Optimizer;
  readonly start: { readonly head: () => Promise<Phase>; readonly all: () => Promise<Phase> };
}

const OUTPUT = 'probabilities';
const EPOCHS = 30;

/** A model in transfer learning: see `fineTune`. */
export class FineTuning {
  readonly labels: readonly string[];
  /** What is trained, by name. */
  readonly scheme: string;
  /** Why it is this scheme. */
  readonly reason: string;
  /** Linear memory of training, in whole pages: of the frozen part and of what is trained. */
  readonly bytes: { readonly frozen: number; readonly trained: number; readonly total: number };
  /** Numbers that are trained, of all that the new model has. */
  readonly parameters: { readonly trained: number; readonly total: number };
  /** Measured here: the frozen part on one item, and a step of training on `items` of them. */
  readonly milliseconds: { readonly features: number; readonly step: number; readonly items: number };
  /** Whether the head started with the weights of the model's own classifier. */
  readonly keepsClassifier: boolean;
  readonly #parts: Parts;
  /** Where the scheme cuts the backbone, and whether anything is frozen before. */
  readonly #cut: Cut;
  readonly #isFrozen: boolean;
  #phase: Phase;
  #epochs = 0;

  /** @param phase the scheme's own, started: it is measured, and given up for the head's where that is trained first. */
  constructor(phase: Phase, parts: Parts) {
    const { backbone } = parts;
    this.#parts = parts;
    this.#phase = phase;
    this.#cut = phase.cut;
    this.#isFrozen = phase.frozen !== undefined;
    this.frozen = phase.frozen?.memory;
    this.labels = parts.labels;
    this.keepsClassifier = parts.keepsClassifier;
    this.scheme = phase.scheme.name;
    this.reason = parts.reason;
    const trained = phase.model.memory.pages * 65536;
    this.bytes = { frozen: phase.bytes - trained, trained, total: phase.bytes };
    const own = phase.model.weights
      .filter(({ variable }) => variable.role === 'parameter')
      .reduce((sum, { variable }) => sum + sizeOf(variable.logicalShape), 0);
    const inBackbone = phase.scheme.weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    this.parameters = { trained: own, total: own - inBackbone + constantsOf(backbone) };
    this.milliseconds = measured(phase);
  }

  /** The program in training and its memory plan; it changes from the head's to the scheme's during `fit`. */
  get model(): Phase['model'] {
    return this.#phase.model;
  }

  /** The plan of the frozen part, where there is one. */
  readonly frozen: MemoryPlan | undefined;

  /** Completed epochs, those of the head alone included. */
  get epochs(): number {
    return this.#epochs;
  }

  /** What will be trained, in which memory and time: a few lines of text. */
  describe(): string {
    const { bytes, parameters, milliseconds, scheme, reason } = this;
    const number = (n: number) => n.toLocaleString('en-US');
    const features = `${formatShape(this.#cut.at.shape.slice(1))} (${formatBytes(featureBytes(this.#cut))} an item${this.#parts.cacheFeatures ? ', computed once' : ''})`;
    return [
      `trains ${scheme} (${reason}): ${number(parameters.trained)} of ${number(parameters.total)} parameters`,
      `linear memory ${formatBytes(bytes.total)}: ${this.#isFrozen ? `${formatBytes(bytes.frozen)} frozen, ` : ''}${formatBytes(bytes.trained)} in training`,
      this.#isFrozen ? `frozen part: ${milliseconds.features.toFixed(2)} ms an item, features ${features}` : 'nothing is frozen',
      `a step of ${milliseconds.items} item${milliseconds.items === 1 ? '' : 's'}: ${milliseconds.step.toFixed(3)} ms`,
    ].join('\n');
  }

  /**
   * Trains on batches of the model's input (preprocessed) and class indexes. Called again, or after `restore`, it goes on where it stopped.
   * @returns losses and accuracy of the epochs done now, those of the head alone first.
   */
  async fit(dataset: Dataset, options: FineTuneFitOptions = {}): Promise<History> {
    const { epochs = EPOCHS, headEpochs = EPOCHS, verbose = 1 } = options;
    const output = options.output ?? (globalThis as { process?: { stderr?: FitOptions['output'] } }).process?.stderr;
    if (verbose && output && !options.described) output.write(`${this.describe()}\n`);
    const headFirst = this.scheme === 'head' ? 0 : headEpochs;
    const history: History = { epoch: [], history: {} };
    let features: Kept | undefined;
    if (this.#epochs === 0 || this.#epochs < headFirst) {
      if (this.#phase.scheme.name !== 'head') await this.#enter(this.#parts.start.head);
      features = await this.#features(dataset);
    }
    if (this.#epochs === 0 && this.#parts.head[0]?.type === STANDARDIZE)
      await this.#standardize(features ? [features] : withFeatures(dataset, this.#phase.extract).epoch(0));
    if (this.#epochs < headFirst) {
      append(history, await this.#run(dataset, options, headFirst, features));
      this.#epochs = headFirst;
    }
    if (this.#phase.scheme.name !== this.scheme) {
      await this.#enter(this.#parts.start.all);
      features = undefined;
    }
    append(history, await this.#run(dataset, options, headFirst + epochs, features));
    return history;
  }

  /** The features of the frozen part, where they are kept. */
  async #features(dataset: Dataset): Promise<Kept | undefined> {
    return this.#isCached ? kept(dataset, this.#phase.extract) : undefined;
  }

  get #isCached(): boolean {
    return this.#parts.cacheFeatures && this.#phase.frozen !== undefined;
  }

  /** Settles the scale of what the head sees. */
  async #standardize(batches: Parameters<typeof statisticsOf>[0]): Promise<void> {
    const { backbone, head } = this.#parts;
    const { model } = this.#phase;
    const statistics = await statisticsOf(batches, backbone.groups);
    const weights = model.getWeights();
    for (const [name, weight] of (head[0] as Layer).weights) weights[model.weights.indexOf(weight)] = statistics[name as 'mean' | 'scale'];
    model.setWeights(weights);
  }

  /** Starts a phase with the head as it is now. */
  async #enter(start: () => Promise<Phase>): Promise<void> {
    this.#phase.model.getWeights();
    this.#phase = await start();
  }

  async #run(dataset: Dataset, options: FineTuneFitOptions, until: number, features?: Kept): Promise<History> {
    const { extract, model, cut } = this.#phase;
    const counting: Callback = {
      onEpochEnd: (epoch) => {
        this.#epochs = epoch + 1;
      },
    };
    const { validationData, callbacks = [], classWeight, verbose, output } = options;
    const shared = {
      initialEpoch: this.#epochs,
      epochs: until,
      callbacks: [counting, ...callbacks],
      ...(classWeight && { classWeight }),
      ...(verbose !== undefined && { verbose }),
      ...(output && { output }),
    };
    const validation = validationData && (this.#isCached ? [await kept(validationData, extract)] : withFeatures(validationData, extract));
    const fitOptions: FitOptions = { ...shared, ...(validation && { validationData: validation }) };
    const known = features ?? (await this.#features(dataset));
    if (known) {
      const { x, y, sampleWeight } = known;
      return model.fit(x, y, { ...fitOptions, sampleWeight });
    }
    return model.fit(cut.trained.length ? oneByOne(withFeatures(dataset, extract)) : withFeatures(dataset, extract), fitOptions);
  }

  /** Loss and accuracy over batches of inputs and class indexes. */
  evaluate(dataset: Dataset): Promise<Record<string, number>> {
    return this.#phase.model.evaluate(withFeatures(dataset, this.#phase.extract));
  }

  /** Probabilities of the classes for rows of inputs: [rows, classes]. */
  async predict(x: Inputs): Promise<Tensor> {
    const { shape, data } = await this.#phase.model.predict(this.#phase.extract(x));
    return { dtype: 'f32', shape, data: softmaxRows(data, this.labels.length) };
  }

  /**
   * The new model as a whole, from its inputs to `probabilities`, optimized like an imported one. `.export()` gives its `.thimble` file.
   * @param preprocessing travels with it, as do the labels.
   * @param training whether it can also go on training what is in training now: then a step takes one item and its class (`labels` [1]), runs what is
   * frozen before it, and every `batchSize` of them update. The optimizer's state goes along.
   * @param methods more methods of it, such as `explanationMethods` of `thimble/explain` makes.
   * @throws BUDGET where it does not fit.
   */
  toModel({
    preprocessing,
    budget,
    training = false,
    methods: more,
  }: {
    readonly preprocessing?: Task['preprocessing'];
    readonly budget?: number | string;
    readonly training?: boolean;
    readonly methods?: (model: InferenceModel) => readonly Graph[];
  } = {}): InferenceModel {
    const { backbone, kernels } = this.#parts;
    this.#phase.model.getWeights();
    const source = this.#whole((graph, { variable, data }) =>
      graph.constant({ dtype: 'f32', shape: variable.shape, data: data.slice() }, variable.name),
    );
    const own = training ? this.#whole((graph, { variable }) => graph.state(variable)) : source;
    const infer = optimize(own);
    const trains = training ? trainableMethods(backbone, this.#phase, this.#parts.optimizer()) : undefined;
    const [input] = backbone.inputs;
    const task: Task = {
      input: (input as Value).name,
      output: OUTPUT,
      labels: this.labels,
      scores: 'probabilities',
      ...(preprocessing && { preprocessing }),
    };
    checkTask(task);
    const modelOf = (graphs: readonly Graph[], of: Graph) => {
      const { program, memory, methods } = build(graphs, { name: 'model', budget });
      const whole = { ...program, task, ...(trains && { training: trains.training }) };
      return new InferenceModel(whole, kernels, memory, methods[infer.name], of, methods);
    };
    const graphs = [infer, ...(trains?.graphs ?? [])];
    return modelOf(more ? [...graphs, ...more(modelOf(graphs, own))] : graphs, source);
  }

  /** The graph from the model's inputs to the probabilities; `weightIn` puts in what is trained. */
  #whole(weightIn: (graph: Graph, weight: Weight) => Value): Graph {
    const { backbone, head } = this.#parts;
    const graph = new Graph('infer');
    const map = new Map(backbone.inputs.map((input) => [input, graph.input(input.name, input)] as const));
    const { weights } = this.#phase.scheme;
    const trained = this.#phase.model.layers.find(({ type }) => type === 'backbone')?.weights;
    replay(backbone.nodes, graph, map, (node, operand) => {
      const weight = weights.find((candidate) => candidate.node === node && candidate.operand === operand);
      const held = weight && trained?.get(weight.name);
      return held && weightIn(graph, held);
    });
    let value = map.get(backbone.features) as Value;
    const random = () => {
      throw new Error('the head draws random numbers outside training');
    };
    for (const layer of head) {
      const weight = (key: string) => {
        const held = layer.weights.get(key);
        return held && weightIn(graph, held);
      };
      value = graph.scope(layer.layerName, () => layer.apply([value], { training: false, weight, random }));
    }
    graph.output(OUTPUT, softmax(value));
    return graph;
  }

  /** Weights, optimizer state and counters of what is in training, as a safetensors file. */
  save(): Uint8Array {
    const { tensors, metadata } = readSafetensors(save(this.#phase.model));
    const state = {
      phase: this.#phase.scheme.name,
      scheme: this.scheme,
      epochs: this.#epochs,
      labels: this.labels,
      accumulated: this.#phase.model.accumulated,
    };
    return writeSafetensors(tensors, { ...metadata, fineTuning: JSON.stringify(state) });
  }

  /** Takes up what `save` wrote, of a model fine-tuned with the same options. @throws FORMAT for another file, INPUT for other classes or scheme. */
  async restore(bytes: Uint8Array): Promise<void> {
    const file = readSafetensors(bytes);
    if (file.metadata.fineTuning === undefined)
      throw new ThimbleError('FORMAT', 'this is no checkpoint of fineTune', { hint: 'pass what save() gave' });
    const { phase, scheme, epochs, labels, accumulated } = JSON.parse(file.metadata.fineTuning) as {
      phase: string;
      scheme: string;
      epochs: number;
      labels: string[];
      accumulated: number;
    };
    if (scheme !== this.scheme || labels.join('\n') !== this.labels.join('\n')) {
      throw new ThimbleError('INPUT', 'the checkpoint is of other classes or another scheme', {
        expected: `${this.scheme}: ${this.labels.join(', ')}`,
        got: `${scheme}: ${labels.join(', ')}`,
      });
    }
    if (phase !== this.#phase.scheme.name) await this.#enter(phase === 'head' ? this.#parts.start.head : this.#parts.start.all);
    loadState(this.#phase.model, file);
    this.#phase.model.restore(accumulated);
    this.#epochs = epochs;
  }
}

function append(history: History, more: History): void {
  history.epoch.push(...more.epoch);
  for (const [name, values] of Object.entries(more.history)) {
    history.history[name] ??= [];
    history.history[name].push(...values);
  }
}

function softmaxRows(data: TypedArray, columns: number): Float32Array {
  const result = Float32Array.from(data);
  for (let at = 0; at < result.length; at += columns) {
    const row = result.subarray(at, at + columns);
    const most = Math.max(...row);
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += row[i] = exp((row[i] as number) - most);
    for (let i = 0; i < columns; i++) row[i] = (row[i] as number) / sum;
  }
  return result;
}
