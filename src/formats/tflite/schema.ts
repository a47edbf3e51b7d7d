import { builtinName } from './builtins.ts';
import { damaged, FlatFile, type Table } from './flatbuffer.ts';

/** Records of the TFLite schema (tensorflow/lite/schema/schema.fbs, version 3); numbers are field ids of its tables. */

export interface Quantization {
  readonly scales: readonly number[];
  readonly zeroPoints: readonly number[];
  /** The axis along which scales differ, where there are several. Of biases, files have that of the weights. */
  readonly axis: number;
}

/** Quantization in blocks along the last axis: indexes of the tensors that hold their scales and zero points, none below 0. */
export interface Blocks {
  readonly scales: number;
  readonly zeroPoints: number;
  /** Elements of a block. */
  readonly size: number;
}

/** One axis of a sparse tensor: dense, or compressed rows (segments and indices). */
export interface SparseAxis {
  readonly dense: boolean;
  readonly size: number;
  readonly segments: readonly number[];
  readonly indices: readonly number[];
}

export interface Sparsity {
  readonly traversal: readonly number[];
  readonly blocks: readonly number[];
  readonly axes: readonly SparseAxis[];
}

export interface TensorSpec {
  readonly name: string;
  /** TensorType of the schema. */
  readonly type: number;
  readonly shape: readonly number[];
  /** -1 where an extent is open; empty where none is. */
  readonly signature: readonly number[];
  /** Contents of a constant. */
  readonly data: Uint8Array | undefined;
  readonly quantization: Quantization | undefined;
  readonly blocks: Blocks | undefined;
  readonly isVariable: boolean;
  readonly sparsity: Sparsity | undefined;
}

