import { type Shape, sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { dataOf, scaledColumns } from '../ops/constants.ts';
import { type Conv2dAttributes, filterShape } from '../ops/conv2d.ts';
import { unpadded } from './padding.ts';
import { type Rewriting, rewrite, useCounts } from './rewrite.ts';

/** What a product can do to its result before it stores it. */
interface Epilogue {
  readonly low: number;
  readonly high: number;
  readonly residual?: boolean;
}

const epilogue = (node: Node): Epilogue => node.attrs as unknown as Epilogue;
const isOpen = ({ low, high }: Epilogue): boolean => low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY;

/** Products whose last axis is the output axis, and which of them add a residual. */
const PRODUCTS: Readonly<Record<string, { readonly residual: boolean }>> = {
  conv2d: { residual: true },
  linear: { residual: true },
  depthwiseConv2d: { residual: false },
};

/**
 * Scales, shifts (batch normalisation), residual sums and clamps become part of the convolution or dense layer before them, constant
 * zero padding part of the convolution after it. Wants NHWC (`sinkTransposes` first).
 */
export function fuse(source: Graph): Graph {
  const uses = useCounts(source);
  const once = (value: Value): boolean => uses.get(value) === 1;
  return rewrite(source, (node, inputs, to) => {
    switch (node.op) {
      case 'mul':
        return operandsOf(node, inputs, once, scaled, to);
      case 'add':
        return operandsOf(node, inputs, once, shifted, to) ?? withResidual(node, inputs, once, to);
      case 'sub':
        return subtracted(node, inputs, once, to);
      case 'relu':
        return clamped(node, inputs, once, to, 0, Number.POSITIVE_INFINITY);
      case 'clip':
        return clamped(node, inputs, once, to, node.attrs.min as number, node.attrs.max as number);
      case 'conv2d':
      case 'depthwiseConv2d':
      case 'conv2dInt8':
      case 'depthwiseConv2dInt8':
        return unpadded(node, inputs, to);
      default:
        return undefined;
    }
  });
}

type Once = (value: Value) => boolean;
type Fold = (product: Node, constant: Value, to: Rewriting) => readonly Value[] | undefined;

/** The product that computes `value` in the new graph, where nothing else reads the old value and no clamp or residual ends it yet. */
function openProduct(old: Value, value: Value, once: Once): Node | undefined {
  const node = producer(value);
  if (!node || !PRODUCTS[node.op] || !once(old)) return undefined;
  return isOpen(epilogue(node)) && !epilogue(node).residual ? node : undefined;
}

/** Tries both orders of product and constant. */
function operandsOf(node: Node, inputs: readonly Value[], once: Once, fold: Fold, to: Rewriting): readonly Value[] | undefined {
  for (const [i, j] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const constant = inputs[j] as Value;
    const product = openProduct(node.inputs[i] as Value, inputs[i] as Value, once);
    if (product && constant.origin.kind === 'const' && isPerColumn(constant, product)) return fold(product, constant, to);
  }
  return undefined;
}

/** One number for all, or one an output channel. */
function isPerColumn({ shape }: Value, product: Node): boolean {
  const output = product.outputs[0] as Value;
  if (shape.length > output.shape.length) return false;
  const columns = output.shape.at(-1) as number;
  return sizeOf(shape) === 1 || (shape.at(-1) === columns && sizeOf(shape) === columns);
}

/** `constant` for each output channel. */
function perColumn(constant: Value, product: Node): Float32Array {
  const columns = (product.outputs[0] as Value).shape.at(-1) as number;
  const data = dataOf(constant);
  return Float32Array.from({ length: columns }, (_, i) => (data.length === 1 ? data[0] : data[i]) as number);
}

const constantOf = (to: Rewriting, shape: Shape, data: Float32Array): Value => to.target.constant({ dtype: 'f32', shape, data });

/** Whether TFLite's order of roundings is kept: of dense layers and convolutions of rows that it rounds, and of those beside them. */
const isOrdered = ({ attrs, inputs: [x] }: Node): boolean => {
  const rounding = producer(x as Value);
  return attrs.ordered === true || (rounding?.op === 'roundRows' && !rounding.attrs.even);
};

function scaled(product: Node, constant: Value, to: Rewriting): readonly Value[] | undefined {
  if (isOrdered(product)) return undefined;
  const [x, w, bias] = product.inputs as [Value, Value, Value | undefined];
  if (w.origin.kind !== 'const' || (bias && bias.origin.kind !== 'const')) return undefined;
  const factors = perColumn(constant, product);
  const weights = constantOf(to, w.shape, scaledWeights(product, w, factors));
  const shift =
    bias &&
    constantOf(
      to,
      bias.shape,
      Float32Array.from(dataOf(bias), (b, i) => b * (factors[i] as number)),
    );
  return to.apply(product, [x, weights, ...(shift ? [shift] : [])]);
}

function scaledWeights(product: Node, w: Value, factors: Float32Array): Float32Array {
  const columns = factors.length;
  if (product.op === 'depthwiseConv2d') return Float32Array.from(dataOf(w), (value, i) => value * (factors[i % columns] as number));
  const [x] = product.inputs as [Value];
  const channels = x.shape.at(-1) as number;
  if (product.op === 'linear') return scaledColumns(w, [channels, columns], 1, factors);
  const attrs = product.attrs as unknown as Conv2dAttributes;
  return scaledColumns(w, filterShape(channels, attrs), attrs.groups, factors);
}

function shifted(product: Node, constant: Value, to: Rewriting): readonly Value[] | undefined {
  const [x, w, bias] = product.inputs as [Value, Value, Value | undefined];
  if (bias && (bias.origin.kind !== 'const' || isOrdered(product))) return undefined;
  const own = bias && dataOf(bias);
  const sum = perColumn(constant, product).map((shift, i) => shift + (own ? (own[i] as number) : 0));
  return to.apply(product, [x, w, constantOf(to, [sum.length], sum)]);
}

/** product - constant. */
function subtracted(node: Node, inputs: readonly Value[], once: Once, to: Rewriting): readonly Value[] | undefined {
  const constant = inputs[1] as Value;
  const product = openProduct(node.inputs[0] as Value, inputs[0] as Value, once);
  if (!product || constant.origin.kind !== 'const' || !isPerColumn(constant, product)) return undefined;
  return shifted(
    product,
    constantOf(
      to,
      constant.shape,
      Float32Array.from(dataOf(constant), (value) => -value),
    ),
    to,
  );
}

/** product + tensor of the same shape. */
function withResidual(node: Node, inputs: readonly Value[], once: Once, to: Rewriting): readonly Value[] | undefined {
  // The later product takes the sum: what it adds exists by then.
  for (const i of lastFirst(inputs)) {
    const product = openProduct(node.inputs[i] as Value, inputs[i] as Value, once);
    const other = inputs[1 - i] as Value;
    if (!product || !PRODUCTS[product.op]?.residual || other === inputs[i]) continue;
    if (other.shape.join() !== (inputs[i] as Value).shape.join()) continue;
    return to.apply(product, [...product.inputs, other], { ...product.attrs, residual: true });
  }
  return undefined;
}

const lastFirst = ([a, b]: readonly Value[]): readonly [0 | 1, 0 | 1] => ((a as Value).id > (b as Value).id ? [0, 1] : [1, 0]);

function clamped(node: Node, inputs: readonly Value[], once: Once, to: Rewriting, low: number, high: number): readonly Value[] | undefined {
  const [value] = inputs as [Value];
  const product = producer(value);
  if (!product || !(product.op in PRODUCTS || product.op === 'conv2dGradInput') || !once(node.inputs[0] as Value)) return undefined;
  const own = epilogue(product);
  // max(min(·)) of both bounds is one clamp as long as they overlap.
  const bounds = { low: Math.max(own.low, low), high: Math.min(own.high, high) };
  return bounds.low <= bounds.high ? to.apply(product, product.inputs, { ...product.attrs, ...bounds }) : undefined;
}
