import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { Graph, type Value } from '../../ir/graph.ts';
import { cast } from '../../ops/cast.ts';
import { evaluated, isConstant } from '../../ops/evaluate.ts';
import { NodeContext, type Result } from './context.ts';
import { atBorder, type Elem, type ExternalData, elemOf, held, isFloat, tensorOf } from './elements.ts';
import { rounded } from './halves.ts';
import { type Binding, isSequence, type Operand } from './operand.ts';
import { domainName, rowOf } from './operators.ts';
import type { FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfo } from './proto.ts';
import { damaged } from './protobuf.ts';
import { isInitializer, Scope } from './scope.ts';

export interface ImportOptions {
  /** Extents of inputs whose dimensions the model leaves open: by input, or a number for a named dimension. An open first axis is 1. */
  readonly shapes?: Readonly<Record<string, readonly number[] | number>> | undefined;
  /** Inputs that never change, by name: they become part of the program. Shape operands of operators have to be. */
  readonly constants?: Readonly<Record<string, Tensor>> | undefined;
  readonly externalData?: ExternalData | undefined;
}

/** An input or output at the border of a program. */
export interface Port {
  readonly name: string;
  readonly elem: Elem;
  readonly value: Value;
  /** Name of the output with the number of valid rows, and the axis it counts, where that is known at run time only. */
  readonly count?: { readonly name: string; readonly axis: number };
}

export interface Imported {
  readonly graph: Graph;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Operators of the model and how often they occur. */
  readonly operators: ReadonlyMap<string, number>;
}

/** Loops are unrolled: nodes beyond this are refused. */
const MAX_NODES = 200_000;

/** A body cannot be imported because of a node outside it, which is on the list of failures already. */
class FollowsFailure extends Error {}

/** Turns one ONNX model into one graph. */
export class Importer {
  readonly graph: Graph;
  readonly externalData: ExternalData | undefined;
  readonly #model: ModelProto;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #failures: { node: NodeProto; error: ThimbleError }[] = [];
  readonly #failed = new Set<string>();
  #allowance: number;
  #nodes = 0;

  constructor(model: ModelProto, fileBytes: number, externalData?: ExternalData) {
    this.graph = new Graph('infer');
    this.externalData = externalData;
    this.#model = model;
    this.#functions = new Map(model.functions.map((found) => [`${found.domain}.${found.name}`, found]));
    this.#allowance = 8 * fileBytes + 2 ** 20;
  }

  /** Takes `elements` from what constants may expand to: 8 elements a byte of the file, and a million. @throws SHAPE when it is used up. */
  allow(elements: number): void {
    this.#allowance -= elements;
    if (!(this.#allowance >= 0)) throw new ThimbleError('SHAPE', 'the constants of the model expand to far more than the file holds');
  }

  run({ shapes = {}, constants = {} }: ImportOptions): Imported {
    const { graph: proto } = this.#model;
    const scope = new Scope();
    if (proto.sparse) throw new ThimbleError('UNSUPPORTED_OP', 'sparse initializers are not supported', { hint: 'store them dense' });
    for (const initializer of proto.initializers) scope.set(initializer.name, initializer);
    const given = proto.inputs.filter(({ name }) => scope.get(name) === undefined);
    checkNames('constants', constants, given);
    const inputs = given.flatMap((info) => {
      const constant = constants[info.name];
      if (constant) scope.set(info.name, this.#constantInput(info, constant));
      else {
        const port = this.#input(info, shapes);
        scope.set(info.name, { value: inside(port.value), elem: port.elem });
        return [port];
      }
      return [];
    });
    this.#body(
      proto.nodes,
      proto.outputs.map(({ name }) => name),
      scope,
      this.#model.opsets,
    );
    this.#throwFailures();
    const outputs = proto.outputs.map((info) => this.#output(info.name, this.lookup(scope, info.name)));
    const operators = new Map<string, number>();
    for (const node of proto.nodes) operators.set(domainName(node), (operators.get(domainName(node)) ?? 0) + 1);
    return { graph: this.graph, inputs, outputs, operators };
  }

  #input(info: ValueInfo, shapes: NonNullable<ImportOptions['shapes']>): Port {
    const { name } = info;
    if (info.kind !== 'tensor') throw new ThimbleError('UNSUPPORTED_OP', `input "${name}" is a ${info.kind}`, { expected: 'a tensor' });
    const elem = elemOf(info.elemType, name);
    if (elem === 'string') throw new ThimbleError('UNSUPPORTED_ATTR', 'inputs of strings are not supported', { node: name });
    return { name, elem, value: this.graph.input(name, { dtype: atBorder(elem), shape: shapeOf(info, shapes) }) };
  }

  #constantInput({ name, elemType }: ValueInfo, constant: Tensor): Operand {
    const elem = elemOf(elemType, name);
    const data = isFloat(elem) ? Float32Array.from(constant.data) : Int32Array.from(constant.data);
    return { elem, value: this.graph.constant({ dtype: held(elem), shape: constant.shape, data }, name) };
  }

  #output(name: string, binding: Binding): Port {
    if (binding === null || isSequence(binding)) {
      throw new ThimbleError('UNSUPPORTED_OP', `output "${name}" is a sequence or an empty optional`, { expected: 'a tensor' });
    }
    const { elem, value, count, countAxis: axis = 0 } = binding;
    const border = atBorder(elem);
    const exact = value.origin.kind === 'node' ? rounded(value, elem) : value;
    const outside = border === exact.dtype ? exact : cast(exact, { to: border });
    if (this.graph.inputs.some((input) => input.name === name)) {
      throw new ThimbleError('UNSUPPORTED_OP', `"${name}" is both an input and an output`);
    }
    this.graph.output(name, outside);
    if (!count) return { name, elem, value: outside };
    const counter = `${name}#count`;
    this.graph.output(counter, count);
    return { name, elem, value: outside, count: { name: counter, axis } };
  }

