import { sizeOf } from '../../core/shape.ts';
import type { QuantizeAttributes } from '../../ops/quantizeInt8.ts';
import { type Elem, elemOf, tensorOf } from './elements.ts';
import type { GraphProto, NodeProto, TensorProto } from './proto.ts';

// In what ONNX Runtime computes what lies between DequantizeLinear and QuantizeLinear, after its optimizer for x86 (onnxruntime/core/optimizer/qdq_transformer):
// numbers of int8 become uint8 where one operator reads them (qdq_s8_to_u8), what moves elements gets a pair of its own behind it (qdq_propagation), and an
// operator becomes one on numbers where all it reads and what it gives has one type (selectors_actions). All others compute in floats.

/** Operators whose results depend on it; those of others are the same but for ties of long sums. */
const ROUNDED = new Set(['Add', 'Mul', 'AveragePool', 'GlobalAveragePool', 'Softmax']);
/** Operators that a pair of quantization and dequantization is moved across. */
const PASSED = new Set(['MaxPool', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Slice']);

type Byte = 'int8' | 'uint8';

/** An operator in front of a quantization: in what it computes, and the step of the constant that it reads (of numbers held as i8). */
export type QuantizedGroup = Pick<QuantizeAttributes, 'arithmetic' | 'operand'>;

/** A quantization: its type in the file, and what its numbers mean. */
interface Step {
  readonly elem: Byte;
  readonly scale: number;
  readonly zero: number;
}

type Named<T extends string> = NodeProto & { readonly op: T };
const isQuantize = (node: NodeProto | undefined): node is Named<'QuantizeLinear'> => node?.op === 'QuantizeLinear';
const isDequantize = (node: NodeProto | undefined): node is Named<'DequantizeLinear'> => node?.op === 'DequantizeLinear';
const isByte = (elem: Elem | undefined): elem is Byte => elem === 'int8' || elem === 'uint8';

class Groups {
  readonly #initializers = new Map<string, TensorProto>();
  readonly #elems = new Map<string, number>();
  readonly #producers = new Map<string, NodeProto>();
  /** A node as often as it reads the value; undefined for an output of the graph. */
  readonly #readers = new Map<string, (NodeProto | undefined)[]>();
  /** Quantizations of a value to one step: the optimizer makes one of them. */
  readonly #equal = new Map<string, NodeProto[]>();

  constructor({ nodes, initializers, inputs, outputs }: GraphProto) {
    for (const tensor of initializers) this.#initializers.set(tensor.name, tensor);
    for (const { name, elemType } of inputs) this.#elems.set(name, elemType);
    for (const node of nodes) {
      const constant = node.op === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
      for (const name of node.outputs) {
        if (constant) this.#initializers.set(name, constant);
        this.#producers.set(name, node);
      }
      for (const name of node.inputs) if (name) this.#read(name, node);
      if (isQuantize(node)) this.#equal.set(node.inputs.join(), [...(this.#equal.get(node.inputs.join()) ?? []), node]);
    }
    for (const { name } of outputs) this.#read(name, undefined);
  }

  #read(name: string, reader: NodeProto | undefined): void {
    const readers = this.#readers.get(name);
    if (readers) readers.push(reader);
    else this.#readers.set(name, [reader]);
  }

  #readersOf(name: string | undefined): readonly (NodeProto | undefined)[] {
    return this.#readers.get(name ?? '') ?? [];
  }

  /** The number in an initializer of one element; `fallback` where no name is given. */
  #number(name: string | undefined, fallback?: number): number | undefined {
    if (!name) return fallback;
    const tensor = this.#initializers.get(name);
    if (!tensor || tensor.external || sizeOf(tensor.dims) !== 1) return undefined;
    return tensorOf(tensor, new Map()).data[0];
  }

  /** The step of a quantization or dequantization, where it is one constant. */
  #stepOf(node: NodeProto): Step | undefined {
    const [, scaleName, zeroName] = node.inputs;
    const point = zeroName ? this.#initializers.get(zeroName) : undefined;
    const elem = point ? elemOf(point.elemType) : zeroName ? undefined : 'uint8';
    const [scale, zero] = [this.#number(scaleName), this.#number(zeroName, 0)];
    return isByte(elem) && scale !== undefined && zero !== undefined ? { elem, scale, zero } : undefined;
  }

  /** The type of numbers that so many operators read. */
  #turned({ elem }: Step, readers: number): Byte {
    return readers === 1 ? 'uint8' : elem;
  }

  /** The type of the numbers that a quantization gives in the end. */
  #typeOf(quantize: NodeProto): Byte | undefined {
    const step = this.#stepOf(quantize);
    if (!step || !quantize.inputs[2]) return step?.elem;
    const equal = this.#equal.get(quantize.inputs.join()) ?? [quantize];
    const reads = equal.flatMap((node) => this.#readersOf(node.outputs[0]));
    if (!reads.every(isDequantize)) return step.elem;
    return this.#turned(
      step,
      reads.reduce((sum, node) => sum + this.#readersOf(node.outputs[0]).length, 0),
    );
  }

  /** The step in the file of a value that is dequantized, and moved since. */
  #sourceOf(name: string | undefined): Step | undefined {
    const node = this.#producers.get(name ?? '');
    if (isDequantize(node)) return this.#stepOf(node);
    return node && PASSED.has(node.op) ? this.#sourceOf(node.inputs[0]) : undefined;
  }

  /** The type of the numbers that a value is dequantized from, where it is. */
  #typeRead(name: string): Byte | undefined {
    const node = this.#producers.get(name);
    if (isDequantize(node)) {
      const from = node.inputs[0] ?? '';
      const quantize = this.#producers.get(from);
      if (isQuantize(quantize)) return this.#typeOf(quantize);
      const elemType = this.#initializers.get(from)?.elemType ?? this.#elems.get(from);
      const elem = elemType === undefined ? undefined : elemOf(elemType);
      return isByte(elem) ? elem : this.#stepOf(node)?.elem;
    }
    const step = node && PASSED.has(node.op) ? this.#sourceOf(node.inputs[0]) : undefined;
    return step && this.#turned(step, this.#readersOf(name).length);
  }

  /** Whether the quantization limits at least as much as the Relu or Clip in front of it. */
  #isLimited(node: NodeProto, quantize: NodeProto): boolean {
    const step = this.#stepOf(quantize);
    if (!step) return false;
    const least = step.elem === 'int8' ? -128 : 0;
    const [low, high] = [step.scale * (least - step.zero), step.scale * (least + 255 - step.zero)];
    if (node.op === 'Relu') return low >= 0;
    const bound = (index: number, attribute: string, none: number) =>
      this.#number(node.inputs[index], node.attributes.get(attribute)?.float ?? none) ?? Number.NaN;
    return bound(1, 'min', -Infinity) <= low && bound(2, 'max', Infinity) >= high;
  }

  /** The quantization that alone reads what `node` gives, and the type of numbers behind `node`. */
  #quantizedBy(node: NodeProto): { readonly quantize: NodeProto; readonly type: Byte | undefined } | undefined {
    const [reader, ...others] = this.#readersOf(node.outputs[0]);
    if (!reader || others.length > 0) return undefined;
    if (isQuantize(reader)) return { quantize: reader, type: this.#typeOf(reader) };
    const found = reader.op === 'Relu' || reader.op === 'Clip' || PASSED.has(reader.op) ? this.#quantizedBy(reader) : undefined;
    if (!found) return undefined;
    const step = this.#stepOf(found.quantize);
    if (PASSED.has(reader.op)) return { ...found, type: step && this.#turned(step, 1) };
    return this.#isLimited(reader, found.quantize) ? found : { ...found, type: undefined };
  }

  /** The step of a dequantized constant, of numbers held as i8. */
  #constantStep(name: string): QuantizedGroup['operand'] {
    const node = this.#producers.get(name);
    if (!isDequantize(node) || !this.#initializers.has(node.inputs[0] ?? '')) return null;
    const step = this.#stepOf(node);
    return step ? { scale: step.scale, zero: step.elem === 'uint8' ? step.zero - 128 : step.zero } : null;
  }

  /** The operator's quantization, by the name of what that gives. */
  of(node: NodeProto): readonly [name: string, QuantizedGroup] | undefined {
    const found = ROUNDED.has(node.op) ? this.#quantizedBy(node) : undefined;
    if (!found) return undefined;
    const types = node.inputs.map((name) => this.#typeRead(name));
    const { quantize, type } = found;
    const arithmetic = type && types.every((read) => read === type) ? type : 'float';
    const operand = node.inputs.map((name) => this.#constantStep(name)).find((step) => step) ?? null;
    return [quantize.outputs[0] as string, { arithmetic, operand }];
  }
}

/** Operators in front of quantizations, by the name of what those give; what is not in it computes in floats. */
export function quantizedGroups(graph: GraphProto): ReadonlyMap<string, QuantizedGroup> {
  if (!graph.nodes.some(isQuantize)) return new Map();
  const groups = new Groups(graph);
  return new Map(
    graph.nodes.flatMap((node) => {
      const found = groups.of(node);
      return found ? [found] : [];
    }),
  );
}
