import { ThimbleError } from '../../core/errors.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, broadcast, cast, det, linear, matmul, mul, reduceSum, slice, sub, transpose } from '../../ops/index.ts';
import { panels, permuted } from '../weights.ts';
import type { NodeContext, Rows } from './context.ts';
import { table } from './counted.ts';
import { reshapedTo } from './shapes.ts';

/** `[..., rows, columns]` of a constant with a factor, at import. */
function scaled(value: Value, factor: number): Value {
  const { origin, shape, graph } = value;
  if (factor === 1) return value;
  if (origin.kind !== 'const') return mul([value, graph.scalar(factor)]);
  return graph.constant({ dtype: 'f32', shape, data: Float32Array.from(origin.data, (x) => x * factor) });
}

/** a · b of numpy's matmul: vectors become matrices, leading axes are batches. A constant matrix b is packed at import. */
export function product(a: Value, b: Value): Value {
  const left = a.shape.length === 1 ? reshapedTo(a, [1, ...a.shape]) : a;
  const right = b.shape.length === 1 ? reshapedTo(b, [...b.shape, 1]) : b;
  if (left.shape.at(-1) !== right.shape.at(-2)) {
    throw new ThimbleError('SHAPE', `${formatShape(a.shape)} and ${formatShape(b.shape)} cannot be multiplied`);
  }
  const lead = right.shape.slice(0, -2);
  const y =
    right.origin.kind === 'const' && sizeOf(lead) === 1 && lead.length <= left.shape.length - 2
      ? linear([left, panels(reshapedTo2(right))], { units: right.shape.at(-1) as number })
      : matmul([left, right]);
  const shape = [...y.shape];
  if (b.shape.length === 1) shape.pop();
  if (a.shape.length === 1) shape.splice(b.shape.length === 1 ? shape.length - 1 : shape.length - 2, 1);
  return reshapedTo(y, shape);
}

const reshapedTo2 = (constant: Value): Value => {
  const { origin, graph, shape, name } = constant;
  if (shape.length === 2 || origin.kind !== 'const') return constant;
  return graph.constant({ dtype: 'f32', shape: shape.slice(-2), data: origin.data }, name);
};

function gemm(n: NodeContext): Value {
  const alpha = n.float('alpha', 1);
  const beta = n.float('beta', 1);
  const a = n.int('transA', 0) ? permuted(n.f32(0), [1, 0]) : n.f32(0);
  const b = n.f32(1);
  const transposed = n.int('transB', 0) !== 0;
  const units = b.shape[transposed ? 0 : 1] as number;
  const c = n.has(2) ? scaled(n.f32(2), beta) : undefined;
  if (b.origin.kind === 'const') {
    const w = panels(scaled(transposed ? permuted(b, [1, 0]) : b, alpha));
    const isBias = c && sizeOf(c.shape) === units && c.shape.at(-1) === units;
    if (isBias) return linear([a, w, reshapedTo(c, [units])], { units });
    const y = linear([a, w], { units });
    return c ? add([y, c]) : y;
  }
  const y = matmul([a, b], { transposeB: transposed, alpha });
  return c ? add([y, c]) : y;
}

/** Integer products are exact in f32 up to this depth: 2⁸ · 2⁸ · 2⁸ = 2²⁴. */
const EXACT_DEPTH = 256;

/** a · b of 8-bit numbers without their zero points, exact in i32. */
export function integerProduct(a: Value, b: Value): Value {
  const depth = a.shape.at(-1) as number;
  const float = (value: Value) => cast(value, { to: 'f32' });
  if (depth <= EXACT_DEPTH) return cast(product(float(a), float(b)), { to: 'i32' });
  const box = (value: Value, axis: number, start: number, size: number) =>
    slice(value, {
      starts: value.shape.map((_, i) => (i === axis ? start : 0)),
      sizes: value.shape.map((extent, i) => (i === axis ? size : extent)),
    });
  const parts: Value[] = [];
  for (let start = 0; start < depth; start += EXACT_DEPTH) {
    const size = Math.min(EXACT_DEPTH, depth - start);
    const left = box(a, a.shape.length - 1, start, size);
    const right = box(b, Math.max(0, b.shape.length - 2), start, size);
    parts.push(cast(product(float(left), float(right)), { to: 'i32' }));
  }
  return parts.reduce((x, y) => add([x, y]));
}

/** A zero point of one element, one a row of a, or one a column of b. */
export const lessZeroPoint = (n: NodeContext, operand: number, zero: number): Value => {
  const x = n.x(operand);
  if (!n.has(zero)) return x;
  const z = n.x(zero);
  const perRow = operand === 0 && z.shape.length === 1 && sizeOf(z.shape) > 1;
  return sub([x, perRow ? reshapedTo(z, [z.shape[0] as number, 1]) : z]);
};

