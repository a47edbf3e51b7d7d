import type { TypedArray } from '../../../core/dtype.ts';
import { ThimbleError } from '../../../core/errors.ts';
import { type Shape, sizeOf } from '../../../core/shape.ts';
import { toHalf } from '../../../core/toHalf.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import { transposedIndexes } from '../../../ops/constants.ts';
import { stepOf } from '../../../ops/fakeQuantize.ts';
import type { FileAttribute, FileElem, FileNode, FileTensor } from '../encode.ts';
import type { WeightEncoding } from './weights.ts';

/** How a tensor of the file lies: its axis i is axis perm[i] of the value. */
export type Perm = readonly number[];

/** A value's rows flattened in another order: reshape(transpose(v, perm), [rows, -1]) of a value v of `shape`. */
export interface Flattened {
  readonly shape: Shape;
  readonly perm: Perm;
}

/** A tensor of the file that holds a value. */
export interface Form {
  readonly name: string;
  readonly perm: Perm;
  readonly flattened?: Flattened | undefined;
}

export const identity = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);
export const isIdentity = (perm: Perm): boolean => perm.every((axis, i) => axis === i);
const same = (a: Perm, b: Perm): boolean => a.length === b.length && a.every((axis, i) => axis === b[i]);

/** Images of thimble, [N, H, W, C], as ONNX has them. */
export const NCHW: Perm = [0, 3, 1, 2];

export interface EmissionOptions {
  readonly batch?: number | undefined;
  readonly weights?: ReadonlyMap<Value, WeightEncoding> | undefined;
  /** Dense layers with weights in whole numbers quantize their input when they run. */
  readonly dynamic?: boolean | undefined;
  /** Nodes whose large constants are held in 16 bits. */
  readonly half?: ((node: Node) => boolean) | undefined;
}

const BYTES = { i8: 'int8', u8: 'uint8', bool: 'bool' } as const;

/** Initializers of fewer floats stay in 32 bits: scales, shifts, scalars. */
export const HALVED_FROM = 64;
/** Bytes of tensors that are written once where several are the same. */
const SHARED_FROM = 256;
const SAMPLED = 64;

/**
 * The ONNX graph while it is written. A value may lie in several forms; transpositions are written only where an operator needs a form that
 * is not there, so that those at the borders of neighbouring operators cancel.
 */
export class Emission {
  readonly nodes: FileNode[] = [];
  readonly initializers: FileTensor[] = [];
  /** Extent that stands for the batch, which the file leaves open. */
  readonly batch: number | undefined;
  /** Weights that are held as whole numbers. */
  readonly weights: ReadonlyMap<Value, WeightEncoding>;
  readonly isDynamic: boolean;
  readonly #half: (node: Node) => boolean;
  #isHalf = false;
  readonly #outputs = new Set<string>();
  readonly #forms = new Map<Value, Form[]>();
  readonly #names = new Set<string>();
  readonly #shared = new Map<string, string>();
  readonly #alike = new Map<string, FileTensor[]>();
  #label = '';

  constructor({ batch, weights = new Map(), half = () => false, dynamic = false }: EmissionOptions = {}) {
    this.isDynamic = dynamic;
    this.batch = batch;
    this.weights = weights;
    this.#half = half;
  }

  /** Runs `body`; the nodes it writes take their names from `node`. */
  within(node: Node, body: () => void): void {
    const parts = node.name.split('/');
    this.#label = parts.length > 1 && parts.at(-1) === node.op ? parts.slice(0, -1).join('/') : node.name;
    this.#isHalf = this.#half(node);
    try {
      body();
    } catch (error) {
      if (error instanceof ThimbleError) throw error.at({ op: node.op, node: node.name });
      throw error;
    }
  }

