import { ThimbleError } from '../core/errors.ts';
import { PANEL, packPanels, unpackPanels } from '../core/panels.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { matmulGradInputScratch } from '../kernels/scratch.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import {
  type Epilogue,
  endSums,
  epilogueFields,
  epilogueGrad,
  expectEpilogue,
  finish,
  noEpilogue,
  type Order,
  plain,
  residualInplace,
} from './epilogue.ts';

export interface LinearAttributes extends Epilogue, Order {
  /** Output features: columns of the weights. */
  readonly units: number;
}

/** Rows of a matrix product over the last axis. */
const rowsOf = (shape: Shape): number => sizeOf(shape.slice(0, -1));

/**
 * y = x · w + bias over the last axis of x. Inputs: x [..., K], w in panels of K × units (`core/panels.ts`), optionally bias [units] and what
 * `Epilogue` says.
 */
export const linear: Op<LinearAttributes> = defineOp<LinearAttributes>({
  name: 'linear',
  attrs: { units: 0, ...plain, ordered: false },
  infer(inputs, attrs) {
    const { units } = attrs;
    const { shape } = expectInput(inputs, 0);
    const depth = shape.at(-1) ?? 0;
    expectPanels(expectInput(inputs, 1, 'f32', 4).shape, depth, units);
    const y: TensorType = { dtype: 'f32', shape: [...shape.slice(0, -1), units] };
    expectEpilogue(inputs, attrs, y);
    return [y];
  },
  ref(inputs, attrs) {
    const [x, w] = inputs;
    const { units } = attrs;
    const { shape, data } = x as RefTensor;
    const depth = shape.at(-1) as number;
    const weights = unpackPanels((w as RefTensor).data, [depth, units]);
    const y = new Float64Array(rowsOf(shape) * units);
    for (let m = 0; m < rowsOf(shape); m++) {
      for (let n = 0; n < units; n++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) sum += (data[m * depth + k] as number) * (weights[k * units + n] as number);
        y[m * units + n] = sum;
      }
    }
    return [finish(y, inputs, attrs)];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const depth = shape.at(-1) as number;
    const { units, ordered } = ctx.attrs;
    const epilogue = epilogueFields(ctx);
    ctx.step('matmul_f32', {
      x: ctx.in(0),
      w: ctx.in(1),
      y: ctx.out(),
      rows: rowsOf(shape),
      columns: units,
      depth,
      xStride: depth,
      yStride: units,
      ...(ordered ? noEpilogue : epilogue),
    });
    if (ordered) endSums(ctx, { y: ctx.out(), rows: rowsOf(shape), columns: units, ...epilogue });
  },
  grad(node, [given]) {
    const { inputs, wants } = node;
    const [x, w] = inputs as [Value, Value];
    const { dy, rest } = epilogueGrad(node, given as Value);
    return [
      wants[0] ? linearGradInput([dy, w], { depth: x.shape.at(-1) as number }) : null,
      wants[1] ? linearGradWeight([x, dy]) : null,
      ...rest,
    ];
  },
  inplace: residualInplace,
  macs: ([x], { units }) => sizeOf((x as TensorType).shape) * units,
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

function expectPanels(shape: Shape, depth: number, columns: number): void {
  const expected = [1, Math.ceil(columns / PANEL), depth, PANEL];
  if (formatShape(shape) !== formatShape(expected)) {
    throw new ThimbleError('SHAPE', 'the weights do not fit', { expected: `panels ${formatShape(expected)}`, got: formatShape(shape) });
  }
}

/** dx = dy · wᵀ. Inputs: dy [..., N], w in panels of K × N; attribute depth = K. */
export const linearGradInput: Op<{ readonly depth: number }> = defineOp<{ readonly depth: number }>({
  name: 'linearGradInput',
  attrs: { depth: 0 },
  infer: (inputs, { depth }) => [{ dtype: 'f32', shape: [...expectInput(inputs, 0).shape.slice(0, -1), depth] }],
  ref([dy, w], { depth }) {
    const { shape, data } = dy as RefTensor;
    const columns = shape.at(-1) as number;
    const weights = unpackPanels((w as RefTensor).data, [depth, columns]);
    const dx = new Float64Array(rowsOf(shape) * depth);
    for (let i = 0; i < dx.length; i++) {
      const m = Math.floor(i / depth);
      for (let n = 0; n < columns; n++)
        dx[i] = (dx[i] as number) + (data[m * columns + n] as number) * (weights[(i % depth) * columns + n] as number);
    }
    return [dx];
  },
  lower(ctx) {
    const { shape } = ctx.inputs[0] as TensorType;
    const columns = shape.at(-1) as number;
    const { depth } = ctx.attrs;
    ctx.step('matmul_f32_grad_input', {
      dy: ctx.in(0),
      w: ctx.in(1),
      dx: ctx.out(),
      scratch: ctx.scratch(matmulGradInputScratch(columns)),
      rows: rowsOf(shape),
      columns,
      depth,
      dyStride: columns,
      dxStride: depth,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: ([dy], { depth }) => sizeOf((dy as TensorType).shape) * depth,
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});

/** dw = xᵀ · dy in panels. Inputs: x [..., K], dy [..., N]. */
export const linearGradWeight: Op<object> = defineOp<object>({
  name: 'linearGradWeight',
  attrs: {},
  infer: (inputs) => {
    const depth = expectInput(inputs, 0).shape.at(-1) as number;
    const columns = expectInput(inputs, 1).shape.at(-1) as number;
    return [{ dtype: 'f32', shape: [1, Math.ceil(columns / PANEL), depth, PANEL] }];
  },
  ref([x, dy]) {
    const depth = (x as RefTensor).shape.at(-1) as number;
    const columns = (dy as RefTensor).shape.at(-1) as number;
    const dw = new Float64Array(depth * columns);
    const rows = rowsOf((x as RefTensor).shape);
    for (let i = 0; i < dw.length; i++) {
      for (let m = 0; m < rows; m++) {
        const product =
          ((x as RefTensor).data[m * depth + Math.floor(i / columns)] as number) *
          ((dy as RefTensor).data[m * columns + (i % columns)] as number);
        dw[i] = (dw[i] as number) + product;
      }
    }
    return [packPanels(dw, [depth, columns])];
  },
  lower(ctx) {
    const [x, dy] = ctx.inputs as [TensorType, TensorType];
    const depth = x.shape.at(-1) as number;
    const columns = dy.shape.at(-1) as number;
    ctx.step('matmul_f32_grad_weight', {
      x: ctx.in(0),
      dy: ctx.in(1),
      dw: ctx.out(),
      rows: rowsOf(x.shape),
      columns,
      depth,
      xStride: depth,
      dyStride: columns,
    });
  },
  grad: { none: 'second derivatives are not supported' },
  macs: ([x, dy]) => sizeOf((x as TensorType).shape) * ((dy as TensorType).shape.at(-1) as number),
  tolerance: { rtol: 1e-4, atol: 1e-5 },
});