  /** Runs a subgraph with `bindings` for its inputs in the scope of `outer`; returns its outputs. */
  subgraph(proto: GraphProto, outer: Scope, bindings: readonly Binding[]): Binding[] {
    const scope = new Scope(outer);
    for (const initializer of proto.initializers) scope.set(initializer.name, initializer);
    proto.inputs.forEach(({ name }, i) => {
      scope.set(name, bindings[i] ?? null);
    });
    const names = proto.outputs.map(({ name }) => name);
    const failures = this.#failures.length;
    this.#body(proto.nodes, names, scope, this.#model.opsets);
    if (this.#failures.length > failures) this.#throwFailures();
    if (names.some((name) => this.#failed.has(name))) throw new FollowsFailure();
    return names.map((name) => this.lookup(scope, name));
  }

  lookup(scope: Scope, name: string): Binding {
    const found = scope.get(name);
    if (found === undefined) throw damaged(`nothing computes "${name}"`, name);
    if (!isInitializer(found)) return found;
    const { elem, shape, data } = tensorOf(found, this.externalData);
    const operand = { elem, value: this.graph.constant({ dtype: held(elem), shape, data }, name) };
    scope.set(name, operand);
    return operand;
  }

  /** Imports the nodes that `outputs` need, in their order. */
  #body(nodes: readonly NodeProto[], outputs: readonly string[], scope: Scope, opsets: ReadonlyMap<string, number>): void {
    for (const node of neededNodes(nodes, outputs)) {
      if (++this.#nodes > MAX_NODES) throw new ThimbleError('UNSUPPORTED_OP', `the model unrolls to more than ${MAX_NODES} nodes`);
      if (node.inputs.some((name) => this.#failed.has(name))) {
        for (const name of node.outputs) this.#failed.add(name);
        continue;
      }
      try {
        this.#node(node, scope, opsets);
      } catch (error) {
        if (!(error instanceof FollowsFailure)) this.#failures.push({ node, error: asThimbleError(error) });
        for (const name of node.outputs) this.#failed.add(name);
      }
    }
  }

  #node(node: NodeProto, scope: Scope, opsets: ReadonlyMap<string, number>): void {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.lookup(scope, name)));
    const called = this.#functions.get(`${node.domain}.${node.op}`);
    if (called) {
      this.#call(called, node, inputs, scope);
      return;
    }
    const context = new NodeContext(this, node, opsets.get(node.domain) ?? this.#model.opsets.get(node.domain) ?? 1, inputs, scope);
    const bindings = this.graph.scope(node.name || node.op, () => bind(rowOf(node)(context), context));
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const binding = bindings[i];
      if (binding === undefined) throw new ThimbleError('UNSUPPORTED_ATTR', `output ${i} is not supported`);
      scope.set(name, this.#folded(binding));
    });
  }

  #call(called: FunctionProto, node: NodeProto, inputs: readonly (Binding | undefined)[], outer: Scope): void {
    if (called.nodes.some(({ op, domain }) => op === called.name && domain === called.domain)) throw damaged('a function calls itself');
    const scope = new Scope();
    called.inputs.forEach((name, i) => {
      scope.set(name, inputs[i] ?? null);
    });
    const nodes = called.nodes.map((inner): NodeProto => {
      const attributes = [...inner.attributes].flatMap(([name, attribute]) => {
        if (!attribute.reference) return [[name, attribute] as const];
        const actual = node.attributes.get(attribute.reference) ?? called.defaults.get(attribute.reference);
        return actual ? [[name, actual] as const] : [];
      });
      return { ...inner, attributes: new Map(attributes) };
    });
    const failures = this.#failures.length;
    this.#body(nodes, called.outputs, scope, called.opsets);
    if (this.#failures.length > failures) this.#throwFailures();
    if (called.outputs.some((name) => this.#failed.has(name))) throw new FollowsFailure();
    node.outputs.forEach((name, i) => {
      if (name) outer.set(name, this.lookup(scope, called.outputs[i] ?? ''));
    });
  }

  /** Constants are computed at once, so that shapes and weights that follow from them are known. */
  #folded(binding: Binding): Binding {
    if (binding === null) return binding;
    if (isSequence(binding)) return { ...binding, items: binding.items.map((item) => this.#folded(item) as Operand) };
    const { value } = binding;
    if (value.origin.kind !== 'node' || !isConstant(value)) return binding;
    this.allow(sizeOf(value.shape));
    return { ...binding, value: this.graph.constant(evaluated(value), value.name) };
  }

  /** The error for a value that has to be known before the model runs, naming the inputs it follows from. */
  needsConstant(value: Value, what: string): ThimbleError {
    const names = inputsOf(value);
    return new ThimbleError('INPUT', `${what} must be known before the model runs`, {
      names,
      hint: names.length ? `give load the option \`constants: { ${names.map((name) => `"${name}": tensor`).join(', ')} }\`` : undefined,
    });
  }

  #throwFailures(): void {
    const [first] = this.#failures;
    if (!first) return;
    const errors = this.#failures.map(({ node, error }) => error.at({ op: node.op, node: node.name || node.outputs[0] }));
    const worst = errors.find(({ code }) => code === 'FORMAT') ?? (errors.length === 1 ? errors[0] : undefined);
    if (worst) throw worst;
    const names = [...new Set(errors.flatMap((error) => error.names ?? []))];
    const list = errors.map((error) => error.message).join('\n  ');
    const code = errors.every((error) => error.code === errors[0]?.code) ? (errors[0] as ThimbleError).code : 'UNSUPPORTED_OP';
    throw new ThimbleError(code, `${errors.length} nodes cannot be imported:\n  ${list}`, { names });
  }
}

/** The value as graphs hold it: bytes at the border become i32. */
const inside = (value: Value): Value => (value.dtype === 'f32' || value.dtype === 'i32' ? value : cast(value, { to: 'i32' }));

function asThimbleError(error: unknown): ThimbleError {
  if (error instanceof ThimbleError) return error;
  if (error instanceof RangeError) return new ThimbleError('SHAPE', `the sizes are out of range: ${error.message}`);
  throw error;
}

/** Result of a row → one binding an output, each with an element type. */
function bind(result: Result, context: NodeContext): (Binding | undefined)[] {
  const many: readonly (Value | Binding | undefined)[] = Array.isArray(result) ? result : [result as Value | Binding];
  return many.map((one) => (one && 'graph' in one ? { value: one, elem: elemFor(one, context) } : one));
}

/** The element type of input 0 where the value is held alike, else float32 or int64. */
function elemFor(value: Value, context: NodeContext): Elem {
  const first = context.arity > 0 ? context.binding(0) : undefined;
  if (first && !isSequence(first) && held(first.elem) === value.dtype) return first.elem;
  return value.dtype === 'f32' ? 'float32' : 'int64';
}

/** The nodes that `outputs` depend on, in file order. */
function neededNodes(nodes: readonly NodeProto[], outputs: readonly string[]): NodeProto[] {
  const needed = new Set(outputs);
  const kept: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => name !== '' && needed.has(name))) continue;
    kept.push(node);
    for (const name of node.inputs) needed.add(name);
    for (const { graph } of node.attributes.values()) if (graph) for (const name of namesUsed(graph)) needed.add(name);
  }
  return kept.reverse();
}

function namesUsed(graph: GraphProto): string[] {
  return [
    ...graph.outputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ inputs, attributes }) => [
      ...inputs,
      ...[...attributes.values()].flatMap((attribute) => (attribute.graph ? namesUsed(attribute.graph) : [])),
    ]),
  ];
}

