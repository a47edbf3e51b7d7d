import { ThimbleError } from '../core/errors.ts';
import { broadcastShapes, formatShape, type Shape, sizeOf, stridesOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { batchedMatmulScratch } from '../kernels/scratch.ts';
import { broadcastStrides } from './binary.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import type { LowerContext } from './step.ts';
import { mergeAxes } from './strided.ts';
import { sumTo } from './sumTo.ts';

export interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Multiplies the product. */
  readonly alpha: number;
}

interface Operand {
  readonly batch: Shape;
  readonly rows: number;
  readonly columns: number;
  /** Element strides of rows and columns after transposition. */
  readonly rowStride: number;
  readonly columnStride: number;
}

function operand(shape: Shape, transposed: boolean): Operand {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const batch = shape.slice(0, -2);
  return transposed
    ? { batch, rows: columns, columns: rows, rowStride: 1, columnStride: columns }
    : { batch, rows, columns, rowStride: columns, columnStride: 1 };
}

/** Batch strides of an operand in elements, along the broadcast batch axes. */
const batchStrides = (own: Shape, batch: Shape, matrix: number): number[] => broadcastStrides(own, batch).map((stride) => stride * matrix);

/** Checks the operands; gives the shape of their product. @throws SHAPE. */
export function productShape(inputs: readonly TensorType[], { transposeA, transposeB }: Omit<MatmulAttributes, 'alpha'>): Shape {
  const shapes = inputs.slice(0, 2).map(({ shape }) => shape) as [Shape, Shape];
  if (shapes.some((shape) => shape.length < 2))
    throw new ThimbleError('SHAPE', 'operands need two axes or more', { got: shapes.map(formatShape).join(' and ') });
  const a = operand(shapes[0], transposeA);
  const b = operand(shapes[1], transposeB);
  if (a.columns !== b.rows)
    throw new ThimbleError('SHAPE', `${a.columns} columns of a meet ${b.rows} rows of b`, { got: shapes.map(formatShape).join(' and ') });
  return [...broadcastShapes(a.batch, b.batch), a.rows, b.columns];
}

/** Σ a b of every element of a product of `shape`. */
export function productReference(
  [left, right]: readonly RefTensor[],
  { transposeA, transposeB }: Omit<MatmulAttributes, 'alpha'>,
  shape: Shape,
): Float64Array {
  const a = operand((left as RefTensor).shape, transposeA);
  const b = operand((right as RefTensor).shape, transposeB);
  const batch = shape.slice(0, -2);
  const outer = stridesOf(batch);
  const aBatch = batchStrides(a.batch, batch, a.rows * a.columns);
  const bBatch = batchStrides(b.batch, batch, b.rows * b.columns);
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    const n = i % b.columns;
    const m = Math.floor(i / b.columns) % a.rows;
    const index = Math.floor(i / (b.columns * a.rows));
    let p = m * a.rowStride;
    let q = n * b.columnStride;
    batch.forEach((extent, axis) => {
      const at = Math.floor(index / (outer[axis] as number)) % extent;
      p += at * (aBatch[axis] as number);
      q += at * (bBatch[axis] as number);
    });
    let sum = 0;
    for (let k = 0; k < a.columns; k++) {
      sum += ((left as RefTensor).data[p + k * a.columnStride] as number) * ((right as RefTensor).data[q + k * b.rowStride] as number);
    }
    return sum;
  });
}

/** Extents and element strides of a product in the fields of its record. @throws SHAPE where more than two batch axes remain. */
export function productFields(ctx: LowerContext<Omit<MatmulAttributes, 'alpha'>>) {
  const { transposeA, transposeB } = ctx.attrs;
  const a = operand((ctx.inputs[0] as TensorType).shape, transposeA);
  const b = operand((ctx.inputs[1] as TensorType).shape, transposeB);
  const batch = (ctx.outputs[0] as TensorType).shape.slice(0, -2);
  const merged = mergeAxes(batch, [batchStrides(a.batch, batch, a.rows * a.columns), batchStrides(b.batch, batch, b.rows * b.columns)]);
  if (merged.shape.length > 2) {
    throw new ThimbleError('SHAPE', 'batch axes broadcast in a pattern of more than two axes', {
      got: formatShape(batch),
      hint: 'reshape the operands',
    });
  }
  const last2 = (values: readonly number[], fill: number) => [fill, fill, ...values].slice(-2) as [number, number];
  const [batch0, batch1] = last2(merged.shape, 1);
  const [aBatch0, aBatch1] = last2(merged.strides[0] as number[], 0);
  const [bBatch0, bBatch1] = last2(merged.strides[1] as number[], 0);
  return {
    batch0,
    batch1,
    aBatch0,
    aBatch1,
    bBatch0,
    bBatch1,
    rows: a.rows,
    columns: b.columns,
    depth: a.columns,
    aRow: a.rowStride,
    aColumn: a.columnStride,
    bRow: b.rowStride,
    bColumn: b.columnStride,
  };
}

/** y = alpha a · b for matrices in the last two axes; leading axes are batches and broadcast. Both operands are activations (weights: `linear`). */
export const matmul: Op<MatmulAttributes> = defineOp<MatmulAttributes>({
  name: 'matmul',
  attrs: { transposeA: false, transposeB: false, alpha: 1 },
  infer: (inputs, attrs) => [{ dtype: 'f32', shape: productShape([expectInput(inputs, 0), expectInput(inputs, 1)], attrs) }],
  ref: (inputs, attrs, [y]) => [productReference(inputs, attrs, (y as TensorType).shape).map((sum) => attrs.alpha * sum)],
  lower(ctx) {
    const fields = productFields(ctx);
    ctx.step('matmul_f32_batched', {
      a: ctx.in(0),
      b: ctx.in(1),
      y: ctx.out(),
      scratch: ctx.scratch(batchedMatmulScratch(fields)),
      ...fields,
      yRow: fields.columns,
      alpha: ctx.attrs.alpha,
    });
  },
  grad({ inputs, attrs: { transposeA, transposeB, alpha }, wants }, [given]) {
    const [a, b] = inputs as [Value, Value];
    const dy = given as Value;
    const da = () =>
      transposeA
        ? matmul([b, dy], { transposeA: transposeB, transposeB: true, alpha })
        : matmul([dy, b], { transposeB: !transposeB, alpha });
    const db = () =>
      transposeB
        ? matmul([dy, a], { transposeA: true, transposeB: transposeA, alpha })
        : matmul([a, dy], { transposeA: !transposeA, alpha });
    return [wants[0] ? sumTo(da(), a.shape) : null, wants[1] ? sumTo(db(), b.shape) : null];
  },
  macs: ([a], { transposeA }, [y]) => sizeOf((y as TensorType).shape) * ((a as TensorType).shape.at(transposeA ? -2 : -1) as number),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});