export interface OperatorSpec {
  /** `CONV_2D`, or the name of a custom operator. */
  readonly op: string;
  /** What people call it: see `named`. */
  readonly name: string;
  readonly isCustom: boolean;
  readonly version: number;
  /** Indexes of tensors; -1 is a left-out input. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly intermediates: readonly number[];
  readonly options: Table | undefined;
  readonly customOptions: Uint8Array;
}

export interface SubgraphSpec {
  readonly name: string;
  readonly tensors: readonly TensorSpec[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly OperatorSpec[];
}

/** A tensor of the subgraph, and what the signature calls it; one tensor may be two outputs. */
export interface SignaturePort {
  readonly name: string;
  readonly tensor: number;
}

export interface SignatureSpec {
  readonly key: string;
  readonly subgraph: number;
  readonly inputs: readonly SignaturePort[];
  readonly outputs: readonly SignaturePort[];
}

export interface TfliteModel {
  readonly version: number;
  readonly description: string;
  readonly subgraphs: readonly SubgraphSpec[];
  readonly signatures: readonly SignatureSpec[];
}

/** Whether the bytes are a TFLite model: flatbuffers of its schema say `TFL3` at byte 4. */
export const isTflite = (bytes: Uint8Array): boolean => bytes.length >= 8 && [...'TFL3'].every((c, i) => bytes[4 + i] === c.charCodeAt(0));

/** Decodes a TFLite model; constants stay in place. @throws FORMAT for damaged bytes. */
export function decodeModel(bytes: Uint8Array): TfliteModel {
  const root = new FlatFile(bytes).root();
  const version = root.scalar(0, 'u32');
  if (version !== 3) throw damaged(`the schema has version ${version}, not 3`);
  const operators = root.tables(1).map((code) => {
    // Codes above 127 do not fit the first field, which older writers know alone.
    const builtin = Math.max(code.scalar(0, 'i8'), code.scalar(3, 'i32'));
    const isCustom = builtin === CUSTOM;
    return { op: isCustom ? code.text(1) : builtinName(builtin), isCustom, version: code.scalar(2, 'i32', 1) };
  });
  const buffers = root.tables(4).map((buffer) => dataOf(buffer, bytes));
  const subgraphs = root.tables(2).map((graph) => subgraphOf(graph, operators, buffers));
  if (subgraphs.length === 0) throw damaged('the model has no subgraph');
  const signatures = root.tables(7).map((signature) => signatureOf(signature, subgraphs));
  return { version, description: root.text(3), subgraphs, signatures };
}

const CUSTOM = 32;

/** The bytes of a buffer; those of files above 2 GB lie behind the flatbuffer. */
function dataOf(buffer: Table, file: Uint8Array): Uint8Array | undefined {
  const data = buffer.bytes(0);
  if (data.length) return data;
  const [offset, size] = [buffer.scalar(1, 'u64'), buffer.scalar(2, 'u64')];
  if (offset <= 1 || size === 0) return undefined;
  if (offset + size > file.length) throw damaged(`a buffer ends at ${offset + size}, after the file`);
  return file.subarray(offset, offset + size);
}

function subgraphOf(
  graph: Table,
  codes: readonly Pick<OperatorSpec, 'op' | 'isCustom' | 'version'>[],
  buffers: readonly (Uint8Array | undefined)[],
): SubgraphSpec {
  const tensors = graph.tables(0).map((tensor) => tensorOf(tensor, buffers));
  const index = (at: number, optional: boolean): number => {
    if (!(at < tensors.length && at >= (optional ? -1 : 0))) throw damaged(`tensor ${at} of ${tensors.length}`);
    return at;
  };
  const indexes = (table: Table, id: number, optional = false) => table.numbers(id, 'i32').map((at) => index(at, optional));
  const operators = graph.tables(3).map((operator): Omit<OperatorSpec, 'name'> => {
    const code = codes[operator.scalar(0, 'u32')];
    if (!code) throw damaged('an operator has no code');
    return {
      ...code,
      inputs: indexes(operator, 1, true),
      outputs: indexes(operator, 2),
      intermediates: indexes(operator, 8, true),
      options: operator.scalar(3, 'u8') ? operator.table(4) : operator.scalar(11, 'u8') ? operator.table(12) : undefined,
      customOptions: operator.bytes(5),
    };
  });
  return { name: graph.text(4), tensors, inputs: indexes(graph, 1), outputs: indexes(graph, 2), operators: named(operators, tensors) };
}

/**
 * Operators with their names: those of the tensors they write. The converter joins the names of all nodes that it fused by ";", the last first: that one
 * is enough, unless two operators share it.
 */
function named(operators: readonly Omit<OperatorSpec, 'name'>[], tensors: readonly TensorSpec[]): OperatorSpec[] {
  const wholes = operators.map(({ op, outputs }) => tensors[outputs[0] ?? -1]?.name || op);
  const lasts = wholes.map((name) => name.split(';', 1)[0] as string);
  const counts = new Map<string, number>();
  for (const last of lasts) counts.set(last, (counts.get(last) ?? 0) + 1);
  return operators.map((operator, i) => ({ ...operator, name: (counts.get(lasts[i] as string) === 1 ? lasts[i] : wholes[i]) as string }));
}

function tensorOf(tensor: Table, buffers: readonly (Uint8Array | undefined)[]): TensorSpec {
  const name = tensor.text(3);
  const buffer = tensor.scalar(2, 'u32');
  if (buffer >= Math.max(1, buffers.length)) throw damaged(`buffer ${buffer} of ${buffers.length}`, name);
  const shape = tensor.numbers(0, 'i32');
  if (shape.length > 8 || shape.some((extent) => extent < -1)) throw damaged(`shape [${shape}]`, name);
  const sparsity = tensor.table(6);
  const quantization = tensor.table(4);
  return {
    name,
    type: tensor.scalar(1, 'i8'),
    shape,
    signature: tensor.numbers(7, 'i32'),
    data: buffers[buffer],
    quantization: quantization && quantizationOf(quantization, name),
    blocks: quantization && blocksOf(quantization),
    isVariable: tensor.scalar(5, 'bool') !== 0,
    sparsity: sparsity && sparsityOf(sparsity),
  };
}

function quantizationOf(table: Table, name: string): Quantization | undefined {
  const scales = table.numbers(2, 'f32');
  const zeroPoints = table.numbers(3, 'i64');
  const axis = table.scalar(6, 'i32');
  if (scales.length === 0) return undefined;
  if (zeroPoints.length > 1 && zeroPoints.length !== scales.length)
    throw damaged(`${scales.length} scales and ${zeroPoints.length} zero points`, name);
  if (zeroPoints.some((zero) => Math.abs(zero) > 2 ** 31 - 1)) throw damaged('a zero point is outside 32 bits', name);
  return { scales, zeroPoints: scales.map((_, i) => zeroPoints[i] ?? zeroPoints[0] ?? 0), axis };
}

/** BlockwiseQuantization in the union QuantizationDetails. */
const BLOCKWISE = 2;

function blocksOf(quantization: Table): Blocks | undefined {
  const details = quantization.scalar(4, 'u8') === BLOCKWISE ? quantization.table(5) : undefined;
  return details && { scales: details.scalar(0, 'i32'), zeroPoints: details.scalar(1, 'i32'), size: details.scalar(2, 'i32') };
}

/** Vectors of the union SparseIndexVector by its tag. */
const INDEX_TYPES = [undefined, 'i32', 'u16', 'u8'] as const;

function sparsityOf(table: Table): Sparsity {
  const list = (axis: Table, tag: number, id: number): number[] => {
    const type = INDEX_TYPES[axis.scalar(tag, 'u8')];
    return (type && axis.table(id)?.numbers(0, type)) ?? [];
  };
  return {
    traversal: table.numbers(0, 'i32'),
    blocks: table.numbers(1, 'i32'),
    axes: table.tables(2).map((axis) => ({
      dense: axis.scalar(0, 'i8') === 0,
      size: axis.scalar(1, 'i32'),
      segments: list(axis, 2, 3),
      indices: list(axis, 4, 5),
    })),
  };
}

function signatureOf(signature: Table, subgraphs: readonly SubgraphSpec[]): SignatureSpec {
  const subgraph = signature.scalar(4, 'u32');
  if (subgraph >= subgraphs.length) throw damaged(`a signature is of subgraph ${subgraph}`);
  const ports = (id: number) => signature.tables(id).map((entry) => ({ name: entry.text(0), tensor: entry.scalar(1, 'u32') }));
  return { key: signature.text(2), subgraph, inputs: ports(0), outputs: ports(1) };
}
