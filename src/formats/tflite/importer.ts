import { allocate } from '../../core/dtype.ts';
import type { Elem } from '../../core/elem.ts';
import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Shaped } from '../../core/tensor.ts';
import { Graph, type Value } from '../../ir/graph.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { cast } from '../../ops/index.ts';
import { beforeUpdates } from '../../ops/updateStates.ts';
import { atBorder } from '../element.ts';
import type { Imported, Port } from '../imported.ts';
import { fromUnsigned, toUnsigned } from '../unsigned.ts';
import { blockwise } from './blockwise.ts';
import { NodeContext, type Result } from './context.ts';
import { constantOf, elemOf, held, numeric, UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import { type Binding, isOperand } from './operand.ts';
import { rowOf } from './operators.ts';
import type { OperatorSpec, SignatureSpec, SubgraphSpec, TensorSpec, TfliteModel } from './schema.ts';
import { Scope } from './scope.ts';
import { SharedVariables, Variables } from './variables.ts';

export interface ImportOptions {
  /** Extents of inputs, by name. What is left out is as the file has it, open extents 1. */
  readonly shapes?: Readonly<Record<string, readonly number[] | number>> | undefined;
  /** Inputs that never change, by name: they become part of the program. */
  readonly constants?: Readonly<Record<string, Shaped>> | undefined;
}

/** Control flow is unrolled: operators beyond this are refused. */
const MAX_NODES = 100_000;
/** Subgraphs that call one another. */
const MAX_DEPTH = 16;

/** Turns one signature of a TFLite model into one graph. */
export class Importer {
  readonly graph: Graph;
  readonly variables: Variables;
  /** Whether the model rounds floats that it computed: products to 8 bits as they come, or QUANTIZE. */
  readonly rounds: boolean;
  readonly #model: TfliteModel;
  readonly #main: SubgraphSpec;
  /** Names of inputs and outputs. */
  readonly names: PortNames;
  readonly #failures: { node: OperatorSpec; error: ThimbleError }[] = [];
  #allowance: number;
  #nodes = 0;
  #depth = 0;

  /**
   * @param signature what to import; undefined for the first subgraph with the names of its tensors.
   * @param method the graph's name.
   */
  constructor(
    model: TfliteModel,
    fileBytes: number,
    signature?: SignatureSpec,
    method = 'infer',
    shared: SharedVariables = new SharedVariables(),
  ) {
    this.graph = new Graph(method);
    this.variables = new Variables(this.graph, shared);
    this.rounds = roundsFloats(model);
    this.#model = model;
    this.#main = model.subgraphs[signature?.subgraph ?? 0] as SubgraphSpec;
    this.names = namesOf(this.#main, signature);
    this.#allowance = 8 * fileBytes + 2 ** 20;
  }

  /** Takes `elements` from what constants may expand to: 8 elements a byte of the file, and a million. @throws SHAPE when it is used up. */
  allow(elements: number): void {
    this.#allowance -= elements;
    if (!(this.#allowance >= 0)) throw new ThimbleError('SHAPE', 'the constants of the model expand to far more than the file holds');
  }

  /** Imports all but the updates of variables, which `variables.update` appends. Names that `options` has for other signatures are passed over. */
  run({ shapes = {}, constants = {} }: ImportOptions): Imported {
    const spec = this.#main;
    const { names } = this;
    const scope = this.#scope(spec);
    const inputs = spec.inputs.flatMap((index, i) => {
      const name = names.inputs[i] as string;
      const tensor = spec.tensors[index] as TensorSpec;
      const constant = constants[name];
      if (constant) {
        scope.set(index, this.#constantInput(tensor, constant));
        return [];
      }
      const port = this.#input(name, tensor, shapes[name]);
      scope.set(index, { value: inside(port), elem: port.elem, quantization: tensor.quantization });
      return [port];
    });
    this.#body(spec, scope);
    this.#throwFailures();
    const outputs = spec.outputs.map((index, i) => this.#output(names.outputs[i] as string, scope.binding(index)));
    return { graph: this.graph, inputs, outputs, operators: operatorCounts(this.#model) };
  }

  #scope(spec: SubgraphSpec): Scope {
    return new Scope(spec, (index) => {
      const tensor = spec.tensors[index] as TensorSpec;
      const { name, quantization, blocks } = tensor;
      if (tensor.isVariable) return this.variables.tensor(spec, index);
      if (!tensor.data && sizeOf(tensor.shape) !== 0) throw damaged(`nothing computes "${name}"`, name);
      if (blocks && tensor.data) {
        const floats = blockwise({ ...tensor, blocks }, spec.tensors, (elements) => this.allow(elements));
        return { value: this.graph.constant(floats, name), elem: 'float32' };
      }
      const constant = constantOf({ ...tensor, data: tensor.data ?? new Uint8Array() }, (elements) => this.allow(elements));
      return { value: this.graph.constant(constant, name), elem: numeric(tensor), quantization };
    });
  }

  #input(name: string, spec: TensorSpec, given: readonly number[] | number | undefined): Port {
    const elem = numeric(spec);
    return { name, elem, value: this.graph.input(name, { dtype: atBorder(elem), shape: shapeOf(spec, name, given) }) };
  }

  #constantInput(spec: TensorSpec, constant: Shaped): Binding {
    const elem = numeric(spec);
    const shift = elem === 'uint8' ? UNSIGNED : 0;
    const data = allocate(held(elem), constant.data.length);
    data.set(Array.from(constant.data, (x) => x - shift));
    return {
      value: this.graph.constant({ dtype: held(elem), shape: constant.shape, data }, spec.name),
      elem,
      quantization: spec.quantization,
    };
  }

  #output(name: string, binding: Binding): Port {
    if (!isOperand(binding))
      throw new ThimbleError('UNSUPPORTED_OP', `output "${name}" is complex or a handle`, { expected: 'a tensor of numbers' });
    const { elem, value, count } = binding;
    const outside = atOutput(beforeUpdates(value), elem);
    this.graph.output(name, outside);
    if (!count) return { name, elem, value: outside };
    const counter = `${name}#count`;
    this.graph.output(counter, count);
    return { name, elem, value: outside, count: { name: counter, axis: 0 } };
  }

  /** Imports subgraph `index` with `bindings` as its inputs; returns its outputs. */
  subgraph(index: number, bindings: readonly Binding[]): Binding[] {
    const spec = this.#model.subgraphs[index];
    if (!spec) throw damaged(`subgraph ${index} of ${this.#model.subgraphs.length}`);
    if (this.#depth >= MAX_DEPTH) throw damaged('subgraphs call one another without end');
    if (bindings.length !== spec.inputs.length)
      throw damaged(`subgraph ${index} takes ${spec.inputs.length} inputs, not ${bindings.length}`);
    const scope = this.#scope(spec);
    spec.inputs.forEach((input, i) => {
      scope.set(input, bindings[i] as Binding);
    });
    const failures = this.#failures.length;
    this.#depth++;
    this.#body(spec, scope);
    this.#depth--;
    if (this.#failures.length > failures) this.#throwFailures();
    return spec.outputs.map((output) => scope.binding(output));
  }

  /** Imports the operators in their order. What follows from one that failed is passed over. */
  #body(spec: SubgraphSpec, scope: Scope): void {
    const failed = new Set<number>();
    for (const node of spec.operators) {
      if (++this.#nodes > MAX_NODES) throw new ThimbleError('UNSUPPORTED_OP', `the model unrolls to more than ${MAX_NODES} operators`);
      try {
        if (node.inputs.some((index) => failed.has(index))) throw undefined;
        this.#node(node, scope);
      } catch (error) {
        if (error !== undefined) this.#failures.push({ node, error: asThimbleError(error) });
        for (const index of node.outputs) failed.add(index);
      }
    }
  }

  #node(node: OperatorSpec, scope: Scope): void {
    const context = new NodeContext(this, node, scope);
    const result = this.graph.scope(node.name, () => rowOf(node)(context));
    const bindings = bind(result, context);
    node.outputs.forEach((index, i) => {
      const binding = bindings[i];
      if (binding === undefined) throw new ThimbleError('UNSUPPORTED_ATTR', `output ${i} is not supported`);
      scope.set(index, isOperand(binding) ? { ...binding, value: this.folded(binding.value) } : binding);
    });
  }

  /** Constants are computed at once, so that shapes and weights that follow from them are known. */
  folded(value: Value): Value {
    if (value.origin.kind !== 'node' || !isConstant(value)) return value;
    this.allow(sizeOf(value.shape));
    return this.graph.constant(evaluated(value), value.name);
  }

  /** The error for a value that has to be known before the model runs, naming the inputs it follows from. */
  needsConstant(value: Value, what: string): ThimbleError {
    const names = [...inputsOf(value)];
    return new ThimbleError('UNSUPPORTED_ATTR', `${what} must be known before the model runs`, {
      names,
      hint: names.length ? `give load the option \`constants: { ${names.map((name) => `"${name}": tensor`).join(', ')} }\`` : undefined,
    });
  }

  #throwFailures(): void {
    if (this.#failures.length === 0) return;
    const errors = this.#failures.map(({ node, error }) => error.at({ op: node.op, node: node.name }));
    const worst = errors.find(({ code }) => code === 'FORMAT') ?? (errors.length === 1 ? errors[0] : undefined);
    if (worst) throw worst;
    const names = [...new Set(errors.flatMap((error) => error.names ?? []))];
    const list = errors.map((error) => error.message).join('\n  ');
    const code = errors.every((error) => error.code === errors[0]?.code) ? (errors[0] as ThimbleError).code : 'UNSUPPORTED_OP';
    throw new ThimbleError(code, `${errors.length} operators cannot be imported:\n  ${list}`, { names });
  }
}

/** TensorType of f32. */
const FLOAT32 = 0;
/** Products of floats with weights that may be integers. */
const PRODUCTS = /CONV|FULLY_CONNECTED|BATCH_MATMUL|RNN|LSTM|SVDF/;

function roundsFloats({ subgraphs }: TfliteModel): boolean {
  return subgraphs.some(({ tensors, operators, inputs: given }) =>
    operators.some(({ op, inputs }) => {
      if (op === 'QUANTIZE') return !given.includes(inputs[0] as number) && tensors[inputs[0] as number]?.type === FLOAT32;
      if (!PRODUCTS.test(op)) return false;
      const operands = inputs.flatMap((index) => tensors[index] ?? []);
      // Weights in blocks are made floats.
      const isWhole = (tensor: TensorSpec) => !tensor.blocks && /^u?int[48]$/.test(elemOf(tensor));
      return operands.some(({ type }) => type === FLOAT32) && operands.some(isWhole);
    }),
  );
}

/** The value as graphs hold it. */
function inside({ value, elem }: Port): Value {
  if (elem === 'uint8') return fromUnsigned(value);
  return value.dtype === 'bool' ? cast(value, { to: 'i32' }) : value;
}

function atOutput(value: Value, elem: Elem): Value {
  if (elem === 'uint8') return toUnsigned(value);
  return elem === 'bool' ? cast(value, { to: 'bool' }) : value;
}

function asThimbleError(error: unknown): ThimbleError {
  if (error instanceof ThimbleError) return error;
  if (error instanceof RangeError) return new ThimbleError('SHAPE', `the sizes are out of range: ${error.message}`);
  throw error;
}

/** Result of a row → one binding an output. */
function bind(result: Result, context: NodeContext): (Binding | undefined)[] {
  const many: readonly (Value | Binding | undefined)[] = Array.isArray(result) ? result : [result as Value | Binding];
  return many.map((one, i) => {
    if (!one || !('graph' in one)) return one;
    const spec = context.output(i);
    const elem = numeric(spec);
    if (held(elem) !== one.dtype)
      throw new ThimbleError('DTYPE', `output ${i} does not have the type the file states`, { expected: elemOf(spec), got: one.dtype });
    return { value: one, elem, quantization: spec.quantization };
  });
}

/** Names of the graph inputs that `value` follows from. */
function inputsOf(value: Value, seen = new Set<Value>(), names = new Set<string>()): Set<string> {
  const waiting = [value];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (next.origin.kind === 'input') names.add(next.name);
    if (next.origin.kind === 'node') waiting.push(...next.origin.node.inputs);
  }
  return names;
}

export interface PortNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Names of a subgraph's inputs and of its outputs: those of the signature, else of the tensors; distinct among either and never empty. */
export function namesOf(spec: SubgraphSpec, signature?: SignatureSpec): PortNames {
  const names = (kind: 'inputs' | 'outputs'): string[] => {
    const used = new Set<string>();
    const given = [...(signature?.[kind] ?? [])];
    return spec[kind].map((index, place) => {
      const at = given.findIndex(({ tensor }) => tensor === index);
      const name = (at >= 0 && given.splice(at, 1)[0]?.name) || spec.tensors[index]?.name || `${kind.slice(0, -1)}_${place}`;
      let own = name;
      for (let i = 1; used.has(own); i++) own = `${name}:${i}`;
      used.add(own);
      return own;
    });
  };
  return { inputs: names('inputs'), outputs: names('outputs') };
}

function shapeOf({ shape, signature }: TensorSpec, name: string, given: readonly number[] | number | undefined): number[] {
  const known = shape.map((extent) => Math.max(extent, 1));
  if (!Array.isArray(given)) return known;
  if (given.length !== shape.length && shape.length > 0) {
    throw new ThimbleError('SHAPE', `shapes: input "${name}" cannot have shape ${formatShape(given)}`, {
      expected: `[${(signature.length ? signature : shape).join(', ')}]`,
    });
  }
  return [...given];
}

/** Operators of the model and how often they occur. */
export function operatorCounts({ subgraphs }: TfliteModel): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of subgraphs.flatMap(({ operators }) => operators)) counts.set(op, (counts.get(op) ?? 0) + 1);
  return counts;
}
