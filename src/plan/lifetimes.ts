import { alignUp } from '../core/bytes.ts';
import { byteLength } from '../core/tensor.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { rootOf } from '../ir/root.ts';

/** What the planner must know of an operator; `ops/` satisfies it. */
export interface StorageFacts {
  readonly inplace?: readonly number[] | ((node: Node) => readonly number[]);
  readonly view?: true;
}

/** A piece of memory that one or more values share over its lifetime: views, and results written over an operand that dies. */
export interface Buffer {
  readonly label: string;
  /** Rounded up to the alignment. */
  readonly bytes: number;
  /** Positions (indexes of nodes) of the first write and the last use, both inclusive. */
  first: number;
  last: number;
  /** Byte offset in the arena; set by `place`. */
  offset: number;
}

/** Where a value lives. */
export type Storage =
  | { readonly kind: 'arena'; readonly buffer: Buffer }
  | { readonly kind: 'input' | 'output'; readonly name: string }
  | { readonly kind: 'const' | 'state'; readonly value: Value };

export interface Lifetimes {
  /** Where each value lives. */
  readonly storage: ReadonlyMap<Value, Storage>;
  /** Scratch buffers of each node, in the order it declared them. */
  readonly scratch: ReadonlyMap<Node, readonly Buffer[]>;
  /** All arena buffers, scratch included. */
  readonly buffers: readonly Buffer[];
}

/**
 * Assigns every value of a scheduled graph to a region and computes the lifetimes of the arena's buffers. Views share their operand's
 * buffer; an in-place operator takes over an operand's buffer where nobody reads it later. Graph outputs go to the io region.
 */
export function lifetimes(graph: Graph, facts: (node: Node) => StorageFacts, scratchBytes: (node: Node) => readonly number[]): Lifetimes {
  const lastUse = new Map<Value, number>();
  graph.nodes.forEach((node, position) => {
    for (const value of node.inputs) lastUse.set(value, position);
  });
  const pinned = pinnedOutputs(graph, facts);
  const storage = new Map<Value, Storage>();
  const scratch = new Map<Node, readonly Buffer[]>();
  const buffers: Buffer[] = [];

  const locate = (value: Value): Storage => {
    let place = storage.get(value);
    if (!place) {
      const { kind } = value.origin;
      if (kind === 'node') throw new Error(`"${value.name}" is read before it is written`);
      place = kind === 'input' ? { kind, name: value.name } : { kind, value };
      storage.set(value, place);
    }
    return place;
  };
  const create = (label: string, bytes: number, position: number): Buffer => {
    const buffer = { label, bytes: alignUp(bytes), first: position, last: position, offset: 0 };
    buffers.push(buffer);
    return buffer;
  };
  const hold = (value: Value, buffer: Buffer, position: number) => {
    buffer.last = Math.max(buffer.last, lastUse.get(value) ?? position);
    storage.set(value, { kind: 'arena', buffer });
  };
  /** The buffer of a dying operand that output 0 of `node` may overwrite. */
  const reusable = (node: Node, inplace: readonly number[], position: number): Buffer | undefined => {
    const output = node.outputs[0] as Value;
    for (const index of inplace) {
      const operand = node.inputs[index];
      const place = operand && locate(operand);
      if (place?.kind !== 'arena') continue;
      const { buffer } = place;
      const dies = buffer.last <= position;
      const readElsewhere = node.inputs.some((value, i) => !inplace.includes(i) && isIn(locate(value), buffer));
      // Of exactly the same size: a smaller operand repeats under broadcasting, or has narrower elements, and would be overwritten too early.
      if (dies && !readElsewhere && byteLength(operand as Value) === byteLength(output)) return buffer;
    }
    return undefined;
  };

  graph.nodes.forEach((node, position) => {
    const { view } = facts(node);
    const inplace = inplaceInputs(facts(node), node);
    for (const value of node.inputs) locate(value);
    scratch.set(
      node,
      scratchBytes(node).map((bytes, i) => create(`${node.name} scratch ${i}`, bytes, position)),
    );
    node.outputs.forEach((output, index) => {
      const outputName = pinned.get(output);
      const source = view && index === 0 ? locate(node.inputs[0] as Value) : undefined;
      if (source?.kind === 'arena') hold(output, source.buffer, position);
      else if (source) storage.set(output, source);
      else if (outputName !== undefined) storage.set(output, { kind: 'output', name: outputName });
      else {
        const taken = index === 0 ? reusable(node, inplace, position) : undefined;
        hold(output, taken ?? create(output.name, byteLength(output), position), position);
      }
    });
  });
  return { storage, scratch, buffers };
}

/** The inputs of `node` whose buffer output 0 may take over. */
export const inplaceInputs = ({ inplace = [] }: StorageFacts, node: Node): readonly number[] =>
  typeof inplace === 'function' ? inplace(node) : inplace;

const isIn = (place: Storage, buffer: Buffer): boolean => place.kind === 'arena' && place.buffer === buffer;

/** The values that are written straight into the io region: each output, seen through views. */
function pinnedOutputs(graph: Graph, facts: (node: Node) => StorageFacts): Map<Value, string> {
  const pinned = new Map<Value, string>();
  for (const { name, value } of graph.outputs) {
    const root = rootOf(value, facts);
    if (root.origin.kind !== 'node' || pinned.has(root)) throw new Error(`output "${name}" needs a copy: it shares "${root.name}"`);
    pinned.set(root, name);
  }
  return pinned;
}

/** Bytes alive at each position. */
export function liveBytes(buffers: readonly Buffer[], positions: number): number[] {
  const change = new Array<number>(positions + 1).fill(0);
  for (const { first, last, bytes } of buffers) {
    change[first] = (change[first] as number) + bytes;
    change[last + 1] = (change[last + 1] as number) - bytes;
  }
  let sum = 0;
  return change.slice(0, positions).map((bytes) => {
    sum += bytes;
    return sum;
  });
}

/** No placement can be smaller: the most bytes alive at once. */
export const lowerBound = (buffers: readonly Buffer[]): number =>
  Math.max(0, ...liveBytes(buffers, Math.max(0, ...buffers.map((buffer) => buffer.last + 1))));
