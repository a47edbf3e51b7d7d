import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { broadcast, scatter } from '../../ops/index.ts';
import type { ScatterAttributes } from '../../ops/scatter.ts';
import { reshapedTo } from '../moves.ts';
import type { NodeContext, Row, Rows } from './context.ts';
import { damaged } from './flatbuffer.ts';
import type { Operand } from './operand.ts';

interface Segment {
  readonly reduction: ScatterAttributes['reduction'];
  /** What a segment without elements is, in floats and in i32. */
  readonly empty: readonly [float: number, integer: number];
}

const LARGEST = 3.4028234663852886e38;
const [LEAST_INTEGER, LARGEST_INTEGER] = [-(2 ** 31), 2 ** 31 - 1];

/** Reduces the rows of x of one number in `ids`, whose shape begins x's. Inputs: x, ids, the number of segments. Others than 0..count-1 are left out. */
const segment =
  ({ reduction, empty }: Segment): Row =>
  (n: NodeContext): Operand => {
    const x = n.operand(0);
    const ids = n.i32(1);
    const count = n.number(2);
    const rank = ids.shape.length;
    if (!(count >= 0)) throw damaged(`${count} segments`);
    if (!sameShape(x.value.shape.slice(0, rank), ids.shape)) {
      throw new ThimbleError('SHAPE', `segment numbers of shape ${formatShape(ids.shape)} for ${formatShape(x.value.shape)}`);
    }
    const inner = x.value.shape.slice(rank);
    const [rows, width] = [sizeOf(ids.shape), sizeOf(inner)];
    const values: Value = x.value.dtype === 'f32' ? x.value : n.i32(0);
    const start = values.dtype === 'f32' ? n.graph.scalar(empty[0]) : n.integers([empty[1]], []);
    n.allow(count * width);
    const y = scatter([broadcast(start, { shape: [count, width] }), reshapedTo(ids, [rows]), reshapedTo(values, [rows, width])], {
      reduction,
    });
    const shaped = reshapedTo(y, [count, ...inner]);
    return { ...x, value: values.dtype === 'f32' ? shaped : n.narrow(shaped) };
  };

/** Reductions by segment numbers in any order. */
export const segments: Rows = {
  UNSORTED_SEGMENT_SUM: segment({ reduction: 'add', empty: [0, 0] }),
  UNSORTED_SEGMENT_PROD: segment({ reduction: 'mul', empty: [1, 1] }),
  UNSORTED_SEGMENT_MAX: segment({ reduction: 'max', empty: [-LARGEST, LEAST_INTEGER] }),
  UNSORTED_SEGMENT_MIN: segment({ reduction: 'min', empty: [LARGEST, LARGEST_INTEGER] }),
};
