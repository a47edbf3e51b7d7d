import type { TypedArray } from '../../src/core/dtype.ts';
import { allocate } from '../../src/core/dtype.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { kernelModule } from '../../src/hosts/kernels.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { RefTensor } from '../../src/ops/define.ts';
import { opOf } from '../../src/ops/registry.ts';
import { build } from '../../src/program/build.ts';
import { type Flavour, supports } from '../../src/runtime/flavour.ts';
import { Session } from '../../src/runtime/session.ts';

/** The flavours this host runs. */
export const flavours = (['scalar', 'simd', 'relaxed'] as const).filter(supports);

/** Runs a graph of one method on a flavour's kernels and returns its outputs. */
export async function runKernels(graph: Graph, feeds: Record<string, TypedArray>, flavour: Flavour): Promise<Record<string, TypedArray>> {
  const { program } = build([graph], { name: graph.name });
  const session = new Session(program, await kernelModule(flavour));
  const outputs = session.run(graph.name, feeds);
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data.slice()]));
}

/** Runs a graph through the float64 references. */
export function runReference(graph: Graph, feeds: Record<string, Float64Array>): Record<string, Float64Array> {
  const values = new Map<Value, Float64Array>();
  const data = (value: Value): Float64Array => {
    const { origin } = value;
    if (origin.kind === 'const') return Float64Array.from(origin.data);
    if (origin.kind === 'input') return feeds[value.name] as Float64Array;
    if (origin.kind === 'state') return Float64Array.from(origin.variable.initial());
    return values.get(value) as Float64Array;
  };
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value): RefTensor => ({ dtype: value.dtype, shape: value.shape, data: data(value) }));
    const results = opOf(node).ref(inputs, node.attrs, node.outputs);
    for (const [i, value] of node.outputs.entries()) values.set(value, results[i] as Float64Array);
  }
  return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, data(value)]));
}

/** As the dtype of `value`. */
export function cast(data: Float64Array, value: { dtype: Value['dtype']; shape: Value['shape'] }): TypedArray {
  const array = allocate(value.dtype, sizeOf(value.shape));
  array.set(data);
  return array;
}
