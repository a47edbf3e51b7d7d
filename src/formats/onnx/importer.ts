import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Shaped } from '../../core/tensor.ts';
import { Graph, type Value } from '../../ir/graph.ts';
import { cast } from '../../ops/cast.ts';
import { evaluate, evaluated, isConstant, workOf } from '../../ops/evaluate.ts';
import { rounded } from '../halves.ts';
import type { Imported, Port } from '../imported.ts';
import { part } from '../moves.ts';
import { neededNodes, withAttributes } from './bodies.ts';
import { borderBytes } from './bytes.ts';
import { NodeContext } from './context.ts';
import { atBorder, elemOf, held, isFloat, tensorOf } from './elements.ts';
import { checkExact } from './exact.ts';
import type { ExternalFiles } from './external.ts';
import { fixedSizes } from './open/extents.ts';
import { rowFor } from './open/rules.ts';
import { type Binding, isSequence, type Operand } from './operand.ts';
import { domainName } from './operators.ts';
import { checkDistinct, checkNames, checkShapeNames, fits, type ImportOptions, shapeOf } from './options.ts';
import type { FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfo } from './proto.ts';
import { damaged } from './protobuf.ts';
import { type QuantizedGroup, quantizedGroups } from './quantizedGroups.ts';
import { isInitializer, Scope } from './scope.ts';

/** Loops are unrolled: operators beyond this are refused. */
const MAX_NODES = 2 ** 15;
/** Nodes of bodies, each time they are imported: a body may be long without adding an operator. */
const MAX_VISITS = 2 ** 18;
/** Functions and subgraphs one inside the other: more than any model has. */
const DEPTH = 64;
/** Elements of constants for each byte of the files: weights are permuted, packed and folded, each time anew. */
const ELEMENTS_PER_BYTE = 16;
const WORK_PER_BYTE = 64;
/** Bytes of a budget that allow as much as a byte of a file: constants may fill it, in each of their forms on the way. */
const BUDGET_PER_BYTE = 8;

/** A body cannot be imported because of nodes that are on the list of failures already. */
class FollowsFailure extends Error {}

/** Turns one ONNX model into one graph. */
export class Importer {
  readonly graph: Graph;
  readonly externalFiles: ExternalFiles;
  readonly groups: ReadonlyMap<string, QuantizedGroup>;
  readonly #model: ModelProto;
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #failures: { node: NodeProto; error: ThimbleError }[] = [];
  readonly #failed = new Set<string>();
  /** Those of the function that is being imported, else those of the model. */
  #opsets: ReadonlyMap<string, number>;
  #visits = 0;
  /** Functions and subgraphs that are being imported, one inside the other. */
  #depth = 0;
  readonly #limits = { nodes: MAX_NODES, elements: 2 ** 22 };
  /** Elements and multiply-accumulates that may be computed at import; what is beyond is left to the program. */
  #work = 2 ** 24;

  /** @param budget bytes that the caller gives the model, whatever its file says. */
  constructor(model: ModelProto, fileBytes: number, externalFiles: ExternalFiles = new Map(), budget = 0) {
    this.graph = new Graph('infer', this.#limits);
    this.externalFiles = externalFiles;
    this.groups = quantizedGroups(model.graph);
    this.#model = model;
    this.#opsets = model.opsets;
    this.#functions = new Map(model.functions.map((found) => [`${found.domain}.${found.name}`, found]));
    this.#allow(fileBytes + budget / BUDGET_PER_BYTE);
  }

  /** Bytes of files allow constants, and work at import, in proportion. */
  #allow(bytes: number): void {
    this.#limits.elements += ELEMENTS_PER_BYTE * bytes;
    this.#work += WORK_PER_BYTE * bytes;
  }