  /** `name`, or the next free one like it. */
  unique(name: string): string {
    let free = name;
    for (let n = 1; this.#names.has(free); n++) free = `${name}_${n}`;
    this.#names.add(free);
    return free;
  }

  /** Writes a node and returns the names of its outputs. */
  many(op: string, inputs: readonly string[], attributes: Readonly<Record<string, FileAttribute>>, outputs: number): string[] {
    const name = this.unique(`${this.#label}/${op}`);
    const results = Array.from({ length: outputs }, (_, i) => this.unique(`${name}_output_${i}`));
    this.nodes.push({ op, name, inputs, outputs: results, attributes });
    return results;
  }

  /** Writes a node of one output and returns its name. */
  op(op: string, inputs: readonly string[], attributes: Readonly<Record<string, FileAttribute>> = {}): string {
    return this.many(op, inputs, attributes, 1)[0] as string;
  }

  /** Says that tensor `name` of the file holds `value`, in the order of `perm`. */
  put(value: Value, name: string, perm: Perm = identity(value.shape.length), flattened?: Flattened): void {
    this.#forms.set(value, [...(this.#forms.get(value) ?? []), { name, perm, flattened }]);
  }

  /** Whether a tensor of the file holds `value` already. */
  isWritten(value: Value): boolean {
    return this.#forms.has(value);
  }

  /** The form `value` was computed in. */
  form(value: Value): Form {
    const [first] = this.#forms.get(value) ?? [];
    if (first) return first;
    const { dtype, origin, shape } = value;
    if (origin.kind !== 'const' && origin.kind !== 'state') throw new Error(`"${value.name}" is read before it is written`);
    // State that nothing writes is a constant.
    const data = origin.kind === 'const' ? origin.data : origin.variable.initial();
    // As the dtype says: bool and bytes are constants of models that are nothing else.
    const isWord = dtype === 'f32' || dtype === 'i32';
    const name = isWord ? this.tensor(value.name, shape, data) : this.initializer(value.name, BYTES[dtype], shape, rawOf(data));
    this.put(value, name);
    return { name, perm: identity(shape.length) };
  }

  /** Name of the tensor that holds `value` in the order of `perm`, transposed where there is none yet. */
  as(value: Value, perm: Perm): string {
    const known = this.#forms.get(value)?.find((form) => !form.flattened && same(form.perm, perm));
    if (known) return known.name;
    const { origin, shape } = value;
    if (origin.kind === 'const' && isIdentity(perm)) return this.form(value).name;
    const turned = perm.map((axis) => shape[axis] as number);
    const name =
      origin.kind === 'const'
        ? this.tensor(value.name, turned, permuted(origin.data, shape, perm))
        : this.#turned(this.#unflattened(value), perm);
    this.put(value, name, perm);
    return name;
  }

  #turned({ name, perm: have }: Form, want: Perm): string {
    const perm = want.map((axis) => have.indexOf(axis));
    return isIdentity(perm) ? name : this.op('Transpose', [name], { perm });
  }

