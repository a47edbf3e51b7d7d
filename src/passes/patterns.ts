import { sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { gelu } from '../ops/gelu.ts';
import { geluTanh } from '../ops/geluTanh.ts';
import { layerNorm, rmsNorm } from '../ops/groupNorm.ts';
import { hardSwish } from '../ops/hardSwish.ts';
import { matmul } from '../ops/matmul.ts';
import type { ReduceAttributes } from '../ops/reduce.ts';
import { silu } from '../ops/silu.ts';
import { sqrt } from '../ops/sqrt.ts';
import { square } from '../ops/square.ts';
import { type Rewriting, rewrite } from './rewrite.ts';

/**
 * Functions that exporters write out in small operators, as the operator they are: GELU, SiLU, hard-swish, layer and RMS normalisation,
 * powers, and the scale of attention scores.
 */
export function recognize(source: Graph): Graph {
  return rewrite(source, (node, inputs, to) => {
    const found = rules[node.op]?.(node, inputs, to);
    return found && [found];
  });
}

type Match = (node: Node, inputs: readonly Value[], to: Rewriting) => Value | undefined;

/** The number in a constant of one element. */
function scalarOf(value: Value | undefined): number | undefined {
  return value?.origin.kind === 'const' && value.dtype === 'f32' && sizeOf(value.shape) === 1 ? value.origin.data[0] : undefined;
}

const isNear = (a: number | undefined, b: number): boolean => a !== undefined && Math.abs(a - b) <= 1e-3 * Math.abs(b);

/** The inputs of the node that computes `value`, where its operator is `op`. */
const partsOf = (value: Value | undefined, op: string): readonly Value[] | undefined => {
  const node = value && producer(value);
  return node?.op === op ? node.inputs : undefined;
};

/** The other operand and the number, of a commutative operator with a constant. */
function withNumber(value: Value | undefined, op: 'add' | 'mul'): { x: Value; number: number } | undefined {
  const parts = partsOf(value, op);
  if (!parts) return undefined;
  const [a, b] = parts as [Value, Value];
  const [left, right] = [scalarOf(a), scalarOf(b)];
  if (right !== undefined) return { x: a, number: right };
  return left !== undefined ? { x: b, number: left } : undefined;
}

/** x · c, whether written as a product or a quotient. */
function scaledBy(value: Value | undefined): { x: Value; factor: number } | undefined {
  const product = withNumber(value, 'mul');
  if (product) return { x: product.x, factor: product.number };
  const [x, divisor] = partsOf(value, 'div') ?? [];
  const number = scalarOf(divisor);
  return x && number !== undefined ? { x, factor: 1 / number } : undefined;
}

/** The factors of a product of products; numbers are multiplied. */
function factorsOf(value: Value): { values: Value[]; number: number } {
  const scaled = scaledBy(value);
  if (scaled) {
    const rest = factorsOf(scaled.x);
    return { values: rest.values, number: rest.number * scaled.factor };
  }
  const parts = partsOf(value, 'mul');
  if (!parts) return { values: [value], number: 1 };
  const [a, b] = parts.map(factorsOf) as [ReturnType<typeof factorsOf>, ReturnType<typeof factorsOf>];
  return { values: [...a.values, ...b.values], number: a.number * b.number };
}

/** The factors of `a · b`, without the node that multiplies them. */
function product(a: Value, b: Value): { values: Value[]; number: number } {
  const own = [scalarOf(a), scalarOf(b)];
  const [left, right] = [a, b].map((value, i) => (own[i] === undefined ? factorsOf(value) : { values: [], number: own[i] as number })) as [
    ReturnType<typeof factorsOf>,
    ReturnType<typeof factorsOf>,
  ];
  return { values: [...left.values, ...right.values], number: left.number * right.number };
}

const SQRT_HALF = Math.SQRT1_2;
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** x · ½ · (1 + erf(x / √2)). */
function geluOf(x: Value, gate: Value, number: number): Value | undefined {
  const sum = withNumber(gate, 'add');
  if (sum?.number !== 1 || !isNear(number, 0.5)) return undefined;
  const inner = scaledBy(partsOf(sum.x, 'erf')?.[0]);
  if (inner && inner.x === x && isNear(inner.factor, SQRT_HALF)) return gelu(x);
  const tanhInner = partsOf(sum.x, 'tanh')?.[0];
  return tanhInner && isTanhGelu(tanhInner, x) ? geluTanh(x) : undefined;
}

/** √(2/π) (x + 0.044715 x³). */
function isTanhGelu(value: Value, x: Value): boolean {
  const scaled = scaledBy(value);
  const parts = scaled && isNear(scaled.factor, SQRT_2_OVER_PI) ? partsOf(scaled.x, 'add') : undefined;
  const cubic = parts?.find((part) => part !== x);
  if (!cubic || !parts?.includes(x)) return false;
  const { values, number } = factorsOf(cubic);
  const isCube = values.length === 3 ? values.every((value) => value === x) : values.length === 1 && isPower(values[0], x, 3);
  return isNear(number, 0.044715) && isCube;
}

function isPower(value: Value | undefined, x: Value, exponent: number): boolean {
  const [base, power] = partsOf(value, 'pow') ?? [];
  return base === x && scalarOf(power) === exponent;
}

/** Products that are activations of one value. */
function gated(node: Node, inputs: readonly Value[]): Value | undefined {
  const [a, b] = inputs as [Value, Value];
  const { values, number } = product(a, b);
  if (values.length !== 2) return undefined;
  for (const [x, gate] of [values, [...values].reverse()] as [Value, Value][]) {
    if (x.shape.join() !== (node.outputs[0] as Value).shape.join()) continue;
    if (number === 1 && partsOf(gate, 'sigmoid')?.[0] === x) return silu(x);
    const found = geluOf(x, gate, number) ?? hardSwishOf(x, gate, number);
    if (found) return found;
  }
  return undefined;
}

/** x · hardSigmoid(x), or x · clip(x + 3, 0, 6) / 6. */
function hardSwishOf(x: Value, gate: Value, number: number): Value | undefined {
  const node = producer(gate);
  if (!node) return undefined;
  const { alpha, beta, min, max } = node.attrs as { alpha?: number; beta?: number; min?: number; max?: number };
  if (node.op === 'hardSigmoid' && node.inputs[0] === x && number === 1)
    return (alpha as number) > 0 ? hardSwish(x, { alpha: alpha as number, beta: beta as number }) : undefined;
  const sum = node.op === 'clip' && min === 0 && max === 6 ? withNumber(node.inputs[0], 'add') : undefined;
  return sum?.x === x && sum.number === 3 && isNear(number, 1 / 6) ? hardSwish(x, { alpha: 1 / 6, beta: 0.5 }) : undefined;
}

/** alpha of a matrix product of activations takes a scale behind it. */
function scaledProduct(value: Value, factor: number): Value | undefined {
  const node = producer(value);
  if (node?.op !== 'matmul') return undefined;
  return matmul(node.inputs, { ...node.attrs, alpha: (node.attrs.alpha as number) * factor });
}

const isLastAxisMean = (node: Node | undefined): boolean => {
  if (node?.op !== 'reduceMean') return false;
  const { axes, keepDims } = node.attrs as unknown as ReduceAttributes;
  const rank = (node.inputs[0] as Value).shape.length;
  return keepDims && axes?.length === 1 && (axes[0] === rank - 1 || axes[0] === -1);
};

/** x - mean(x) over the last axis: x. */
function centredOf(value: Value): Value | undefined {
  const [x, mean] = partsOf(value, 'sub') ?? [];
  const node = mean && producer(mean);
  return x && isLastAxisMean(node) && node?.inputs[0] === x ? x : undefined;
}

/** √(mean(d²) + ε) over the last axis: d and ε. */
function deviationOf(value: Value): { d: Value; epsilon: number } | undefined {
  const sum = withNumber(partsOf(value, 'sqrt')?.[0], 'add');
  const mean = sum && producer(sum.x);
  if (!sum || !isLastAxisMean(mean)) return undefined;
  const squared = mean?.inputs[0] as Value;
  const node = producer(squared);
  const [d, e] = node?.inputs ?? [];
  const isSquare = node?.op === 'square' || (node?.op === 'mul' && d === e) || (d && isPower(squared, d, 2));
  return d && isSquare ? { d, epsilon: sum.number } : undefined;
}

/** d / √(mean(d²) + ε): layer normalisation where d = x - mean(x), else RMS normalisation. */
function normalized(numerator: Value, divisor: Value): Value | undefined {
  const deviation = deviationOf(divisor);
  if (!deviation || !isSameDifference(deviation.d, numerator)) return undefined;
  const x = centredOf(numerator);
  return x ? layerNorm(x, { epsilon: deviation.epsilon }) : rmsNorm(numerator, { epsilon: deviation.epsilon });
}

/** Exporters subtract the mean once or twice. */
const isSameDifference = (a: Value, b: Value): boolean => a === b || (centredOf(a) !== undefined && centredOf(a) === centredOf(b));

/** gamma and beta join a normalisation that has none yet. */
function withAffine(node: Node, inputs: readonly Value[], to: Rewriting): Value | undefined {
  for (const [i, j] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const norm = producer(inputs[i] as Value);
    const given = inputs[j] as Value;
    if (norm?.op !== 'groupNorm' || !norm.attrs.perPosition || given.origin.kind !== 'const') continue;
    const columns = (inputs[i] as Value).shape.at(-1) as number;
    if (sizeOf(given.shape) !== columns || given.shape.at(-1) !== columns) continue;
    const wanted = node.op === 'mul' ? 1 : 2;
    if (norm.inputs.length !== wanted || (node.op === 'add' && !norm.attrs.centered)) continue;
    const vector = to.target.constant({ dtype: 'f32', shape: [columns], data: given.origin.data });
    return to.apply(norm, [...norm.inputs, vector])[0];
  }
  return undefined;
}

const rules: Readonly<Record<string, Match>> = {
  mul(node, inputs, to) {
    const [a, b] = inputs as [Value, Value];
    const scaled = withScalar(a, b);
    return gated(node, inputs) ?? (scaled && scaledProduct(scaled.x, scaled.number)) ?? rsqrtProduct(a, b) ?? withAffine(node, inputs, to);
  },
  div(node, inputs) {
    const [a, b] = inputs as [Value, Value];
    const number = scalarOf(b);
    if (number === undefined) return normalized(a, b);
    const { values, number: factor } = product(a, b.graph.scalar(1 / number));
    if (values.length === 2) {
      for (const [x, gate] of [values, [...values].reverse()] as [Value, Value][]) {
        const found =
          x.shape.join() === (node.outputs[0] as Value).shape.join()
            ? (geluOf(x, gate, factor) ?? hardSwishOf(x, gate, factor))
            : undefined;
        if (found) return found;
      }
    }
    return scaledProduct(a, 1 / number);
  },
  add: (node, inputs, to) => withAffine(node, inputs, to),
  pow(_, inputs) {
    const [x, power] = inputs as [Value, Value];
    const number = scalarOf(power);
    return number === 2 ? square(x) : number === 0.5 ? sqrt(x) : undefined;
  },
};

function withScalar(a: Value, b: Value): { x: Value; number: number } | undefined {
  const [left, right] = [scalarOf(a), scalarOf(b)];
  if (right !== undefined) return { x: a, number: right };
  return left !== undefined ? { x: b, number: left } : undefined;
}

/** d · (1 / √(mean(d²) + ε)). */
function rsqrtProduct(a: Value, b: Value): Value | undefined {
  for (const [d, inverse] of [
    [a, b],
    [b, a],
  ] as const) {
    const node = producer(inverse);
    const divisor =
      node?.op === 'reciprocal' ? node.inputs[0] : node?.op === 'div' && scalarOf(node.inputs[0]) === 1 ? node.inputs[1] : undefined;
    const found = divisor && normalized(d, divisor);
    if (found) return found;
  }
  return undefined;
}
