import { ThimbleError } from '../core/errors.ts';
import { packPanels, panelShape } from '../core/panels.ts';
import type { Random } from '../core/random.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { Graph, type Value } from '../ir/graph.ts';
import type { Layout, Variable } from '../ir/variable.ts';
import { type Initializer, type InitializerName, initializerOf } from './initializers.ts';

/** A weight a layer asks for. `shape` is the one users see; `panels` packs it for matrix products. */
export interface WeightSpec {
  readonly shape: Shape;
  readonly initializer: InitializerName | Initializer;
  /** Groups of a packed weight; rows where left out. */
  readonly panels?: number;
  /** A running statistic: saved, never trained. */
  readonly statistic?: boolean;
  /** Penalty on a parameter, added to the loss: l1 Σ |w| + l2 Σ w². */
  readonly regularizer?: Regularizer | undefined;
}

export interface Regularizer {
  readonly l1?: number;
  readonly l2?: number;
}

/** A weight of a built layer. Its data lives here until a program is built and after one is read back. */
export interface Weight {
  readonly variable: Variable;
  readonly initializer: Initializer;
  readonly regularizer: Regularizer | undefined;
  /** In memory layout. */
  data: Float32Array;
}

/** What a layer sees when it adds itself to a graph. */
export interface CallContext {
  /** A training step: dropout drops, batch normalisation uses and updates batch statistics. */
  readonly training: boolean;
  /** The weight of that name, or undefined where the layer did not ask for it. */
  weight(name: string): Value | undefined;
  /** Seed and step (i32 []) of the counter RNG, and a number that tells this layer's draws apart. */
  random(): { readonly seed: Value; readonly step: Value; readonly salt: number };
}

/** A tensor of the functional API: known by shape, computed by nothing yet. The batch axis is left out. */
export interface Symbolic {
  readonly shape: Shape;
  readonly dtype: 'f32' | 'i32';
  readonly name: string;
  readonly source?: { readonly layer: Layer; readonly inputs: readonly Symbolic[] };
}

/** How a kind of layer works. */
export interface LayerSpec<C> {
  readonly type: string;
  readonly defaults: C;
  /** Weights by name, from the shapes of the inputs without batch. */
  readonly weights?: (config: C, inputs: readonly Shape[]) => Readonly<Record<string, WeightSpec | undefined>>;
  readonly call: (config: C, inputs: readonly Value[], ctx: CallContext) => Value;
}

/** A layer: call it with symbolic tensors (functional API) or put it into `sequential`. Calling it twice shares its weights. */
export interface Layer {
  (inputs: Symbolic | readonly Symbolic[]): Symbolic;
  readonly type: string;
  /** Unique within a model; given by the model where the config has none. */
  layerName: string;
  /** Frozen layers (false) cost no gradient memory and no backward work. */
  trainable: boolean;
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: ReadonlyMap<string, Weight>;
  /** Adds the layer to the inputs' graph. */
  apply(inputs: readonly Value[], ctx: CallContext): Value;
}

export interface CommonConfig {
  readonly name?: string;
  readonly trainable?: boolean;
}

/** What Keras users pass: some of the config, the rest defaults. */
export type LayerFactory<C> = (config?: Partial<C> & CommonConfig) => Layer;

/** Makes a layer factory; the model's file format finds it by `type` (`registry.ts`). */
export function defineLayer<C extends object>(spec: LayerSpec<C>): LayerFactory<C> {
  return (given = {} as Partial<C> & CommonConfig) => {
    const { name = '', trainable = true, ...overrides } = given;
    for (const key of Object.keys(overrides)) {
      if (!(key in spec.defaults)) {
        throw new ThimbleError('UNSUPPORTED_ATTR', `no option "${key}"`, {
          op: spec.type,
          node: name,
          expected: Object.keys(spec.defaults).join(', '),
        });
      }
    }
    const config = { ...spec.defaults, ...overrides } as C;
    const weights = new Map<string, Weight>();
    let built = false;
    const layer = Object.assign(
      (given: Symbolic | readonly Symbolic[]): Symbolic => {
        const inputs = Array.isArray(given) ? (given as readonly Symbolic[]) : [given as Symbolic];
        if (!built) {
          const specs =
            spec.weights?.(
              config,
              inputs.map((input) => input.shape),
            ) ?? {};
          for (const [key, weight] of Object.entries(specs)) if (weight) weights.set(key, makeWeight(layer, key, weight));
          built = true;
        }
        return { ...outputType(layer, inputs), name: layer.layerName || spec.type, source: { layer, inputs } };
      },
      {
        type: spec.type,
        layerName: name,
        trainable,
        config: config as Record<string, unknown>,
        weights,
        apply: (inputs: readonly Value[], ctx: CallContext) => spec.call(config, inputs, ctx),
      },
    ) as Layer;
    return layer;
  };
}

function makeWeight(layer: Layer, key: string, { shape, initializer, panels, statistic, regularizer }: WeightSpec): Weight {
  const layout: Layout = panels === undefined ? { kind: 'rows' } : { kind: 'panels', groups: panels };
  const memoryShape = panels === undefined ? shape : panelShape(shape, panels);
  const weight: Weight = {
    initializer: initializerOf(initializer),
    regularizer,
    data: new Float32Array(sizeOf(memoryShape)),
    variable: {
      get name() {
        return `${layer.layerName || layer.type}/${key}`;
      },
      dtype: 'f32',
      shape: memoryShape,
      role: statistic ? 'statistic' : 'parameter',
      layout,
      logicalShape: shape,
      initial: () => weight.data,
    },
  };
  return weight;
}

/** Draws a weight's first values. */
export function initialize({ variable, initializer }: Weight, random: Random): Float32Array {
  const rows = initializer(variable.logicalShape, random);
  return variable.layout.kind === 'rows' ? rows : packPanels(rows, variable.logicalShape, variable.layout.groups);
}

/** Runs the layer on a batch of one to learn its output's type. */
function outputType(layer: Layer, inputs: readonly Symbolic[]): { shape: Shape; dtype: 'f32' | 'i32' } {
  const graph = new Graph('shapes');
  const values = inputs.map((input, i) => graph.input(`x${i}`, { dtype: input.dtype, shape: [1, ...input.shape] }));
  const counter = (name: string) => graph.input(name, { dtype: 'i32', shape: [] });
  try {
    const output = layer.apply(values, {
      training: false,
      weight: (key) => {
        const weight = layer.weights.get(key);
        return weight && graph.state(weight.variable);
      },
      random: () => ({ seed: counter('seed'), step: counter('step'), salt: 0 }),
    });
    return { shape: output.shape.slice(1), dtype: output.dtype === 'i32' ? 'i32' : 'f32' };
  } catch (error) {
    if (error instanceof ThimbleError)
      throw new ThimbleError(error.code, error.message, { op: layer.type, node: layer.layerName || undefined });
    throw error;
  }
}
