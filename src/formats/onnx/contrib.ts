import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { evaluate, isConstant } from '../../ops/evaluate.ts';
import { layerNorm, rmsNorm } from '../../ops/groupNorm.ts';
import { add, clip, gather, gelu, geluTanh, hardSigmoid, leakyRelu, mul, reduceSum, relu, sigmoid, silu, tanh } from '../../ops/index.ts';
import { permuted } from '../weights.ts';
import type { NodeContext, Result, Row, Rows } from './context.ts';
import { convolutions } from './convolutions.ts';
import { count } from './counted.ts';
import { layers } from './layers.ts';
import type { Operand } from './operand.ts';
import { product, products } from './products.ts';
import { damaged } from './protobuf.ts';
import { reshapedTo } from './shapes.ts';

/** The sum of inputs of which some may be left out. */
const sumOf = (n: NodeContext, ...indexes: number[]): Value =>
  indexes
    .filter((i) => n.has(i))
    .map((i) => n.f32(i))
    .reduce((a, b) => add([a, b]));

/** x · sigmoid(alpha x): ONNX Runtime writes it of SiLU too. */
function quickGelu(n: NodeContext): Value {
  const x = n.f32(0);
  const alpha = n.float('alpha', 1.702);
  return alpha === 1 ? silu(x) : mul([x, sigmoid(mul([x, n.graph.scalar(alpha)]))]);
}

/**
 * The axes of a factor of FusedMatMul in the order of a matrix product's: `transBatch` says that the first axis stands before the batch, where the rows
 * should be, `trans` that the last two are exchanged then.
 */
function factor(n: NodeContext, index: number, name: string): { readonly x: Value; readonly perm: readonly number[] } {
  const x = n.f32(index);
  const rank = x.shape.length;
  const axes = count(rank);
  if (rank < 2) return { x, perm: axes };
  const order = n.int(`transBatch${name}`, 0) ? [...axes.slice(1, -1), 0, rank - 1] : axes;
  const [rows, columns] = order.slice(-2) as [number, number];
  return { x, perm: n.int(`trans${name}`, 0) ? [...order.slice(0, -2), columns, rows] : order };
}

/** alpha · A · B, the axes of either in another order. */
function fusedMatMul(n: NodeContext): Value {
  const [a, b] = [factor(n, 0, 'A'), factor(n, 1, 'B')];
  const y = product(permuted(a.x, a.perm), permuted(b.x, b.perm));
  const alpha = n.float('alpha', 1);
  return alpha === 1 ? y : mul([y, n.graph.scalar(alpha)]);
}

/** The activation that is named in a fused operator, with its parameters in the order of the attributes of its own. */
function activated(n: NodeContext, x: Value, [first, second]: readonly (number | undefined)[]): Value {
  const name = n.text('activation', '');
  switch (name) {
    case '':
      return x;
    case 'Relu':
      return relu(x);
    case 'Tanh':
      return tanh(x);
    case 'Sigmoid':
      return sigmoid(x);
    case 'LeakyRelu':
      return leakyRelu(x, { alpha: first ?? 0.01 });
    case 'HardSigmoid':
      return hardSigmoid(x, { alpha: first ?? 0.2, beta: second ?? 0.5 });
    case 'Clip':
      return clip(x, { min: first ?? Number.NEGATIVE_INFINITY, max: second ?? Number.POSITIVE_INFINITY });
    default:
      return n.refuse(`the activation ${name}`, { expected: 'Relu, Tanh, Sigmoid, LeakyRelu, HardSigmoid, Clip' });
  }
}

/** A convolution, what is added to it, its activation. */
function fusedConv(n: NodeContext): Value {
  const y = (convolutions.Conv as Row)(n.with([0, 1, 2].map((i) => n.binding(i)))) as Value;
  return activated(n, n.has(3) ? add([y, n.f32(3)]) : y, n.floats('activation_params'));
}

