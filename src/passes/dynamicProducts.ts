import { sizeOf } from '../core/shape.ts';
import { type Graph, type Node, producer, type Value } from '../ir/graph.ts';
import { dataOf } from '../ops/constants.ts';
import { type LinearScaledAttributes, linearScaledInt8, paddedColumns } from '../ops/linearScaledInt8.ts';
import { mul } from '../ops/mul.ts';
import { opOf } from '../ops/registry.ts';
import { roundRows } from '../ops/roundRows.ts';
import { rewrite, useCounts } from './rewrite.ts';

/** Linear in their first input. */
const LINEAR = new Set(['conv2d', 'depthwiseConv2d', 'transpose', 'reshape']);

/** `value`, which follows from dynamically quantized numbers without their zero point, as what it is times their scale `unit`. */
function timesUnit(value: Value, unit: Value): Value | undefined {
  const node = producer(value);
  if (!node) return undefined;
  const [first, ...rest] = node.inputs as [Value, ...Value[]];
  if (LINEAR.has(node.op)) {
    const isLinear = node.inputs.length <= 2 && !node.attrs.residual;
    const scaled = isLinear ? timesUnit(first, unit) : undefined;
    return scaled && opOf(node).all([scaled, ...rest], node.attrs)[0];
  }
  const [numbers, zero] = node.op === 'sub' ? node.inputs.map((input) => madeBy(input, 'cast')?.inputs[0]) : [];
  const from = numbers && producer(numbers);
  if (from?.op !== 'dynamicQuantizeInt8' || numbers !== from.outputs[0] || zero !== from.outputs[2] || unit !== from.outputs[1])
    return undefined;
  return roundRows(from.inputs[0] as Value, { axis: 0, asymmetric: true, even: true });
}

/** A convolution of dynamically quantized numbers, times their scale: of floats that are rounded to their steps. Constants are left to fusion. */
function rescaled(inputs: readonly Value[]): Value | undefined {
  const factors = inputs.flatMap(factorsOf);
  const unit = factors.find((value) => madeBy(value, 'dynamicQuantizeInt8'));
  const sums = factors.find((value) => LINEAR.has(producer(value)?.op ?? ''));
  const y = unit && sums && timesUnit(sums, unit);
  if (!y) return undefined;
  // Fusion makes weights of whole numbers and these, and what rounds to steps finds them again.
  for (const value of factors) if (isConstant(value)) y.graph.steps.add(dataOf(value));
  return factors.filter((value) => value !== unit && value !== sums).reduce((product, value) => mul([product, value]), y);
}

/**
 * Whole sums that become floats and are scaled by a number known at run time and by constants, as dynamic quantization writes it, become one
 * product; so does a constant bias.
 */
export function scaleProducts(source: Graph): Graph {
  const uses = useCounts(source);
  const once = (value: Value): boolean => uses.get(value) === 1;
  return rewrite(source, (node, inputs) => {
    const found =
      node.op === 'mul' ? (scaled(node, inputs, once) ?? rescaled(inputs)) : node.op === 'add' ? biased(node, inputs, once) : undefined;
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
    if (product?.inputs[6]?.dtype !== 'f32' || !isConstant(shift) || !once(node.inputs[i] as Value)) continue;
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
