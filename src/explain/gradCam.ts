import { ThimbleError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Inputs } from '../train/data.ts';
import type { Attribution } from './attribution.ts';
import type { Engine } from './engine.ts';
import type { TargetOptions } from './gradients.ts';
import { gradCamGraph, names } from './methods.ts';

export interface GradCamOptions extends TargetOptions {
  /** Whose maps to weigh: a layer by its name; what the last convolution over more than one pixel gives where left out. */
  readonly layer?: string;
}

export interface GradCam extends Attribution {
  /** The map as it is computed, at the layer's own resolution: f32 [rows, h, w]. `values` is it at the image's. */
  readonly map: Tensor;
}

/** Gradient-weighted class activation maps; see `gradCamGraph`. */
export async function gradCam(engine: Engine, x: Inputs, { target, layer }: GradCamOptions): Promise<GradCam> {
  const columns = engine.columns(x);
  const { targets, scores } = await engine.targets(columns, target);
  const { height, width } = engine.image;
  const name = layer === undefined ? names.gradCam : `${names.gradCam}:${layer}`;
  const compiled = await engine.method(name, (forward) => gradCamGraph(forward, layer, [height, width]));
  const { rows } = columns;
  const slot = compiled.session.program.methods[name]?.outputs.find((output) => output.name === names.map);
  if (!slot) throw new ThimbleError('FORMAT', `method "${name}" gives no map`, { node: compiled.session.program.name });
  const [h, w] = slot.shape.slice(1) as [number, number];
  const map = new Float32Array(rows * h * w);
  const values = new Float32Array(rows * height * width);
  const item = (row: number) => ({ row, x: engine.row(columns, row), target: targets[row] as number });
  engine.run(compiled, columns, rows, item, (row, part) => {
    map.set(part(names.map), row * h * w);
    values.set(part(names.gradCam), row * height * width);
  });
  return {
    values: { dtype: 'f32', shape: [rows, height, width], data: values },
    map: { dtype: 'f32', shape: [rows, h, w], data: map },
    targets,
    scores,
  };
}
