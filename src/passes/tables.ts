import { sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import type { RefTensor } from '../ops/define.ts';
import { lookup, lookupTable } from '../ops/lookup.ts';
import { opOf } from '../ops/registry.ts';
import { rewrite } from './rewrite.ts';

/** Operators that make an i8 of those at the same place. */
const POINTWISE = new Set(['lookup', 'addInt8', 'mulInt8']);

/** An i8 as a function of another: its result for each of the 256 numbers. */
interface Table {
  readonly x: Value;
  readonly entries: Float64Array;
}

const BYTES = Float64Array.from(lookupTable((x) => x));

/**
 * Operators on 8-bit numbers that all follow from one become one table of its 256 results, as do tables one after the other: a GELU that is written out in
 * quantized steps is a `lookup`. The bits are the same.
 */
export function joinTables(source: Graph): Graph {
  const known = new Map<Value, Table>();
  return rewrite(source, (node, inputs, to) => {
    const table = POINTWISE.has(node.op) ? tableOf(node, inputs, known) : undefined;
    if (!table) return undefined;
    const isPlain = node.op === 'lookup' && table.x === inputs[0];
    const y = isPlain ? (to.apply(node, inputs)[0] as Value) : to.target.named(node.name, () => asLookup(table));
    known.set(y, table);
    return [y];
  });
}

const asLookup = ({ x, entries }: Table): Value =>
  lookup([x, x.graph.constant({ dtype: 'i8', shape: [256], data: Int8Array.from(entries) })]);

function tableOf(node: Node, inputs: readonly Value[], known: ReadonlyMap<Value, Table>): Table | undefined {
  const [y] = node.outputs as [Value];
  const isFixed = ({ origin, shape }: Value, i: number) =>
    origin.kind === 'const' && (sizeOf(shape) === 1 || (node.op === 'lookup' && i === 1));
  const tables = inputs.filter((value, i) => !isFixed(value, i)).map((x) => known.get(x) ?? { x, entries: BYTES });
  const [first] = tables;
  if (!first || tables.some(({ x }) => x !== first.x || x.shape.join() !== y.shape.join())) return undefined;
  const operands = inputs.map((value, i): RefTensor => {
    if (!isFixed(value, i)) return { dtype: 'i8', shape: [256], data: (known.get(value) ?? { entries: BYTES }).entries };
    const data = Float64Array.from(dataOf(value));
    return { dtype: 'i8', shape: data.length === 1 ? [] : [data.length], data };
  });
  const [entries] = opOf(node).ref(operands, node.attrs, [{ dtype: 'i8', shape: [256] }]);
  return { x: first.x, entries: entries as Float64Array };
}
