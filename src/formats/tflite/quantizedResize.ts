import type { Value } from '../../ir/graph.ts';
import { add, bitwiseAnd, cast, div, gather, greater, mul, sub, where } from '../../ops/index.ts';
import { type NodeContext, widened } from './context.ts';

interface Resizing {
  readonly size: readonly [number, number];
  readonly alignCorners: boolean;
  readonly halfPixel: boolean;
}

/** Rows blended for each output row, and the weight of the second in 1/1024 (ComputeInterpolationValuesInteger). */
function blends(from: number, to: number, { alignCorners, halfPixel }: Resizing): { first: number[]; second: number[]; weight: number[] } {
  const aligned = alignCorners && to > 1;
  const step = aligned
    ? Math.floor((1024 * (from - 1) + Math.floor((to - 1) / 2)) / (to - 1))
    : Math.floor((1024 * from + Math.floor(to / 2)) / to);
  const places = Array.from({ length: to }, (_, i) => (halfPixel ? i * step + Math.floor(step / 2) - 512 : i * step));
  const first = places.map((at) => Math.max(Math.trunc(at / 1024), 0));
  return {
    first: first.map((row) => Math.min(row, from - 1)),
    second: places.map((at) => Math.max(0, Math.min(Math.trunc((at + 1023) / 1024), from - 1))),
    weight: places.map((at, i) => at - 1024 * (first[i] as number)),
  };
}

/** Bilinear resizing in fixed point with 10 bits an axis (ResizeBilinearInteger of the reference). */
export function quantizedBilinear(n: NodeContext, resizing: Resizing): Value {
  if (n.elem(0) === 'uint8') return blendedInFloat(n, resizing);
  const blend = (x: Value, axis: number): Value => {
    const { first, second, weight } = blends(x.shape[axis] as number, resizing.size[axis - 1] as number, resizing);
    const line = x.shape.map((_, i) => (i === axis ? first.length : 1));
    const rows = (indexes: number[]) => gather([x, n.integers(indexes)], { axis });
    const times = (value: Value, weights: number[]) => mul([value, n.integers(weights, line)]);
    return add([
      times(
        rows(first),
        weight.map((w) => 1024 - w),
      ),
      times(rows(second), weight),
    ]);
  };
  const integer = (number: number) => n.integers([number], []);
  if (n.x(0).dtype !== 'i8') {
    // The second axis would need 36 bits: the upper and the lower 10 bits of the first are blended apart.
    const down = blend(n.i32(0), 1);
    const low = bitwiseAnd([down, integer(1023)]);
    const [upper, lower] = [blend(div([sub([down, low]), integer(1024)]), 2), blend(low, 2)];
    const rest = bitwiseAnd([lower, integer(1023)]);
    const whole = add([upper, div([sub([lower, rest]), integer(1024)])]);
    // Σ = 1024 · whole + rest; -Σ = 1024 · less and a bit. Rounded half away from zero.
    const less = sub([integer(0), add([whole, greater([rest, integer(0)])])]);
    const shifted = (value: Value) => div([add([value, integer(512)]), integer(1024)]);
    return where([greater([less, integer(-1)]), sub([integer(0), shifted(less)]), shifted(whole)]);
  }
  const blended = [1, 2].reduce(blend, n.i32(0));
  const half = integer(2 ** 19);
  return n.narrow(div([add([blended, n.signed(blended, half)]), n.integers([2 ** 20], [])]));
}

/** uint8 is blended in floats, corner by corner as the reference does, and rounded half up. */
function blendedInFloat(n: NodeContext, { size, alignCorners, halfPixel }: Resizing): Value {
  const f32 = Math.fround;
  const axes = [1, 2].map((axis) => {
    const [from, to] = [n.shape(0)[axis] as number, size[axis - 1] as number];
    const scale = f32(alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to);
    const places = Array.from({ length: to }, (_, i) => (halfPixel ? f32(f32(f32(i + 0.5) * scale) - 0.5) : f32(i * scale)));
    const first = places.map((at) => Math.max(Math.floor(at), 0));
    const second = places.map((at) => Math.max(0, Math.min(Math.ceil(at), from - 1)));
    const shares = places.map((at, i) => f32(at - (first[i] as number)));
    const line = axis === 1 ? [to, 1, 1] : [to, 1];
    return {
      rows: [first, second],
      weights: [
        n.constant(
          shares.map((share) => f32(1 - share)),
          line,
        ),
        n.constant(shares, line),
      ],
    };
  });
  const [down, across] = axes as [(typeof axes)[0], (typeof axes)[0]];
  const corner = (y: 0 | 1, x: 0 | 1): Value => {
    const rows = gather([n.x(0), n.integers(down.rows[y] as number[])], { axis: 1 });
    const pixels = gather([rows, n.integers(across.rows[x] as number[])], { axis: 2 });
    const numbers = cast(widened({ ...n.operand(0), value: pixels }), { to: 'f32' });
    return mul([mul([numbers, down.weights[y] as Value]), across.weights[x] as Value]);
  };
  const sum = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1), n.graph.scalar(0.5)].reduce((a, b) => add([a, b]));
  return n.narrow(cast(sum, { to: 'i32' }));
}
