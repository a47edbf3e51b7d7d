import type { Value } from '../../ir/graph.ts';
import { add, cast, concat, matmul, mul, reduceSum, requantize } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { part, reshapedTo } from '../moves.ts';
import { type NodeContext, scaleOf } from './context.ts';
import { factor, scaleIn, scaleOut } from './quantization.ts';
import { weightsOf } from './quantizedConvolution.ts';
import { stateOf } from './recurrentInputs.ts';

const f32 = Math.fround;

/**
 * SVDF of int8 (EvalIntegerSVDF): features are scaled to the state, which has 16 or 8 bits, and products over time summed by rank and scaled to the output.
 */
export function quantizedSvdf(n: NodeContext, rank: number): Value {
  const x = n.x(0);
  const [batch, width] = x.shape as [number, number];
  const [filters, memory] = n.shape(2) as [number, number];
  const from = scaleIn(n, 0);
  const stateScale = scaleOf({ quantization: n.input(4).quantization, elem: 'int16' }).scale;
  const timeScale = scaleIn(n, 2).scale;
  const features = weightsOf(n, 1, [1, 0]);
  const to = scaleOut(n);
  const first = factor(f32(f32(from.scale * (features.scales[0] as number)) / stateScale));
  const second = factor(f32(f32(stateScale * timeScale) / to.scale));
  const state = stateOf(n, 4);
  const held = state.value.dtype;
  const limits = held === 'i8' ? { low: -128, high: 127 } : { low: -32768, high: 32767 };
  const floats = cast(x, { to: 'f32' });
  const centred = from.zero === 0 ? floats : add([floats, n.graph.scalar(-from.zero)]);
  // Sums of 8-bit products are exact in floats as long as there are 512.
  const w = n.constant(Float32Array.from(features.data), [width, filters]);
  const sums: Value[] = [];
  for (let start = 0; start < width; start += 512) {
    const size = Math.min(512, width - start);
    sums.push(cast(matmul([part(centred, 1, start, size), n.folded(part(w, 0, start, size))]), { to: 'i32' }));
  }
  const newest = rescale(
    sums.reduce((a, b) => add([a, b])),
    { ...first, zero: 0, ...limits, rounding: 'double' },
  );
  const past = held === 'i8' ? cast(state.value, { to: 'i32' }) : state.value;
  const before = reshapedTo(past, [batch, filters, memory]);
  const column = reshapedTo(newest, [batch, filters, 1]);
  const window = memory === 1 ? column : concat([part(before, 2, 1, memory - 1), column], { axis: 2 });
  const kept = reshapedTo(window, state.value.shape);
  state.set(held === 'i8' ? cast(kept, { to: 'i8' }) : kept);
  const products = reduceSum(mul([window, reshapedTo(n.held32(2), [filters, memory])]), { axes: [2] });
  const ranks = reduceSum(reshapedTo(products, [batch, filters / rank, rank]), { axes: [2] });
  const biased = n.has(3) ? add([ranks, n.i32(3)]) : ranks;
  return requantize([biased, n.integers([second.multiplier]), n.integers([second.shift])], {
    yZero: to.zero,
    low: to.low,
    high: to.high,
    rounding: 'double',
  });
}
