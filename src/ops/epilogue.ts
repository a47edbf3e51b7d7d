import { ThimbleError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Value } from '../ir/graph.ts';
import { clipGrad } from './clip.ts';
import { expectInput, type GradContext, type RefTensor } from './define.ts';
import { reduceSum } from './reduceSum.ts';
import type { Address, LowerContext } from './step.ts';

/** Bounds of the elements of a product, applied before it is stored: low = 0 is a relu. */
export interface Limits {
  readonly low: number;
  readonly high: number;
}

export const unlimited: Limits = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** y = min(max(x · w + bias + residual, low), high). */
export interface Epilogue extends Limits {
  /** The last input, of the shape of y, is added; so inputs are x, w, optionally bias, residual. */
  readonly residual: boolean;
}

export const plain: Epilogue = { ...unlimited, residual: false };

/** How sums are rounded. */
export interface Order {
  /**
   * Products are added in the order of the weights (lines, then columns, then channels) and the bias after them, as TFLite's reference does it: the same
   * bits, where multiply-adds are not fused. Else in the fastest order.
   */
  readonly ordered: boolean;
}

/** Operators with `Limits` alone never have a residual. */
type Some = Limits & { readonly residual?: boolean };

/** Index of the residual; the number of inputs where there is none. */
const residualIndex = (inputs: readonly unknown[], { residual }: Some): number => inputs.length - (residual ? 1 : 0);

/** @throws SHAPE where bias or residual do not fit an output of type `y`. */
export function expectEpilogue(inputs: readonly TensorType[], attrs: Some, y: TensorType): void {
  const expected = [[y.shape.at(-1) as number], y.shape];
  const last = residualIndex(inputs, attrs);
  if (last < 2 || last > 3) throw new ThimbleError('SHAPE', 'x, w and at most a bias expected', { got: `${last} inputs` });
  for (let i = 2; i < inputs.length; i++) {
    const { shape } = expectInput(inputs, i);
    const want = expected[i === last ? 1 : 0] as readonly number[];
    if (!sameShape(shape, want))
      throw new ThimbleError('SHAPE', `the ${i === last ? 'residual' : 'bias'} does not fit`, {
        expected: formatShape(want),
        got: formatShape(shape),
      });
  }
}

/** Finishes the sums in `y`. */
export function finish(y: Float64Array, inputs: readonly RefTensor[], attrs: Some): Float64Array {
  const last = residualIndex(inputs, attrs);
  const bias = last > 2 ? inputs[2]?.data : undefined;
  const residual = inputs[last]?.data;
  return y.map((sum, i) => Math.min(Math.max(sum + (bias?.[i % bias.length] ?? 0) + (residual?.[i] ?? 0), attrs.low), attrs.high));
}

/** The epilogue's fields of a record. */
export function epilogueFields(ctx: LowerContext<Some>): Limits & { bias: Address | 0; residual: Address | 0 } {
  const last = residualIndex(ctx.inputs, ctx.attrs);
  const { low, high } = ctx.attrs;
  return { bias: last > 2 ? ctx.in(2) : 0, residual: ctx.optional(last), low, high };
}

/** The epilogue's fields of the record of a product whose sums are ended by `endSums`. */
export const noEpilogue = { bias: 0, residual: 0, ...unlimited } as const;

/** Adds bias and residual to the sums in y, and limits them. */
export function endSums(
  ctx: Pick<LowerContext<object>, 'step'>,
  fields: { readonly y: Address; readonly rows: number; readonly columns: number } & ReturnType<typeof epilogueFields>,
): void {
  if (fields.bias || fields.residual || fields.low > -Infinity || fields.high < Infinity) ctx.step('bias_rows_f32', fields);
}

/** The residual may become y, unless sums are written before it is read. */
export const residualInplace = ({
  inputs,
  attrs,
}: {
  inputs: readonly unknown[];
  attrs: Some & { readonly ordered?: boolean };
}): readonly number[] => (attrs.residual && !attrs.ordered ? [inputs.length - 1] : []);

/** dy of the sums, and the gradients of bias and residual. */
export function epilogueGrad({ inputs, outputs, attrs, wants }: GradContext<Some>, given: Value): { dy: Value; rest: (Value | null)[] } {
  const { low, high } = attrs;
  const dy = low > -Infinity || high < Infinity ? clipGrad([outputs[0] as Value, given], { min: low, max: high }) : given;
  const last = residualIndex(inputs, attrs);
  const lead = dy.shape.slice(0, -1).map((_, axis) => axis);
  return { dy, rest: inputs.slice(2).map((_, i) => (wants[i + 2] ? (i + 2 === last ? dy : reduceSum(dy, { axes: lead })) : null)) };
}