/** Activations that ONNX Runtime fuses with Gemm. */
const GEMM_ACTIVATIONS = [
  ...['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'HardSigmoid'],
  ...['Elu', 'Selu', 'Softplus', 'Softsign', 'ThresholdedRelu'],
];

/** A dense layer and its activation, whose attributes have its name in front. */
function fusedGemm(n: NodeContext): Value {
  const value = (products.Gemm as Row)(n) as Value;
  const name = n.text('activation', '');
  if (!name) return value;
  const row = GEMM_ACTIVATIONS.includes(name) ? layers[name] : undefined;
  if (!row) return n.refuse(`the activation ${name}`, { expected: GEMM_ACTIVATIONS.join(', ') });
  const prefix = 'activation_';
  const own = [...n.node.attributes].filter(([key]) => key.startsWith(prefix)).map(([key, of]) => [key.slice(prefix.length), of] as const);
  return row(n.with([{ value, elem: n.elem(0) }], n.version, new Map(own))) as Value;
}

/** Normalisation over the last axis. ONNX Runtime's ε where none is given is 1e-12. */
function normalized(n: NodeContext, norm: typeof layerNorm, x: Value, ...weights: readonly number[]): Value {
  const size = x.shape.at(-1) as number;
  const given = weights.filter((i) => n.has(i)).map((i) => reshapedTo(n.f32(i), [size]));
  const rows = reshapedTo(x, [sizeOf(x.shape) / size, size]);
  return reshapedTo(norm([rows, ...given], { epsilon: n.float('epsilon', 1e-12) }), x.shape);
}

/** The normalisation of a sum of the input, a residual connection and a bias; the sum is the fourth output. */
const skipNorm =
  (norm: typeof layerNorm, weights: readonly number[], bias: number): Row =>
  (n) => {
    if (n.wants(1) || n.wants(2)) n.refuse('mean and deviation as outputs', { expected: 'the outputs 0 and 3' });
    const sum = sumOf(n, 0, 1, bias);
    return [normalized(n, norm, sum, ...weights), undefined, undefined, sum];
  };

/** Rows of the table in an input of a node. */
type Lookup = (table: number, ids: Value) => Value;

/**
 * Embeddings of tokens, of their positions and of their segments, normalised (BERT). The second output has the unmasked tokens of each row.
 * @param rows reads the inputs 2 to 4.
 */
export function embedNorm(n: NodeContext, rows: Lookup = (table, ids) => gather([n.f32(table), ids], { axis: 0 })): Result {
  const [batch, steps] = n.shape(0) as [number, number];
  const positions = n.has(8) ? n.x(8) : n.integers(count(steps), [1, steps]);
  const parts = [rows(2, n.x(0)), rows(3, positions)];
  if (n.has(1) && n.has(4)) parts.push(rows(4, n.x(1)));
  const sum = parts.reduce((a, b) => add([a, b]));
  const tokens = n.has(7) ? reduceSum(n.x(7), { axes: [1] }) : n.filled('i32', [batch], 0);
  return [normalized(n, layerNorm, sum, 5, 6), { value: reshapedTo(tokens, [batch]), elem: 'int32' }, sum];
}

/** Elements of `bits` bits in a byte, from the lowest. */
const element = (bytes: Float64Array, row: number, rowBytes: number, index: number, bits: number): number => {
  const perByte = 8 / bits;
  const byte = bytes[row * rowBytes + Math.floor(index / perByte)] as number;
  return (byte >> (bits * (index % perByte))) & (2 ** bits - 1);
};

/** The numbers of a constant input, as they are held. */
function known(n: NodeContext, index: number): Float64Array {
  const value = n.x(index);
  if (!isConstant(value)) n.refuse(`input ${index} that only run time knows`, { expected: 'a constant' });
  return evaluate(value);
}

/**
 * A [.., K] times weights of 2, 4 or 8 bits [N, blocks, block · bits / 8], a scale and a zero point for each block of a column. Dense layers keep
 * such weights in few bits (`passes/fewBits.ts`).
 */
function matmulNBits(n: NodeContext): Operand {
  const [depth, units, block, bits] = [n.int('K'), n.int('N'), n.int('block_size'), n.int('bits', 4)];
  if (![2, 4, 8].includes(bits)) n.refuse(`weights of ${bits} bits`, { expected: '2, 4 or 8' });
  if (Math.min(depth, units, block) < 1) throw damaged(`${depth} × ${units} weights in blocks of ${block}`);
  const blocks = Math.ceil(depth / block);
  const [weights, scales] = [known(n, 1), known(n, 2)];
  const rowBytes = (blocks * block * bits) / 8;
  if (weights.length !== units * rowBytes || scales.length !== units * blocks) {
    throw damaged(
      `${weights.length} bytes of weights and ${scales.length} scales are not those of ${depth} × ${units} in blocks of ${block}`,
    );
  }
  const zeros = n.has(3) ? known(n, 3) : undefined;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const isPacked = zeros && n.x(3).dtype !== 'f32';
  if (zeros && zeros.length !== units * (isPacked ? zeroBytes : blocks)) throw damaged(`there are ${zeros.length} zero points`);
  const zeroOf = (unit: number, at: number): number =>
    !zeros ? 2 ** (bits - 1) : isPacked ? element(zeros, unit, zeroBytes, at, bits) : (zeros[unit * blocks + at] as number);
  // Rows of weights that were sorted by importance when they were quantized say which block they belong to.
  const order = n.has(4) ? known(n, 4) : Float64Array.from({ length: depth }, (_, k) => Math.floor(k / block));
  if (order.length < depth || order.some((at) => !(at >= 0 && at < blocks)))
    throw damaged(`rows of weights are in blocks [${order}] of ${blocks}`);
  const w = new Float32Array(depth * units);
  for (let unit = 0; unit < units; unit++) {
    for (let k = 0; k < depth; k++) {
      const at = order[k] as number;
      w[k * units + unit] = (element(weights, unit, rowBytes, k, bits) - zeroOf(unit, at)) * (scales[unit * blocks + at] as number);
    }
  }
  const y = product(n.f32(0), n.constant(w, [depth, units]));
  return { value: n.has(5) ? add([y, n.f32(5)]) : y, elem: n.elem(0) };
}

/** Float operators of ONNX Runtime (domain com.microsoft) that its optimizers put in the place of several. */
export const contrib: Rows = {
  Gelu: (n) => gelu(n.f32(0)),
  BiasGelu: (n) => gelu(sumOf(n, 0, 1)),
  FastGelu: (n) => geluTanh(sumOf(n, 0, 1)),
  QuickGelu: quickGelu,
  FusedMatMul: fusedMatMul,
  FusedGemm: fusedGemm,
  FusedConv: fusedConv,
  MatMulNBits: matmulNBits,
  SkipLayerNormalization: skipNorm(layerNorm, [2, 3], 4),
  SkipSimplifiedLayerNormalization: skipNorm(rmsNorm, [2], 3),
  EmbedLayerNormalization: (n) => embedNorm(n),
};
