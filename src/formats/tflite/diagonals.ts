import { ThimbleError } from '../../core/errors.ts';
import { formatShape, type Shape, sameShape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { where } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext, Rows } from './context.ts';
import type { Operand } from './operand.ts';

/** 1 on the diagonal of [height, width], else 0. */
function identity(n: NodeContext, height: number, width: number): Value {
  n.allow(height * width);
  const data = Array.from({ length: height * width }, (_, i) => (Math.floor(i / width) === i % width ? 1 : 0));
  return n.integers(data, [height, width]);
}

/** `diagonal` [..., min(height, width)] on the diagonals of `rest`, which is matrices or one number for all other places. */
function placed(n: NodeContext, diagonal: Value, rest: Value, matrix: Shape): Value {
  const [height, width] = matrix.slice(-2) as [number, number];
  const batch = diagonal.shape.slice(0, -1);
  // Along the shorter of the two axes; the other repeats it.
  const along = height <= width ? [height, 1] : [1, width];
  const on = identity(n, height, width);
  return n.wide([diagonal, rest], ([values, others]) => where([on, reshapedTo(values as Value, [...batch, ...along]), others as Value]));
}

function matrixDiag(n: NodeContext): Operand {
  const x = n.operand(0);
  const size = x.value.shape.at(-1);
  if (size === undefined) throw new ThimbleError('SHAPE', 'a diagonal has at least one axis', { got: formatShape(x.value.shape) });
  const zero = x.value.dtype === 'f32' ? n.graph.scalar(0) : n.narrow(n.integers([0], []));
  return { ...x, value: placed(n, x.value, zero, [size, size]) };
}

function matrixSetDiag(n: NodeContext): Operand {
  const x = n.operand(0);
  const { shape } = x.value;
  const expected = [...shape.slice(0, -2), Math.min(...shape.slice(-2))];
  if (shape.length < 2 || !sameShape(n.shape(1), expected)) {
    throw new ThimbleError('SHAPE', `the diagonal of ${formatShape(shape)}`, {
      expected: formatShape(expected),
      got: formatShape(n.shape(1)),
    });
  }
  return { ...x, value: placed(n, n.x(1), x.value, shape) };
}

/** Matrices with given diagonals. */
export const diagonals: Rows = { MATRIX_DIAG: matrixDiag, MATRIX_SET_DIAG: matrixSetDiag };