/** Einstein summation: operands are multiplied under broadcasting over all labels; two of them by one matrix product. */
function einsum(n: NodeContext): Value {
  const operands = n.rest(0);
  const { inputs, output } = labels(
    n.text('equation'),
    operands.map(({ shape }) => shape.length),
  );
  const terms = operands.map((value, i) => withoutDiagonals(value, inputs[i] as string[]));
  let [first, ...others] = terms as [Term, ...Term[]];
  others.forEach((term, i) => {
    const later = new Set([...output, ...others.slice(i + 1).flatMap((other) => other.axes)]);
    first = contract(first, term, later);
  });
  const summed = first.axes.map((label, axis) => (output.includes(label) ? -1 : axis)).filter((axis) => axis >= 0);
  const kept = first.axes.filter((label) => output.includes(label));
  const value = summed.length ? reduceSum(first.value, { axes: summed }) : first.value;
  const perm = output.map((label) => kept.indexOf(label));
  return perm.every((axis, i) => axis === i) ? value : transpose(value, { perm });
}

interface Term {
  readonly value: Value;
  readonly axes: readonly string[];
}

/** Labels of each operand and of the output; an ellipsis becomes labels of its own, aligned at the back. */
function labels(equation: string, ranks: readonly number[]): { inputs: string[][]; output: string[] } {
  const [left = '', right] = equation.replace(/\s/g, '').split('->');
  const parts = left.split(',');
  if (parts.length !== ranks.length)
    throw new ThimbleError('FORMAT', `the equation "${equation}" has ${parts.length} operands, the node ${ranks.length}`);
  const widths = parts.map((part, i) => (part.includes('...') ? (ranks[i] as number) - (part.length - 3) : 0));
  const widest = Math.max(0, ...widths);
  const spread = (part: string, width: number) => {
    const [before = '', after] = part.split('...');
    if (after === undefined) return [...before];
    return [...before, ...Array.from({ length: width }, (_, i) => `#${widest - width + i}`), ...after];
  };
  const inputs = parts.map((part, i) => spread(part, widths[i] as number));
  inputs.forEach((list, i) => {
    if (list.length !== ranks[i])
      throw new ThimbleError('SHAPE', `operand ${i} of "${equation}" has ${ranks[i]} axes`, { expected: String(list.length) });
  });
  if (right !== undefined) return { inputs, output: spread(right, widest) };
  const all = inputs.flat();
  const once = [...new Set(all)].filter((label) => !label.startsWith('#') && all.filter((other) => other === label).length === 1).sort();
  return { inputs, output: [...Array.from({ length: widest }, (_, i) => `#${i}`), ...once] };
}

/** A label that an operand repeats takes its diagonal. */
function withoutDiagonals(value: Value, axes: readonly string[]): Term {
  const repeated = axes.findIndex((label, i) => axes.indexOf(label) !== i);
  if (repeated < 0) return { value, axes };
  const first = axes.indexOf(axes[repeated] as string);
  const extent = value.shape[first] as number;
  const mask = value.shape.map((_, i) => (i === first || i === repeated ? extent : 1));
  const eye = Float32Array.from(table(extent * extent, (i) => (Math.floor(i / extent) === i % extent ? 1 : 0)));
  const kept = mul([value, value.graph.constant({ dtype: 'f32', shape: mask, data: eye })]);
  return withoutDiagonals(
    reduceSum(kept, { axes: [repeated] }),
    axes.filter((_, i) => i !== repeated),
  );
}

/** Multiplies two terms and sums the labels nobody needs later, as one batched matrix product. */
function contract(a: Term, b: Term, later: ReadonlySet<string>): Term {
  const shared = a.axes.filter((label) => b.axes.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const summed = shared.filter((label) => !later.has(label));
  const left = a.axes.filter((label) => !shared.includes(label));
  const right = b.axes.filter((label) => !shared.includes(label));
  const extents = new Map<string, number>();
  for (const { value, axes } of [a, b])
    axes.forEach((label, i) => void extents.set(label, Math.max(extents.get(label) ?? 1, value.shape[i] as number)));
  const size = (list: readonly string[]): Shape => list.map((label) => extents.get(label) as number);
  const matrix = ({ value, axes }: Term, order: readonly string[], shape: Shape): Value => {
    const perm = order.map((label) => axes.indexOf(label));
    const whole = size(order);
    const moved = perm.every((axis, i) => axis === i) ? value : transpose(value, { perm });
    const full = moved.shape.join() === whole.join() ? moved : broadcast(moved, { shape: whole });
    return reshapedTo(full, shape);
  };
  const [B, L, R, K] = [batch, left, right, summed].map((list) => sizeOf(size(list))) as [number, number, number, number];
  const y = matmul([matrix(a, [...batch, ...left, ...summed], [B, L, K]), matrix(b, [...batch, ...summed, ...right], [B, K, R])]);
  const axes = [...batch, ...left, ...right];
  return { value: reshapedTo(y, size(axes)), axes };
}

/** Matrix products and sums of products. */
export const products: Rows = {
  MatMul: (n) => product(n.f32(0), n.f32(1)),
  Gemm: gemm,
  Einsum: einsum,
  Det: (n) => det(n.f32(0)),
};
