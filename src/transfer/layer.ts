import type { TypedArray } from '../core/dtype.ts';
import { unpackPanels } from '../core/panels.ts';
import type { Value } from '../ir/graph.ts';
import type { Layer, Symbolic, Weight } from '../layers/layer.ts';
import type { BackboneWeight } from './backbone.ts';
import { type Cut, replay } from './segments.ts';

const TYPE = 'backbone';

/** The trained part of a backbone as a layer of a network: `weights` are its weights, all else stays constant. Takes one item at a time. */
export function backboneLayer(cut: Cut, features: Value, weights: readonly BackboneWeight[]): Layer {
  const own = new Map(weights.map((weight) => [weight.name, weightOf(weight)]));
  const keys = new Map(weights.map(({ node, operand, name }) => [`${node.id} ${operand}`, name]));
  const layer: Layer = Object.assign(
    (given: Symbolic | readonly Symbolic[]): Symbolic => ({
      name: TYPE,
      shape: features.shape.slice(1),
      dtype: 'f32',
      source: { layer, inputs: Array.isArray(given) ? (given as readonly Symbolic[]) : [given as Symbolic] },
    }),
    {
      type: TYPE,
      layerName: TYPE,
      trainable: true,
      config: {},
      weights: own,
      apply: ([x]: readonly Value[], ctx: { weight(name: string): Value | undefined }): Value => {
        const map = new Map([[cut.at, x as Value]]);
        replay(cut.trained, (x as Value).graph, map, (node, operand) => ctx.weight(keys.get(`${node.id} ${operand}`) ?? ''));
        return map.get(features) as Value;
      },
    },
  );
  return layer;
}

function weightOf({ name, shape, layout, node, operand }: BackboneWeight): Weight {
  const value = node.inputs[operand] as Value;
  const initial = (value.origin as { readonly data: TypedArray }).data as Float32Array;
  const weight: Weight = {
    initializer: () => (layout.kind === 'rows' ? initial.slice() : unpackPanels(initial, shape, layout.groups)),
    regularizer: undefined,
    data: initial.slice(),
    variable: {
      name: `${TYPE}/${name}`,
      dtype: 'f32',
      shape: value.shape,
      role: 'parameter',
      layout,
      logicalShape: shape,
      initial: () => weight.data,
    },
  };
  return weight;
}
