import type { Node, Value } from '../../../ir/graph.ts';
import type { Epilogue } from '../../../ops/epilogue.ts';
import type { LinearAttributes } from '../../../ops/linear.ts';
import type { MatmulAttributes } from '../../../ops/matmul.ts';
import { clamp } from './elementwise.ts';
import { attrsOf, type Emission, type Emits, identity } from './emission.ts';
import { type WeightLayout, weightOf, wholeWeights } from './weights.ts';

/**
 * Gemm for rows, MatMul for more axes. After a flatten in another order the rows of the weights are in that order too.
 */
function linear(e: Emission, node: Node): void {
  const { units, residual, low, high } = attrsOf<LinearAttributes & Epilogue>(node);
  const [x, w] = node.inputs as [Value, Value];
  const depth = x.shape.at(-1) as number;
  const { name, ...form } = e.form(x);
  // Blocks of rows stay together.
  const flattened = e.weights.get(w)?.block ? undefined : form.flattened;
  const rows = flattened?.shape.slice(1) ?? [depth];
  const order = flattened ? flattened.perm.slice(1).map((axis) => axis - 1) : [0];
  const layout = { logical: [...rows, units], groups: 1, perm: [...order, rows.length], dims: [depth, units] };
  const input = flattened ? name : e.plain(x);
  const shift = node.inputs.slice(2, residual ? -1 : undefined)[0];
  const isDynamic = e.isDynamic && e.weights.has(w);
  const weight = isDynamic ? '' : weightOf(e, w, layout);
  const [bias] = isDynamic ? (shift ? [e.plain(shift)] : []) : e.bias(shift, w, x);
  let y: string;
  if (isDynamic) {
    y = dynamicProduct(e, input, w, layout);
    if (bias) y = e.op('Add', [y, bias]);
  } else if (x.shape.length === 2) y = e.op('Gemm', [input, weight, ...(bias ? [bias] : [])]);
  else {
    y = e.op('MatMul', [input, weight]);
    if (bias) y = e.op('Add', [y, bias]);
  }
  if (residual) y = e.op('Add', [y, e.plain(node.inputs.at(-1) as Value)]);
  e.put(node.outputs[0] as Value, clamp(e, y, low, high));
}

/** x in 8 bits with its own range, times weights in 8 bits: sums of whole numbers, scaled. */
function dynamicProduct(e: Emission, x: string, w: Value, layout: WeightLayout): string {
  const [numbers, step, zero] = e.many('DynamicQuantizeLinear', [x], {}, 3) as [string, string, string];
  const { whole, scale, zeroPoint } = wholeWeights(e, w, layout);
  const sums = e.op('Cast', [e.op('MatMulInteger', [numbers, whole, zero, zeroPoint])], { to: 1 });
  return e.op('Mul', [sums, e.op('Mul', [step, scale])]);
}

function matmul(e: Emission, node: Node): void {
  const { transposeA, transposeB, alpha } = attrsOf<MatmulAttributes>(node);
  const [a, b] = node.inputs.map((value, i) => {
    const perm = identity(value.shape.length);
    return e.as(value, (i ? transposeB : transposeA) ? [...perm.slice(0, -2), perm.at(-1) as number, perm.at(-2) as number] : perm);
  }) as [string, string];
  const y = e.op('MatMul', [a, b]);
  e.put(node.outputs[0] as Value, alpha === 1 ? y : e.op('Mul', [y, e.scalar(alpha)]));
}

/** Matrix products. */
export const products: Emits = {
  linear,
  matmul,
  det: (e, node) => e.put(node.outputs[0] as Value, e.op('Det', [e.plain(node.inputs[0] as Value)])),
};
