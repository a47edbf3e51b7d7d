import type { Value } from '../../ir/graph.ts';
import { add, linear, mul, sqrt, sub, transpose } from '../../ops/index.ts';
import { padded } from '../moves.ts';
import { panels } from '../weights.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { type Complex, isComplex, type Operand } from './operand.ts';

/** cos and sin of a Fourier transform of `points` numbers into `bins`, as matrices [points, bins]. */
function fourier(n: NodeContext, points: number, bins: number): { cos: Value; sin: Value } {
  n.allow(2 * points * bins);
  const angle = (i: number) => (-2 * Math.PI * ((Math.floor(i / bins) * (i % bins)) % points)) / points;
  const matrix = (f: (x: number) => number) =>
    panels(
      n.constant(
        Float32Array.from({ length: points * bins }, (_, i) => f(angle(i))),
        [points, bins],
      ),
    );
  return { cos: matrix(Math.cos), sin: matrix(Math.sin) };
}

/** The half spectrum of real signals over the last two axes: x [..., rows, points] → complex [..., rows, points / 2 + 1]. */
function rfft2d(n: NodeContext): Complex {
  const [rows = 0, points = 0] = n.numbers(1);
  const given = n.f32(0);
  if (rows < 1 || points < 1 || given.shape.length < 2) throw damaged(`a transform of ${rows}×${points}`);
  const lead = given.shape.map((): [number, number] => [0, 0]).slice(2);
  const missing = (axis: number, size: number): [number, number] => [0, size - (given.shape.at(axis) as number)];
  const x = padded(given, [...lead, missing(-2, rows), missing(-1, points)], 'constant', 0);
  const bins = Math.floor(points / 2) + 1;
  const along = fourier(n, points, bins);
  const lines = { re: linear([x, along.cos], { units: bins }), im: linear([x, along.sin], { units: bins }) };
  if (rows === 1) return lines;
  const rank = x.shape.length;
  const perm = [...lead.map((_, i) => i), rank - 1, rank - 2];
  const down = fourier(n, rows, rows);
  const columns = (value: Value, matrix: Value) => transpose(linear([transpose(value, { perm }), matrix], { units: rows }), { perm });
  return {
    re: sub([columns(lines.re, down.cos), columns(lines.im, down.sin)]),
    im: add([columns(lines.re, down.sin), columns(lines.im, down.cos)]),
  };
}

/** The row of an operator that only moves elements, for complex numbers too: it moves both parts alike. */
export const ofParts =
  (row: (n: NodeContext) => Operand | Value): Row =>
  (n) => {
    const binding = n.binding(0);
    if (!isComplex(binding)) return row(n);
    const moved = (value: Value): Value => {
      const result = row(n.on({ value, elem: 'float32' }));
      return 'graph' in result ? result : result.value;
    };
    return { re: moved(binding.re), im: moved(binding.im) };
  };

function complex(n: NodeContext): Complex {
  const binding = n.binding(0);
  if (!isComplex(binding)) throw damaged('input 0 is not complex');
  return binding;
}

function magnitude(n: NodeContext): Value {
  const { re, im } = complex(n);
  return sqrt(add([mul([re, re]), mul([im, im])]));
}

export const signal: Rows = {
  RFFT2D: rfft2d,
  COMPLEX_ABS: magnitude,
  REAL: (n) => complex(n).re,
  IMAG: (n) => complex(n).im,
};