/** Names of the graph inputs that `value` follows from. */
function inputsOf(value: Value, seen = new Set<Value>()): string[] {
  if (seen.has(value)) return [];
  seen.add(value);
  if (value.origin.kind === 'input') return [value.name];
  return value.origin.kind === 'node' ? value.origin.node.inputs.flatMap((input) => inputsOf(input, seen)) : [];
}

function checkNames(option: string, given: Readonly<Record<string, unknown>>, inputs: readonly ValueInfo[]): void {
  const names = inputs.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      throw new ThimbleError('INPUT', `${option}: the model has no input "${name}"`, { expected: names.join(', ') });
  }
}

function shapeOf({ name, dims }: ValueInfo, shapes: NonNullable<ImportOptions['shapes']>): number[] {
  const given = shapes[name];
  if (Array.isArray(given)) {
    const fits =
      dims.length === 0 || (given.length === dims.length && dims.every((n, i) => typeof n === 'string' || n <= 0 || n === given[i]));
    if (!fits) {
      throw new ThimbleError('SHAPE', `shapes: input "${name}" cannot have shape ${formatShape(given)}`, {
        expected: `[${dims.join(', ')}]`,
      });
    }
    return [...given];
  }
  return dims.map((n, axis) => {
    if (typeof n === 'number' && n >= 0) return n;
    const extent = shapes[n];
    if (typeof extent === 'number') return extent;
    if (axis === 0) return 1;
    throw new ThimbleError('SHAPE', `input "${name}" leaves an extent open`, {
      got: `[${dims.join(', ')}]`,
      hint: `give load the option \`shapes: { "${name}": [...] }\``,
    });
  });
}
