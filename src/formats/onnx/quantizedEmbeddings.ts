import type { Value } from '../../ir/graph.ts';
import { cast, dequantizeInt8, gather, mul, reshape, slice, sub } from '../../ops/index.ts';
import { constantBytes, stepOf } from './bytes.ts';
import type { NodeContext, Result, Rows } from './context.ts';
import { embedNorm } from './contrib.ts';
import type { Operand } from './operand.ts';
import { damaged } from './protobuf.ts';
import { dequantizedAt } from './quantized.ts';

/** Numbers of few bits as an i8, a byte each. */
interface Numbers {
  readonly value: Value;
  /** What is 0 where the node has no zero points. */
  readonly zero: number;
}

/** Input `index` in bytes; uint8 holds numbers of `bits` bits along its last axis, the lowest first. */
function numbersOf(n: NodeContext, index: number, bits: number): Numbers {
  const { value, elem } = n.operand(index);
  const data = n.numbers(index);
  const bytes = (shape: readonly number[], numbers: Int8Array) => n.graph.constant({ dtype: 'i8', shape, data: numbers });
  if (elem === 'int4' || elem === 'uint4') return { value: bytes(value.shape, Int8Array.from(data)), zero: 0 };
  if (elem !== 'uint8') n.refuse(`numbers of type ${elem}`, { expected: 'int4, uint4, uint8' });
  const middle = 2 ** (bits - 1);
  if (bits === 8)
    return {
      value: bytes(
        value.shape,
        Int8Array.from(data, (byte) => byte - middle),
      ),
      zero: 0,
    };
  const perByte = 8 / bits;
  const shape = [...value.shape.slice(0, -1), (value.shape.at(-1) as number) * perByte];
  const apart = data.flatMap((byte) => Array.from({ length: perByte }, (_, i) => (byte >> (bits * i)) & (2 ** bits - 1)));
  return { value: bytes(shape, Int8Array.from(apart)), zero: middle };
}

/** Rows of a table of few bits, dequantized after they are taken: a scale, and perhaps a zero point, for each block of a row. */
function gatherBlockQuantized(n: NodeContext): Operand {
  const [bits, block] = [n.int('bits', 4), n.int('block_size', 128)];
  if (![2, 4, 8].includes(bits)) n.refuse(`numbers of ${bits} bits`, { expected: '2, 4 or 8' });
  const { value, zero } = numbersOf(n, 0, bits);
  const rank = value.shape.length;
  if (n.axis('gather_axis', 0, rank) !== 0 || n.axis('quantize_axis', 1, rank) !== rank - 1)
    n.refuse('blocks along another axis than the last, or rows of another than the first');
  const [width, blocks] = [value.shape.at(-1) as number, n.shape(2).at(-1) as number];
  if (blocks * block !== width) throw damaged(`rows of ${width} numbers have ${blocks} blocks of ${block}`);
  const taken = (from: Value) => gather([from, n.x(1)], { axis: 0 });
  const float = (from: Value) => cast(taken(from), { to: 'f32' });
  const numbers = float(value);
  const lead = numbers.shape.slice(0, -1);
  const each = (x: Value) => reshape(x, { shape: [...lead, blocks, 1] });
  const middle = n.has(3) ? each(float(zeroPoints(n, bits, blocks))) : n.graph.scalar(zero);
  const y = mul([sub([reshape(numbers, { shape: [...lead, blocks, block] }), middle]), each(taken(n.f32(2)))]);
  return { value: reshape(y, { shape: numbers.shape }), elem: n.elem(2) };
}

/** Zero points, in as many bits as the numbers; the last byte of a row may be used in part. */
function zeroPoints(n: NodeContext, bits: number, blocks: number): Value {
  const { value } = numbersOf(n, 3, bits);
  const sizes = [...value.shape.slice(0, -1), blocks];
  return value.shape.at(-1) === blocks ? value : slice(value, { starts: sizes.map(() => 0), sizes });
}

/** EmbedLayerNormalization with tables of bytes, whose rows are dequantized after they are taken. Inputs 2 to 6 have a scale and a zero point each. */
function qEmbedNorm(n: NodeContext): Result {
  const [scale, zero] = [6, 11];
  const dequantized = (index: number) => dequantizedAt(n, index, index + scale, index + zero);
  const rows = (table: number, ids: Value): Value => {
    const bytes = constantBytes(n.x(table), n.elem(table));
    const step = bytes && stepOf(n, table + scale, table + zero, n.elem(table));
    return step ? dequantizeInt8(gather([bytes, ids], { axis: 0 }), step) : gather([dequantized(table).value, ids], { axis: 0 });
  };
  const tables = [0, 1, 2, 3, 4].map((index) => n.binding(index));
  return embedNorm(n.with([...tables, dequantized(5), dequantized(6), n.binding(7)]), rows);
}

/** Embeddings whose tables are quantized (domain com.microsoft). */
export const quantizedEmbeddings: Rows = { GatherBlockQuantized: gatherBlockQuantized, QEmbedLayerNormalization: qEmbedNorm };
