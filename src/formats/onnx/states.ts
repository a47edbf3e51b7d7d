import { ThimbleError } from '../../core/errors.ts';
import { type FileTensor, tensorOf } from './elements.ts';
import type { ModelProto } from './proto.ts';

/** An input that is state: the output that is its next value, and the initializer with its first where that is not zeros. */
export interface StatePorts {
  readonly next: string;
  readonly first?: string;
}

const KEY = 'thimble.states';

/** States by input as metadata (metadata_props): ONNX itself has none. */
export const metadataOfStates = (states: Readonly<Record<string, StatePorts>>): Record<string, string> =>
  Object.keys(states).length ? { [KEY]: JSON.stringify(states) } : {};

/** The states that a file's metadata names, by input, with their first contents. @throws FORMAT where they are damaged. */
export function statesOf({ metadata, graph }: ModelProto): ReadonlyMap<string, StatePorts & { readonly contents?: FileTensor }> {
  const text = metadata.get(KEY);
  if (text === undefined) return new Map();
  let states: unknown;
  try {
    states = JSON.parse(text);
  } catch {
    throw damagedStates('it is no JSON');
  }
  if (typeof states !== 'object' || states === null) throw damagedStates('it is no object');
  const has = (ports: readonly { readonly name: string }[], name: unknown) => ports.some((port) => port.name === name);
  const entries = Object.entries(states as Record<string, StatePorts>);
  for (const [input, ports] of entries) {
    if (!has(graph.inputs, input)) throw damagedStates(`the model has no input "${input}"`);
    if (!has(graph.outputs, ports?.next)) throw damagedStates(`the model has no output "${ports?.next}"`);
  }
  if (new Set(entries.map(([, { next }]) => next)).size < entries.length) throw damagedStates('an output is the next value of two inputs');
  return new Map(
    entries.map(([input, ports]) => {
      if (ports.first === undefined) return [input, ports];
      const proto = graph.initializers.find(({ name }) => name === ports.first);
      if (!proto) throw damagedStates(`the model has no initializer "${ports.first}"`);
      return [input, { ...ports, contents: tensorOf(proto) }];
    }),
  );
}

const damagedStates = (what: string): ThimbleError => new ThimbleError('FORMAT', `the metadata "${KEY}" is damaged: ${what}`);
