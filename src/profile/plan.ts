import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { byteLength } from '../core/tensor.ts';
import type { Node } from '../ir/graph.ts';
import { opOf } from '../ops/registry.ts';
import type { Program, StoredPlan } from '../program/format.ts';
import type { LoweredMethod } from '../program/lower.ts';

const bufferKinds = ['activations', 'gradients', 'scratch'] as const;

/** A piece of the arena: where it lies, when it is alive, whose it is. */
export interface ProfiledBuffer {
  readonly label: string;
  readonly layer: string;
  readonly kind: (typeof bufferKinds)[number];
  readonly bytes: number;
  readonly offset: number;
  /** Steps of the first write and the last use. */
  readonly first: number;
  readonly last: number;
}

export interface PlannedNode {
  readonly name: string;
  readonly op: string;
  readonly layer: string;
  /** Of its first output. */
  readonly shape: string;
  /** Kernel calls. */
  readonly calls: number;
  /** Bytes of its inputs and outputs, each once. */
  readonly movedBytes: number;
  readonly macs: number;
}

/** What a profile must know of a method besides its program. A `.thimble` file may hold it, for there is no graph in it. */
export interface MethodPlan {
  readonly name: string;
  readonly nodes: readonly PlannedNode[];
  readonly buffers: readonly ProfiledBuffer[];
  /** Bytes of constants by layer. */
  readonly constants: Readonly<Record<string, number>>;
}

/** Layer of nodes that belong to none: in training and evaluation the loss and what reduces it. */
const LOSS = 'loss';
const OTHERS = 'others';

/** What the bytes of a planned method are for, by node and by buffer. */
export function planOf({ graph, lowered, lifetimes }: LoweredMethod): MethodPlan {
  const loose = graph.inputs.some(({ name }) => name === 'labels') ? LOSS : OTHERS;
  const known = new Set(graph.nodes.filter((node) => !opOf(node).mutates?.length).map((node) => layerOfName(node.name) ?? loose));
  const layers = new Map(graph.nodes.map((node) => [node.name, layerOfNode(node, known) ?? loose]));
  const buffers = lifetimes.buffers
    .filter(({ bytes }) => bytes > 0)
    .map(({ label, bytes, offset, first, last }): ProfiledBuffer => {
      const owner = label.replace(/ scratch \d+$/, '').replace(/:\d+$/, '');
      const kind = owner !== label && / scratch \d+$/.test(label) ? 'scratch' : label.includes('/grad/') ? 'gradients' : 'activations';
      return { label, layer: layers.get(owner) ?? layerOfName(owner) ?? loose, kind, bytes, offset, first, last };
    });
  const nodes = graph.nodes.map((node): PlannedNode => {
    const op = opOf(node);
    const moved = new Set([...node.inputs, ...node.outputs]);
    return {
      name: node.name,
      op: node.op,
      layer: layers.get(node.name) as string,
      shape: formatShape(node.outputs[0]?.shape ?? []),
      calls: lowered.get(node)?.steps.length ?? 0,
      movedBytes: op.view ? 0 : [...moved].reduce((sum, value) => sum + byteLength(value), 0),
      macs: op.macs?.(node.inputs, node.attrs, node.outputs) ?? 0,
    };
  });
  const constants: Record<string, number> = {};
  const seen = new Set<unknown>();
  for (const node of graph.nodes) {
    for (const { origin } of node.inputs) {
      if (origin.kind !== 'const' || seen.has(origin.data)) continue;
      seen.add(origin.data);
      const layer = layers.get(node.name) as string;
      constants[layer] = (constants[layer] ?? 0) + origin.data.byteLength;
    }
  }
  return { name: graph.name, nodes, buffers, constants };
}

/**
 * `dense/kernel` belongs to `dense`; a moment, `dense/kernel/momentum`, too; `backbone/stem/Conv/conv2d/weights`, of a fine-tuned model, to the layer
 * `stem/Conv` of the model it comes from.
 * @param known the layers there are.
 */
export function layerOfVariable(name: string, role: string, known: ReadonlySet<string>): string {
  const path = name.split('/').slice(0, role === 'moment' ? -2 : -1);
  const layer = path.join('/') || name;
  const imported = path.slice(1, -1).join('/');
  return !known.has(layer) && path[0] === 'backbone' && known.has(imported) ? imported : layer;
}

function layerOfNode(node: Node, known: ReadonlySet<string>): string | undefined {
  const mutated = opOf(node).mutates?.length ? node.inputs.find(({ origin }) => origin.kind === 'state') : undefined;
  if (mutated?.origin.kind === 'state') {
    const { name, role } = mutated.origin.variable;
    return role === 'counter' ? undefined : layerOfVariable(name, role, known);
  }
  return layerOfName(node.name);
}

/** Names are `layer/op`, and behind them the operators of its gradient; nothing for what has no layer. */
function layerOfName(name: string): string | undefined {
  const forward = name.split('/grad/')[0] as string;
  const at = forward.lastIndexOf('/');
  return at > 0 ? forward.slice(0, at) : undefined;
}

/** `program` with the plans of `methods`, so that its file can be profiled. */
export const withPlans = (program: Program, methods: Readonly<Record<string, LoweredMethod>>): Program => ({
  ...program,
  plans: Object.fromEntries(Object.entries(methods).map(([name, lowered]) => [name, stored(planOf(lowered))])),
});

const stored = ({ nodes, buffers, constants }: MethodPlan): StoredPlan => ({
  nodes: nodes.map(({ name, op, layer, shape, calls, movedBytes, macs }) => [name, op, layer, shape, calls, movedBytes, macs]),
  buffers: buffers.map(({ label, layer, kind, bytes, offset, first, last }) => [label, layer, kind, bytes, offset, first, last]),
  constants,
});

/** The plan of method `name` in the program of a `.thimble` file; undefined where it holds none. @throws FORMAT where it does not fit the method. */
export function planIn({ plans, methods, regions }: Program, name: string): MethodPlan | undefined {
  const plan = plans?.[name];
  const method = methods[name];
  if (!plan || !method) return undefined;
  const fits = [plan.nodes, plan.buffers].every((rows) => Array.isArray(rows) && rows.every((row) => isRow(row)));
  if (!fits) throw damaged(name);
  const buffers = plan.buffers.map(([label, layer, kind, bytes, offset, first, last]): ProfiledBuffer => {
    const known = bufferKinds.find((candidate) => candidate === kind);
    if (!known || offset + bytes > regions.arena.bytes || first > last || last >= plan.nodes.length) throw damaged(name);
    return { label, layer, kind: known, bytes, offset, first, last };
  });
  const nodes = plan.nodes.map(([node, op, layer, shape, calls, movedBytes, macs]) => ({
    name: node,
    op,
    layer,
    shape,
    calls,
    movedBytes,
    macs,
  }));
  if (nodes.reduce((sum, { calls }) => sum + calls, 0) * 2 !== method.calls.length) throw damaged(name);
  const constants = Object.entries(plan.constants ?? {}).filter(([, bytes]) => isCount(bytes));
  return { name, nodes, buffers, constants: Object.fromEntries(constants) };
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** Texts first, then whole numbers: what both tables are made of. */
function isRow(row: unknown): boolean {
  if (!Array.isArray(row) || row.length !== 7) return false;
  const texts = row.findIndex((value) => typeof value !== 'string');
  return (texts === 3 || texts === 4) && row.slice(texts).every(isCount);
}

const damaged = (method: string): ThimbleError =>
  new ThimbleError('FORMAT', `the plan of "${method}" in the .thimble file does not fit its program`, { hint: 'write the file again' });