  run({ shapes = {}, constants = {} }: ImportOptions): Imported {
    const { graph: proto } = this.#model;
    const scope = new Scope();
    if (proto.sparse) throw new ThimbleError('UNSUPPORTED_OP', 'sparse initializers are not supported', { hint: 'store them dense' });
    for (const initializer of proto.initializers) scope.set(initializer.name, initializer);
    const given = proto.inputs.filter(({ name }) => scope.get(name) === undefined);
    checkDistinct('inputs', given);
    checkDistinct('outputs', proto.outputs);
    checkNames('constants', constants, given);
    checkShapeNames(shapes, proto.inputs);
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

  #constantInput(info: ValueInfo, constant: Shaped): Operand {
    const { name } = info;
    const elem = elemOf(info.elemType, name);
    const { shape, data } = constant;
    if (data instanceof Float32Array !== isFloat(elem) || data.length !== sizeOf(shape) || !fits(info.dims, shape)) {
      throw new ThimbleError('INPUT', `constants: "${name}" does not fit`, {
        expected: `${elem} [${info.dims.join(', ')}]`,
        got: `${data.constructor.name} of ${data.length}, ${formatShape(shape)}`,
      });
    }
    this.#allow(data.byteLength);
    const held = isFloat(elem) ? data : Int32Array.from(data);
    return { elem, value: this.graph.constant({ dtype: isFloat(elem) ? 'f32' : 'i32', shape, data: held }, name) };
  }

  #output(name: string, binding: Binding): Port {
    if (binding === null || isSequence(binding)) {
      throw new ThimbleError('UNSUPPORTED_OP', `output "${name}" is a sequence or an empty optional`, { expected: 'a tensor' });
    }
    const { elem, value, count, countAxis: axis = 0 } = binding;
    const border = atBorder(elem);
    const exact = value.origin.kind === 'node' ? rounded(value, elem) : value;
    const outside = border === exact.dtype ? exact : (borderBytes(exact, elem) ?? cast(exact, { to: border }));
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
    this.#body(proto.nodes, names, scope);
    if (this.#failures.length > failures || names.some((name) => this.#failed.has(name))) throw new FollowsFailure();
    return names.map((name) => this.lookup(scope, name));
  }