  /** A form of `value` that is a transposition of it: pays for a flatten in another order. */
  #unflattened(value: Value): Form {
    const form = this.form(value);
    const { flattened } = form;
    if (!flattened) return form;
    const { shape, perm } = flattened;
    const whole = this.reshape(
      form.name,
      perm.map((axis) => shape[axis] as number),
    );
    const plain = this.#turned({ name: whole, perm }, identity(shape.length));
    return { name: this.reshape(plain, value.shape), perm: identity(value.shape.length) };
  }

  /** Gives tensor `from` the name of an output: the node that computes it writes to that name. */
  finish(output: string, from: string): void {
    const isComputed = this.nodes.some((node) => node.outputs.includes(from));
    if (!isComputed || this.#outputs.has(from)) {
      this.nodes.push({ op: 'Identity', name: this.unique(`${output}/Identity`), inputs: [from], outputs: [output], attributes: {} });
      return;
    }
    const renamed = (names: readonly string[]) => names.map((name) => (name === from ? output : name));
    this.nodes.forEach((node, i) => {
      this.nodes[i] = { ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) };
    });
    for (const forms of this.#forms.values()) {
      const at = forms.findIndex((form) => form.name === from);
      if (at >= 0) forms[at] = { ...(forms[at] as Form), name: output };
    }
    this.#outputs.add(output);
  }

  /** Name of the tensor that holds `value` in its own order of axes. */
  plain(value: Value): string {
    return this.as(value, identity(value.shape.length));
  }

  nchw(value: Value): string {
    return this.as(value, NCHW);
  }

  /** `shape` with 0 or -1 for what follows from the batch. @throws UNSUPPORTED_OP where two axes do. */
  openShape(shape: Shape): number[] {
    const { batch } = this;
    const open = batch === undefined ? [] : shape.flatMap((extent, axis) => (extent > 0 && extent % batch === 0 ? [axis] : []));
    if (open.length > 1)
      throw new ThimbleError('UNSUPPORTED_OP', 'two axes follow from the batch', { hint: 'export with a fixed batch size' });
    return shape.map((extent, axis) => (axis === open[0] ? -1 : extent));
  }

  /** `shape`, of which nothing may be open. */
  fixedShape(shape: Shape): Shape {
    if (this.openShape(shape).includes(-1)) {
      throw new ThimbleError('UNSUPPORTED_OP', 'its shape follows from the batch', { hint: 'export with a fixed batch size' });
    }
    return shape;
  }

  reshape(name: string, shape: Shape): string {
    return this.op('Reshape', [name, this.ints(this.openShape(shape))], shape.includes(0) ? { allowzero: 1 } : {});
  }

  /** A constant with its axes permuted, under another shape. */
  reshapedConstant({ origin, name, shape }: Value, perm: Perm, to: Shape): string {
    if (origin.kind !== 'const') throw new Error(`"${name}" is not a constant`);
    return this.tensor(name, to, permuted(origin.data, shape, perm));
  }

  /** An initializer of f32 or i32. */
  tensor(name: string, shape: Shape, data: TypedArray): string {
    const elem = data instanceof Float32Array ? 'float32' : 'int32';
    if (this.#isHalf && elem === 'float32' && data.length >= HALVED_FROM) {
      const halves = Uint16Array.from(data, toHalf);
      return this.op('Cast', [this.initializer(`${name}_half`, 'float16', shape, rawOf(halves))], { to: 1 });
    }
    const words = data instanceof Float32Array || data instanceof Int32Array ? data : Int32Array.from(data);
    return this.initializer(name, elem, shape, rawOf(words));
  }

  initializer(name: string, elem: FileElem, dims: Shape, raw: Uint8Array): string {
    if (this.batch !== undefined && dims.some((extent) => extent > 0 && extent % (this.batch as number) === 0)) {
      throw new ThimbleError('UNSUPPORTED_OP', `the constant "${name}" depends on the batch`, { hint: 'export with a fixed batch size' });
    }
    // Layers that share weights have constants of their own here, as each was packed for its operator.
    const key = raw.length >= SHARED_FROM ? `${elem} ${dims} ${sampleOf(raw)}` : undefined;
    const alike = key ? (this.#alike.get(key) ?? []) : [];
    const known = alike.find((tensor) => isSame(tensor.raw, raw));
    if (known) return known.name;
    const tensor = { name: this.unique(name), elem, dims, raw };
    if (key) this.#alike.set(key, [...alike, tensor]);
    this.initializers.push(tensor);
    return tensor.name;
  }

  /** The optional input for `bias`; in whole numbers where the product of x and w is: steps of x times steps of w. */
  bias(bias: Value | undefined, w: Value, x: Value): string[] {
    if (!bias) return [];
    const encoding = this.weights.get(w);
    const scale = encoding && encoding.block === undefined ? stepOf(x) : undefined;
    if (!encoding || scale === undefined || bias.origin.kind !== 'const') return [this.plain(bias)];
    const scales = Float32Array.from({ length: sizeOf(bias.shape) }, (_, c) => scale * (encoding.scales[c] as number));
    const whole = Int32Array.from(bias.origin.data, (value, c) => Math.round(value / (scales[c] as number)));
    const inputs = [
      this.tensor(`${bias.name}_quantized`, bias.shape, whole),
      this.tensor(`${bias.name}_scale`, bias.shape, scales),
      this.tensor(`${bias.name}_zero_point`, bias.shape, new Int32Array(whole.length)),
    ];
    return [this.op('DequantizeLinear', inputs, { axis: 0 })];
  }

  /** A vector of int64, written once. */
  ints(values: readonly number[]): string {
    return this.#once(`ints ${values}`, () => {
      const raw = rawOf(BigInt64Array.from(values, BigInt));
      return this.initializer('shape', 'int64', [values.length], raw);
    });
  }

  /** A scalar f32, written once. */
  scalar(value: number): string {
    return this.#once(`f32 ${Object.is(value, -0) ? '-0' : value}`, () => this.tensor('number', [], Float32Array.of(value)));
  }

  /** A vector of f32, written once. */
  floats(values: readonly number[]): string {
    return this.#once(`floats ${values}`, () => this.tensor('numbers', [values.length], Float32Array.from(values)));
  }

  #once(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = make();
    this.#shared.set(key, name);
    return name;
  }
}

/** A few bytes of many, which tell most tensors apart. */
const sampleOf = (raw: Uint8Array): string => Array.from({ length: SAMPLED }, (_, i) => raw[Math.floor((i * raw.length) / SAMPLED)]).join();

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The bytes of a typed array; every host of WebAssembly that thimble runs on is little endian, as files are. */
export const rawOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();

/** Elements of transpose(x, perm), row-major. */
export function permuted<T extends TypedArray>(data: T, shape: Shape, perm: Perm): T {
  if (isIdentity(perm)) return data;
  const indexes = transposedIndexes(shape, perm);
  const turned = new (data.constructor as new (n: number) => T)(sizeOf(shape));
  for (let i = 0; i < turned.length; i++) turned[i] = data[indexes[i] as number] as number;
  return turned;
}

/** Writes one operator of thimble. */
export type Emit = (e: Emission, node: Node) => void;

/** Writers by operator. */
export type Emits = Readonly<Record<string, Emit>>;

/** The attributes of a node as the operator's own type. */
export const attrsOf = <A>(node: Node): A => node.attrs as unknown as A;
