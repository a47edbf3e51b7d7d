import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { CallContext, Layer, Symbolic } from '../layers/layer.ts';

/** One use of a layer. */
export interface Call {
  readonly layer: Layer;
  readonly inputs: readonly Symbolic[];
  readonly output: Symbolic;
}

/** The layers between symbolic inputs and one output, in an order in which every tensor is computed before it is used. */
export interface Network {
  readonly inputs: readonly Symbolic[];
  readonly output: Symbolic;
  readonly calls: readonly Call[];
  /** Each layer once. */
  readonly layers: readonly Layer[];
}

/** Orders the calls that lead to `output` and gives nameless layers their names (`dense`, `dense_1`, …). */
export function networkOf(inputs: readonly Symbolic[], output: Symbolic): Network {
  const calls: Call[] = [];
  const seen = new Set<Symbolic>(inputs);
  const visit = (tensor: Symbolic): void => {
    if (seen.has(tensor)) return;
    if (!tensor.source)
      throw new ThimbleError('INPUT', `"${tensor.name}" is an input the model was not given`, { hint: 'list it in inputs' });
    seen.add(tensor);
    for (const operand of tensor.source.inputs) visit(operand);
    calls.push({ layer: tensor.source.layer, inputs: tensor.source.inputs, output: tensor });
  };
  visit(output);
  const layers = [...new Set(calls.map((call) => call.layer))];
  nameLayers(layers);
  const names = new Set(inputs.map((tensor) => tensor.name));
  if (names.size !== inputs.length)
    throw new ThimbleError('INPUT', 'two inputs of a model have one name', { hint: 'name them: input({ shape, name })' });
  return { inputs, output, calls, layers };
}

function nameLayers(layers: readonly Layer[]): void {
  const taken = new Set<string>();
  for (const { layerName } of layers) {
    if (layerName && taken.has(layerName)) throw new ThimbleError('INPUT', `two layers are named "${layerName}"`);
    if (layerName) taken.add(layerName);
  }
  for (const layer of layers) {
    for (let n = 0; !layer.layerName; n++) {
      const name = n ? `${layer.type}_${n}` : layer.type;
      if (taken.has(name)) continue;
      layer.layerName = name;
      taken.add(name);
    }
  }
}

/** What the layers of one graph share. */
export interface NetworkContext {
  readonly training: boolean;
  /** Seed and draw counter (i32 []) of dropout; asked for only by layers that draw. */
  readonly random: () => { readonly seed: Value; readonly step: Value };
  /** Called with the nodes' names scoped to each layer, after it was added. */
  readonly onLayer?: (call: Call, output: Value) => void;
}

/** Adds the network to `graph` and returns its output. */
export function applyNetwork(network: Network, graph: Graph, inputs: ReadonlyMap<Symbolic, Value>, context: NetworkContext): Value {
  const values = new Map(inputs);
  network.calls.forEach((call, position) => {
    const { layer, output } = call;
    const operands = call.inputs.map((tensor) => values.get(tensor) as Value);
    const ctx: CallContext = {
      // A frozen layer behaves as at inference: its statistics stay.
      training: context.training && layer.trainable,
      weight: (key) => {
        const weight = layer.weights.get(key);
        return weight && graph.state(weight.variable);
      },
      random: () => ({ ...context.random(), salt: position }),
    };
    const value = graph.scope(layer.layerName, () => layer.apply(operands, ctx));
    values.set(output, value);
    context.onLayer?.(call, value);
  });
  return values.get(network.output) as Value;
}

/** A chain of layers after an input. @throws INPUT where the first element is not an input. */
export function chain(elements: readonly (Symbolic | Layer)[]): { inputs: Symbolic[]; output: Symbolic } {
  const [first, ...rest] = elements;
  if (!first || typeof first === 'function') {
    throw new ThimbleError('INPUT', 'a sequential model starts with its input', { hint: 'put input({ shape: [...] }) first' });
  }
  let tensor: Symbolic = first;
  for (const layer of rest) {
    if (typeof layer !== 'function')
      throw new ThimbleError('INPUT', `"${layer.name}" of shape ${formatShape(layer.shape)} is a second input`);
    tensor = layer(tensor);
  }
  return { inputs: [first], output: tensor };
}
