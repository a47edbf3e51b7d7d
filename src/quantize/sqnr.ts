import type { TypedArray } from '../core/dtype.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { ActivationPlan } from '../passes/activationPlan.ts';
import { Rewriting } from '../passes/rewrite.ts';
import type { Kernels } from '../runtime/flavour.ts';
import { Probe, type ProbeFeeds } from './probe.ts';
import type { Steps } from './ranges.ts';
import { type QuantizedLayer, rounded } from './static.ts';
import { packed, type StoredWeights, storedWeights } from './weights.ts';

/** Signal to quantization noise in decibels: 10 log₁₀(Σ x² / Σ (x - quantized x)²). */
export class Noise {
  #signal = 0;
  #noise = 0;

  add(signal: ArrayLike<number>, quantized: ArrayLike<number>): void {
    for (let i = 0; i < signal.length; i++) {
      const x = signal[i] as number;
      this.#signal += x * x;
      this.#noise += (x - (quantized[i] as number)) ** 2;
    }
  }

  /** Infinity where nothing differs. */
  get decibels(): number {
    return this.#noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(this.#signal / this.#noise);
  }
}

/**
 * How much of its result each layer loses when it alone is quantized: its input, weights, and output. `plan` and `steps` are left out where only
 * weights are.
 */
export function layerNoise(
  source: Graph,
  layers: readonly QuantizedLayer[],
  feeds: readonly ProbeFeeds[],
  kernels: Kernels,
  activations?: { readonly plan: ActivationPlan; readonly steps: ReadonlyMap<Value, Steps> },
): number[] {
  const to = new Rewriting(source);
  const pairs: Value[] = [];
  const byNode = new Map(layers.map((layer) => [layer.node, layer]));
  const alone = new Map<QuantizedLayer, Value>();
  for (const node of source.nodes) {
    to.keep(node);
    const layer = byNode.get(node);
    if (!layer) continue;
    const inputs = node.inputs.map((input) => to.of(input));
    const layout = storedWeights(node) as StoredWeights;
    const [x] = node.inputs as [Value];
    const w = node.inputs[layout.input] as Value;
    const constant = (shape: readonly number[], data: Float32Array) => to.target.constant({ dtype: 'f32', shape, data });
    inputs[layout.input] = constant(w.shape, packed(layer.weights, layout));
    const steps = activations?.steps.get(x);
    if (steps) inputs[0] = rounded(inputs[0] as Value, steps, `${node.name}/input`);
    if (layer.bias) inputs[2] = constant([layer.bias.length], layer.bias);
    alone.set(layer, to.apply(node, inputs)[0] as Value);
  }
  for (const layer of layers) {
    let [y] = layer.node.outputs as [Value];
    let quantized = alone.get(layer) as Value;
    // The clamp behind the layer belongs to it.
    const behind = source.nodes.filter(({ inputs }) => inputs.includes(y));
    const [next] = behind;
    if (behind.length === 1 && next && (next.op === 'relu' || next.op === 'clip')) {
      quantized = to.apply(next, [quantized])[0] as Value;
      [y] = next.outputs as [Value];
    }
    const steps = activations?.steps.get(y);
    pairs.push(to.of(y), steps ? rounded(quantized, steps, `${layer.node.name}/output`) : quantized);
  }
  const probe = new Probe(to.target, pairs, kernels);
  const noise = layers.map(() => new Noise());
  for (const call of feeds) {
    const values = probe.run(call);
    for (const [i, one] of noise.entries()) one.add(values[2 * i] as TypedArray, values[2 * i + 1] as TypedArray);
  }
  return noise.map(({ decibels }) => decibels);
}
