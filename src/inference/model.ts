import { allocate, type DType, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Elem, integerRange } from '../formats/onnx/elements.ts';
import type { Imported, Port } from '../formats/onnx/importer.ts';
import type { Graph } from '../ir/graph.ts';
import type { MemoryPlan } from '../plan/report.ts';
import type { Built } from '../program/build.ts';
import type { Program } from '../program/format.ts';
import { Session } from '../runtime/session.ts';

/** An input or output of a model. */
export interface TensorInfo {
  readonly name: string;
  /** Element type of its data here: `f32`, `i32`, `i8`, `u8` or `bool`. */
  readonly dtype: DType;
  /** Element type in the model's file; 64-bit integers are held as i32. */
  readonly type: Elem;
  readonly shape: Shape;
}

/** Data for an input: elements in row-major order, 64-bit integers too, or a tensor. */
export type Feed = TypedArray | BigInt64Array | BigUint64Array | Float64Array | Tensor;

const METHOD = 'infer';

/** A loaded model: its inputs and outputs, its memory to the byte, and `run`. */
export class InferenceModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Bytes of each region, known before anything ran. */
  readonly memory: MemoryPlan;
  readonly program: Program;
  /** The optimized graph that the program computes. */
  readonly graph: Graph;
  readonly #ports: readonly Port[];
  readonly #module: WebAssembly.Module;
  #session: Session | undefined;

  constructor(built: Built, imported: Imported, module: WebAssembly.Module) {
    const info = ({ name, elem, value }: Port): TensorInfo => ({ name, dtype: value.dtype, type: elem, shape: value.shape });
    this.inputs = imported.inputs.map(info);
    this.outputs = imported.outputs.map(info);
    this.#ports = imported.outputs;
    this.memory = built.memory;
    this.program = built.program;
    this.graph = built.methods[METHOD]?.graph as Graph;
    this.#module = module;
  }

  /** The session; its memory is allocated when it is first asked for. */
  get session(): Session {
    this.#session ??= new Session(this.program, this.#module);
    return this.#session;
  }

  /**
   * Runs the model on `feeds` by input name and returns its outputs by name; they are copies.
   * @throws INPUT for a missing or unknown name, a wrong dtype, a wrong size, or a 64-bit integer outside the 32-bit range.
   */
  run(feeds: Readonly<Record<string, Feed>>): Record<string, Tensor> {
    const missing = this.inputs.filter(({ name }) => feeds[name] === undefined).map(({ name }) => name);
    if (missing.length) throw new ThimbleError('INPUT', `no data for ${missing.map((name) => `"${name}"`).join(', ')}`);
    const given: Record<string, TypedArray> = {};
    for (const [name, feed] of Object.entries(feeds)) given[name] = converted(this.#input(name), feed);
    const results = this.session.run(METHOD, given);
    return Object.fromEntries(this.#ports.map((port) => [port.name, valid(port, results)]));
  }

  #input(name: string): TensorInfo {
    const found = this.inputs.find((input) => input.name === name);
    if (found) return found;
    throw new ThimbleError('INPUT', `the model has no input "${name}"`, {
      expected: this.inputs.map((input) => input.name).join(', ') || 'none',
    });
  }
}

/** Arrays all of whose numbers are in the type's range. */
const filled: Partial<Record<Elem, Int8ArrayConstructor | Uint8ArrayConstructor | Int32ArrayConstructor>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: Int32Array,
};

/** Data of the input's dtype; other integers and doubles are converted with a range check. */
function converted({ name, dtype, type, shape }: TensorInfo, feed: Feed): TypedArray {
  const tensor = ArrayBuffer.isView(feed) ? undefined : feed;
  const data = tensor?.data ?? (feed as Exclude<Feed, Tensor>);
  const target = allocate(dtype, 0);
  const fits = data.length === sizeOf(shape) && (!tensor || sameShape(tensor.shape, shape));
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (!fits || isFloat !== (dtype === 'f32')) {
    throw new ThimbleError('INPUT', `input "${name}" does not fit`, {
      expected: `${type} ${formatShape(shape)} (${target.constructor.name} of ${sizeOf(shape)})`,
      got: `${data.constructor.name}, ${tensor ? formatShape(tensor.shape) : `${data.length} elements`}`,
    });
  }
  const range = integerRange[type];
  const isInside = filled[type] !== undefined && data instanceof filled[type];
  if (range && !isInside && data.some((value: number | bigint) => value < range[0] || value > range[1])) {
    throw new ThimbleError('INPUT', `input "${name}" has a number outside ${type}`, {
      expected: `${range[0]} to ${range[1]}`,
      hint: range[1] === 2 ** 31 - 1 ? 'thimble computes with 32-bit integers' : undefined,
    });
  }
  if (data.constructor === target.constructor) return data as TypedArray;
  const result = allocate(dtype, data.length);
  for (let i = 0; i < result.length; i++) result[i] = Number(data[i]);
  return result;
}

/** A copy of an output; of one whose size is found at run time, the valid part. */
function valid({ name, count }: Port, results: Readonly<Record<string, Tensor>>): Tensor {
  const { dtype, shape, data } = results[name] as Tensor;
  if (!count) return { dtype, shape, data: data.slice() };
  const kept = (results[count.name] as Tensor).data[0] as number;
  const { axis } = count;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const length = shape[axis] as number;
  const part = allocate(dtype, outer * kept * inner);
  for (let o = 0; o < outer; o++) part.set(data.subarray(o * length * inner, (o * length + kept) * inner), o * kept * inner);
  return { dtype, shape: shape.map((extent, i) => (i === axis ? kept : extent)), data: part };
}
