import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Attributes, Node, Value } from '../ir/graph.ts';
import type { LowerContext } from './step.ts';

/** A tensor in float64, row-major: what references compute with. */
export interface RefTensor extends TensorType {
  readonly data: Float64Array;
}

/** How far a kernel may be from its float64 reference: |kernel - ref| <= atol + rtol * |ref|. */
export type Tolerance = 'exact' | { readonly rtol: number; readonly atol: number };

/** What a gradient rule sees of the node it differentiates. */
export interface GradContext<A> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attrs: A;
  /** Whether the gradient of input `i` is wanted: rules skip the work for the others. */
  readonly wants: readonly boolean[];
}

/** Gradients of the inputs, in their order: null where none is wanted or none flows. `dy[i]` is null where output i has no gradient. */
export type GradRule<A> = (node: GradContext<A>, dy: readonly (Value | null)[]) => (Value | null)[];

/** Everything there is to know of an operator; one file each. */
export interface OpSpec<A> {
  readonly name: string;
  /** Defaults of all attributes; a call overrides some. */
  readonly attrs: A;
  /** Types of the outputs. @throws SHAPE, DTYPE or UNSUPPORTED_ATTR with what was expected. */
  infer(inputs: readonly TensorType[], attrs: A): TensorType[];
  /** Plain float64 loops: constant folding and the oracle of the kernels. Returns one array per output. */
  ref(inputs: readonly RefTensor[], attrs: A, outputs: readonly TensorType[]): Float64Array[];
  /** Picks kernels and states scratch; no steps for a view. */
  lower(ctx: LowerContext<A>): void;
  /** Gradient rule, or why there is none. */
  readonly grad: GradRule<A> | { readonly none: string };
  /** Inputs whose buffer output 0 may take over when they die here: the kernel reads element i of them before it writes element i. */
  readonly inplace?: readonly number[] | ((node: { readonly inputs: readonly TensorType[]; readonly attrs: A }) => readonly number[]);
  /** Output 0 is input 0 under another shape: same bytes, no kernel. */
  readonly view?: true;
  /** Inputs (all of them state) that the kernel updates. Every other reader of that state in the graph runs before it. */
  readonly mutates?: readonly number[];
  /** Multiply-accumulates of one call; 0 where left out. */
  macs?(inputs: readonly TensorType[], attrs: A, outputs: readonly TensorType[]): number;
  readonly tolerance: Tolerance;
}

/** An operator: call it with values to append a node and get output 0; `.all` returns every output. */
export interface Op<A = Attributes> extends OpSpec<A> {
  (inputs: Value | readonly Value[], attrs?: Partial<A>): Value;
  all(inputs: Value | readonly Value[], attrs?: Partial<A>): readonly Value[];
  /** As `.all` for operators without inputs or outputs: appends to `inputs[0].graph` and returns the node. */
  node(inputs: Value | readonly Value[], attrs?: Partial<A>): Node;
}

/** Makes an operator of its spec. `name` is the only key under which graphs know it; `registry.ts` lists them all. */
export function defineOp<A extends object>(spec: OpSpec<A>): Op<A> {
  const node = (given: Value | readonly Value[], overrides: Partial<A> = {}): Node => {
    const inputs = Array.isArray(given) ? (given as readonly Value[]) : [given as Value];
    const graph = inputs[0]?.graph;
    if (!graph) throw new ThimbleError('SHAPE', 'it has no inputs', { op: spec.name });
    const attrs = completeAttrs(spec, overrides);
    try {
      return graph.append(spec.name, inputs, attrs as Attributes, spec.infer(inputs, attrs));
    } catch (error) {
      if (error instanceof ThimbleError && !error.op) throw error.at({ op: spec.name, node: inputs.map((v) => v.name).join(', ') });
      throw error;
    }
  };
  const all = (inputs: Value | readonly Value[], attrs?: Partial<A>) => node(inputs, attrs).outputs;
  const call = (inputs: Value | readonly Value[], attrs?: Partial<A>) => all(inputs, attrs)[0] as Value;
  const { name, ...rest } = spec;
  Object.defineProperty(call, 'name', { value: name });
  return Object.assign(call, { all, node }, rest) as unknown as Op<A>;
}

function completeAttrs<A extends object>(spec: OpSpec<A>, overrides: Partial<A>): A {
  for (const key of Object.keys(overrides)) {
    if (!(key in spec.attrs)) {
      throw new ThimbleError('UNSUPPORTED_ATTR', `no attribute "${key}"`, {
        op: spec.name,
        expected: Object.keys(spec.attrs).join(', ') || 'none',
      });
    }
  }
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  return { ...spec.attrs, ...given };
}

/** The type of input `index`, of any dtype: what operators take that only move elements. @throws SHAPE where it is missing. */
export const expectAny = (inputs: readonly TensorType[], index: number): TensorType => expectInput(inputs, index, inputs[index]?.dtype);

/** The type of input `index`, which moves as 4-byte elements. @throws SHAPE where it is missing, DTYPE where it is neither f32 nor i32. */
export function expectWords(inputs: readonly TensorType[], index: number): TensorType {
  return expectInput(inputs, index, inputs[index]?.dtype === 'i32' ? 'i32' : 'f32');
}

/** The type of input `index`. @throws SHAPE where a caller gave too few, DTYPE where it has another dtype. */
export function expectInput(inputs: readonly TensorType[], index: number, dtype: TensorType['dtype'] = 'f32', rank?: number): TensorType {
  const type = inputs[index];
  if (!type) throw new ThimbleError('SHAPE', `input ${index} is missing`, { got: `${inputs.length} inputs` });
  if (type.dtype !== dtype) throw new ThimbleError('DTYPE', `input ${index} has the wrong dtype`, { expected: dtype, got: type.dtype });
  if (rank !== undefined && type.shape.length !== rank) {
    throw new ThimbleError('SHAPE', `input ${index} has the wrong rank`, { expected: String(rank), got: formatShape(type.shape) });
  }
  return type;
}