  /** `subgraph`, or undefined where it fails by shapes alone. */
  subgraphIfShapesFit(proto: GraphProto, outer: Scope): Binding[] | undefined {
    const failures = this.#failures.length;
    const failed = new Set(this.#failed);
    try {
      return this.subgraph(proto, outer, []);
    } catch (error) {
      const own = this.#failures.slice(failures);
      if (!(error instanceof FollowsFailure) || !own.every((failure) => failure.error.code === 'SHAPE')) throw error;
      this.#failures.length = failures;
      for (const name of this.#failed) if (!failed.has(name)) this.#failed.delete(name);
      return undefined;
    }
  }

  lookup(scope: Scope, name: string): Binding {
    const found = scope.get(name);
    if (found === undefined) throw damaged(`nothing computes "${name}"`, name);
    if (!isInitializer(found)) return found;
    const { elem, shape, data } = tensorOf(found, this.externalFiles);
    if (found.external) this.#allow(data.byteLength);
    const operand = { elem, value: this.graph.constant({ dtype: held(elem), shape, data }, name) };
    scope.replace(name, operand);
    return operand;
  }

  /** Imports the nodes that `outputs` need, in their order. */
  #body(nodes: readonly NodeProto[], outputs: readonly string[], scope: Scope): void {
    this.#visits += 1 + nodes.length;
    if (this.#visits > MAX_VISITS) throw new ThimbleError('UNSUPPORTED_OP', `the model unrolls to more than ${MAX_VISITS} nodes`);
    if (this.#depth > DEPTH) throw damaged('functions or subgraphs are nested without end');
    this.#depth++;
    for (const node of neededNodes(nodes, outputs)) {
      if (node.inputs.some((name) => this.#failed.has(name))) {
        for (const name of node.outputs) this.#failed.add(name);
        continue;
      }
      try {
        this.#node(node, scope);
      } catch (error) {
        if (!(error instanceof FollowsFailure)) this.#failures.push({ node, error: asThimbleError(error) });
        for (const name of node.outputs) this.#failed.add(name);
      }
    }
    this.#depth--;
  }

  #node(node: NodeProto, scope: Scope): void {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.lookup(scope, name)));
    const called = this.#functions.get(`${node.domain}.${node.op}`);
    if (called) {
      this.#call(called, node, inputs, scope);
      return;
    }
    const context = new NodeContext(this, node, this.#opsets.get(node.domain) ?? this.#model.opsets.get(node.domain) ?? 1, inputs, scope);
    const bindings = this.graph.scope(node.name || node.op, () => context.bound(rowFor(context)(context)));
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const binding = bindings[i];
      if (binding === undefined) throw new ThimbleError('UNSUPPORTED_ATTR', `output ${i} is not supported`);
      scope.set(name, this.#folded(binding));
    });
  }

  #call(called: FunctionProto, node: NodeProto, inputs: readonly (Binding | undefined)[], caller: Scope): void {
    const scope = new Scope();
    called.inputs.forEach((name, i) => {
      scope.set(name, inputs[i] ?? null);
    });
    const nodes = withAttributes(called.nodes, (name) => node.attributes.get(name) ?? called.defaults.get(name));
    const failures = this.#failures.length;
    const outer = this.#opsets;
    this.#opsets = called.opsets;
    try {
      this.#body(nodes, called.outputs, scope);
    } finally {
      this.#opsets = outer;
    }
    if (this.#failures.length > failures || called.outputs.some((name) => this.#failed.has(name))) throw new FollowsFailure();
    node.outputs.forEach((name, i) => {
      if (name) caller.set(name, this.lookup(scope, called.outputs[i] ?? ''));
    });
  }

  /** Constants are computed at once, so that shapes and weights that follow from them are known. */
  #folded(binding: Binding): Binding {
    if (binding === null) return binding;
    if (isSequence(binding)) return { ...binding, items: binding.items.map((item) => this.#folded(item) as Operand) };
    const { value, elem, count, countAxis = 0 } = binding;
    // What is found in constants has a known size.
    if (count && isConstant(count)) return this.#folded({ elem, value: part(value, countAxis, 0, evaluate(count)[0] as number) });
    if (value.origin.kind !== 'node') return binding;
    const known = isConstant(value) ? undefined : fixedSizes(value);
    if (known) return { elem, value: this.graph.constant({ dtype: 'i32', shape: value.shape, data: known }, value.name) };
    if (!isConstant(value)) return binding;
    const work = workOf(value);
    if (work > this.#work || sizeOf(value.shape) > this.#limits.elements) return binding;
    this.#work -= work;
    checkExact(value, binding.elem, value.name);
    return { ...binding, value: this.graph.constant(evaluated(value), value.name) };
  }

  /** The error for a value that has to be known before the model runs, naming the inputs it follows from. */
  needsConstant(value: Value, what: string): ThimbleError {
    const names = inputsOf(value);
    return new ThimbleError('UNSUPPORTED_ATTR', `${what} must be known before the model runs`, {
      names,
      hint: names.length ? `give load the option \`constants: { ${names.map((name) => `"${name}": tensor`).join(', ')} }\`` : undefined,
    });
  }

  /** One error for all nodes that cannot be imported; each reason once, however often loops and functions repeat it. */
  #throwFailures(): void {
    const errors = new Map<string, ThimbleError>();
    for (const { node, error } of this.#failures) {
      const placed = error.at({ op: domainName(node), node: node.name || node.outputs[0] });
      errors.set(placed.message, placed);
    }
    const all = [...errors.values()];
    const [first] = all;
    if (!first) return;
    const worst = all.find(({ code }) => code === 'FORMAT') ?? (all.length === 1 ? first : undefined);
    if (worst) throw worst;
    const names = [...new Set(all.flatMap((error) => error.names ?? []))];
    const code = all.every((error) => error.code === first.code) ? first.code : 'UNSUPPORTED_OP';
    throw new ThimbleError(code, `${all.length} nodes cannot be imported:\n  ${[...errors.keys()].join('\n  ')}`, { names });
  }
}

/** The value as graphs hold it: bytes at the border become i32. */
const inside = (value: Value): Value => (value.dtype === 'f32' || value.dtype === 'i32' ? value : cast(value, { to: 'i32' }));

/** An error of importing a node. Operands of the wrong type are not what the operator's definition allows: the file is wrong. */
function asThimbleError(error: unknown): ThimbleError {
  if (error instanceof ThimbleError) return error.code === 'DTYPE' ? error.as('FORMAT') : error;
  if (error instanceof RangeError) return new ThimbleError('SHAPE', `the sizes are out of range: ${error.message}`);
  // What rows take for granted does not hold: a file that its producer did not check.
  if (error instanceof TypeError)
    return new ThimbleError('FORMAT', 'its operands or attributes are not those of the operator', { cause: error });
  throw error;
}

/** Names of the graph inputs that `value` follows from. */
function inputsOf(value: Value, seen = new Set<Value>()): string[] {
  if (seen.has(value)) return [];
  seen.add(value);
  if (value.origin.kind === 'input') return [value.name];
  return value.origin.kind === 'node' ? value.origin.node.inputs.flatMap((input) => inputsOf(input, seen)) : [];
}
