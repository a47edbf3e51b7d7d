import { allocate, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import type { Imported, Port } from '../formats/imported.ts';
import type { Value } from '../ir/graph.ts';
import { stream, type Variable } from '../ir/variable.ts';
import { beforeUpdates, updateStates } from '../ops/updateStates.ts';
import { Rewriting } from '../passes/rewrite.ts';

export interface Contents {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

/**
 * The model with inputs that hold what an output had at the call before (`states`: output by input) as state in its memory, where nothing need be
 * copied out and in. Such inputs and outputs are no longer fed nor returned.
 * @param firsts first contents by input, where they are not zeros.
 * @param memory what holds the state of each input, to which is added: graphs of one program that are given the same share it.
 * @throws INPUT for names the model does not have, SHAPE where the two differ in type.
 */
export function bindStates(
  imported: Imported,
  states: Readonly<Record<string, string>>,
  firsts: ReadonlyMap<string, Contents> = new Map(),
  memory = new Map<string, Variable>(),
): Imported {
  const pairs = Object.entries(states).map(([input, output]) => pairOf(imported, input, output));
  if (pairs.length === 0) return imported;
  const { graph: source } = imported;
  const bound = { inputs: new Set(pairs.map(({ input }) => input)), outputs: new Set(pairs.map(({ output }) => output)) };
  if (bound.outputs.size < pairs.length) throw new ThimbleError('INPUT', 'states: an output is the next value of two inputs');
  const inputs = imported.inputs.filter((port) => !bound.inputs.has(port));
  const to = new Rewriting(
    source,
    source.name,
    inputs.map(({ value }) => value),
  );
  const updates = pairs.map(({ input: { name, value }, output }) => {
    const first = firsts.get(name);
    const variable = memory.get(name) ?? stream(name, value, first && fitting(value, first));
    if (variable.dtype !== value.dtype || !sameShape(variable.shape, value.shape)) {
      throw new ThimbleError('SHAPE', `states: "${name}" is not the same in all signatures`, {
        expected: `${variable.dtype} ${formatShape(variable.shape)}`,
        got: `${value.dtype} ${formatShape(value.shape)}`,
      });
    }
    memory.set(name, variable);
    const state = to.target.state(variable);
    to.set(value, state);
    return { state, next: output.value };
  });
  for (const node of source.nodes) to.keep(node);
  const dropped = new Set([...bound.outputs].map(({ name }) => name));
  for (const { name, value } of source.outputs) if (!dropped.has(name)) to.target.output(name, beforeUpdates(to.of(value)));
  updateStates(updates.map(({ state, next }) => ({ state, next: to.of(next) })));
  return {
    ...imported,
    graph: to.target,
    inputs: inputs.map((port) => ({ ...port, value: to.of(port.value) })),
    outputs: imported.outputs.filter((port) => !bound.outputs.has(port)).map((port) => ({ ...port, value: to.of(port.value) })),
  };
}

/**
 * The same of the signatures of one model: a state is that of all which have its input, as prefill and decoding have one cache.
 * @throws INPUT for names that none has, SHAPE where they differ in type.
 */
export function bindShared(signatures: readonly Imported[], states: Readonly<Record<string, string>>): Imported[] {
  const memory = new Map<string, Variable>();
  const has = ({ inputs }: Imported, input: string) => inputs.some(({ name }) => name === input);
  return signatures.map((imported, i) => {
    const own = Object.entries(states).filter(
      ([input]) => has(imported, input) || (i === 0 && !signatures.some((other) => has(other, input))),
    );
    return bindStates(imported, Object.fromEntries(own), undefined, memory);
  });
}

/** What makes the contents `first` of `state`, in its element type. */
function fitting({ name, dtype, shape }: Value, first: Contents): () => TypedArray {
  if (!sameShape(first.shape, shape)) {
    throw new ThimbleError('SHAPE', `the first contents of state "${name}" do not fit`, {
      expected: formatShape(shape),
      got: formatShape(first.shape),
    });
  }
  const contents = allocate(dtype, first.data.length);
  contents.set(first.data);
  return () => contents;
}

function pairOf({ inputs, outputs }: Imported, inputName: string, outputName: string): { readonly input: Port; readonly output: Port } {
  const input = portOf(inputs, inputName, 'input');
  const output = portOf(outputs, outputName, 'output');
  if (input.elem !== output.elem || !sameShape(input.value.shape, output.value.shape)) {
    throw new ThimbleError('SHAPE', `states: "${outputName}" cannot be the next "${inputName}"`, {
      expected: `${input.elem} ${formatShape(input.value.shape)}`,
      got: `${output.elem} ${formatShape(output.value.shape)}`,
    });
  }
  if (output.count) throw new ThimbleError('SHAPE', `states: the extent of "${outputName}" is known at run time only`);
  return { input, output };
}

function portOf(ports: readonly Port[], name: string, kind: string): Port {
  const port = ports.find((candidate) => candidate.name === name);
  if (port) return port;
  throw new ThimbleError('INPUT', `states: the model has no ${kind} "${name}"`, { expected: ports.map((known) => known.name).join(', ') });
}
