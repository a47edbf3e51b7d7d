import { sizeOf } from '../core/shape.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { type LinearScaledAttributes, linearScaledInt8, paddedColumns } from '../ops/linearScaledInt8.ts';
import { rewrite, useCounts } from './rewrite.ts';

/**
 * Whole sums that become floats and are scaled by a number known at run time and by constants, as dynamic quantization writes it, become one
 * product; so does a constant bias.
 */
export function scaleProducts(source: Graph): Graph {
  const uses = useCounts(source);
  const once = (value: Value): boolean => uses.get(value) === 1;
  return rewrite(source, (node, inputs) => {
    const found = node.op === 'mul' ? scaled(node, inputs, once) : node.op === 'add' ? biased(node, inputs, once) : undefined;
    return found && [found];
  });
}

type Once = (value: Value) => boolean;

/** The node that computes `value`, where its operator is `op`. */
function madeBy(value: Value | undefined, op: string): Node | undefined {
  const node = value && producer(value);
  return node?.op === op ? node : undefined;
}

/** The factors of a product of products. */
function factorsOf(value: Value): readonly Value[] {
  const product = madeBy(value, 'mul');
  return product ? product.inputs.flatMap(factorsOf) : [value];
}

const isConstant = (value: Value): boolean => value.origin.kind === 'const' && value.dtype === 'f32';

/** One number for all, or one a column of `units`. */
const isPerColumn = ({ shape }: Value, units: number): boolean =>
  sizeOf(shape) === 1 || (shape.at(-1) === units && sizeOf(shape) === units);

function scaled(node: Node, inputs: readonly Value[], once: Once): Value | undefined {
  const factors = inputs.flatMap(factorsOf);
  const cast = factors.find((value) => madeBy(madeBy(value, 'cast')?.inputs[0], 'linearSumsInt8'));
  const sums = cast && (producer(cast)?.inputs[0] as Value);
  const from = sums && producer(sums);
  const isAlone = node.inputs.every((value) => once(value) || !madeBy(value, 'cast'));
  if (!cast || !from || !isAlone) return undefined;
  const { units } = from.attrs as unknown as LinearScaledAttributes;
  const rest = factors.filter((value) => value !== cast);
  const [unit, ...more] = rest.filter((value) => !isConstant(value));
  const constants = rest.filter(isConstant);
  if (rest.length !== factors.length - 1 || !unit || more.length > 0 || unit.shape.length !== 0) return undefined;
  if (constants.some((value) => !isPerColumn(value, units) || value.shape.length > sums.shape.length)) return undefined;
  const columns = new Float32Array(units).fill(1);
  for (const value of constants) {
    const data = dataOf(value);
    columns.forEach((column, i) => {
      columns[i] = column * (data[data.length === 1 ? 0 : i] as number);
    });
  }
  const { graph } = sums;
  const [x, zero, w, totals, zeros] = from.inputs as [Value, Value, Value, Value, Value?];
  const scales = paddedColumns(columns);
  const operands = [
    graph.constant({ dtype: 'f32', shape: [scales.length], data: scales }),
    graph.constant({ dtype: 'f32', shape: [units], data: new Float32Array(units) }),
    ...(zeros ? [zeros] : []),
  ];
  return linearScaledInt8([x, zero, w, totals, unit, ...operands], { units });
}

/** A constant that is added to a scaled product becomes part of its bias. */
function biased(node: Node, inputs: readonly Value[], once: Once): Value | undefined {
  for (const i of [0, 1]) {
    const product = madeBy(inputs[i], 'linearScaledInt8');
    const shift = inputs[1 - i] as Value;
    if (!product || !isConstant(shift) || !once(node.inputs[i] as Value)) continue;
    const { units } = product.attrs as unknown as LinearScaledAttributes;
    if (!isPerColumn(shift, units) || shift.shape.length > (inputs[i] as Value).shape.length) continue;
    const data = dataOf(shift);
    const bias = Float32Array.from(
      dataOf(product.inputs[6] as Value),
      (value, column) => value + (data[data.length === 1 ? 0 : column] as number),
    );
    const operands = product.inputs.map((value, at) =>
      at === 6 ? value.graph.constant({ dtype: 'f32', shape: [units], data: bias }) : value,
    );
    return linearScaledInt8(operands, { units });
  }
  return undefined;
}
