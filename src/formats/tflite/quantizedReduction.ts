import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { cast, reduceMax, reduceMin, reduceSum, rescaledProduct, sub, transpose } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { factor, scaleIn, scaleOut } from './quantization.ts';

interface Over {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Products of quantized tensors (QuantizedReduceProd of the reference). */
export function quantizedProduct(n: NodeContext, { axes, keepDims }: Over): Value {
  const x = n.held32(0);
  const [from, to] = [scaleIn(n, 0), scaleOut(n)];
  const rest = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const count = sizeOf(axes.map((axis) => x.shape[axis] as number));
  if (count === 0) return n.refuse('a product of nothing');
  const columns = sizeOf(rest.map((axis) => x.shape[axis] as number));
  const rows = reshapedTo(transpose(sub([x, n.integers([from.zero], [])]), { perm: [...axes, ...rest] }), [count, columns]);
  const y = rescaledProduct(rows, { ...factor(from.scale / to.scale ** (1 / count)), zero: to.zero, low: to.low, high: to.high });
  const shape = x.shape.flatMap((extent, axis) => (!axes.includes(axis) ? [extent] : keepDims ? [1] : []));
  return reshapedTo(n.held() === 'i8' ? cast(y, { to: 'i8' }) : y, shape);
}

/** Sums and means (QuantizedMeanOrSum of the reference) and extremes of quantized tensors. */
export function quantizedReduction(n: NodeContext, name: 'MEAN' | 'SUM' | 'MAX' | 'MIN', over: Over): Value {
  const x = n.held32(0);
  const back = (value: Value): Value => (n.held() === 'i8' ? cast(value, { to: 'i8' }) : value);
  const [from, to] = [scaleIn(n, 0), scaleOut(n)];
  const count = sizeOf(over.axes.map((axis) => x.shape[axis] as number));
  if (name === 'MAX' || name === 'MIN') {
    if (count === 0) return n.refuse('an extreme of nothing');
    return back((name === 'MAX' ? reduceMax : reduceMin)(x, over));
  }
  if (name === 'MEAN' && count === 0) return n.refuse('a mean of nothing');
  const sum = sub([reduceSum(x, over), n.integers([from.zero * count], [])]);
  const ratio = factor(from.scale / to.scale);
  return back(
    rescale(sum, { ...(name === 'SUM' ? ratio : divided(ratio, count)), zero: to.zero, low: to.low, high: to.high, rounding: 'double' }),
  );
}

/** The factor of a mean: the number of elements goes into the multiplier, moved left as far as it may be. */
function divided({ multiplier, shift }: { multiplier: number; shift: number }, count: number): { multiplier: number; shift: number } {
  const moved = Math.min(Math.floor(Math.log2(count)), 32, 31 + shift);
  return { multiplier: Number((BigInt(multiplier) << BigInt(moved)) / BigInt(count)), shift: shift - moved };
}
