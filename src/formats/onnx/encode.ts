import type { Elem } from './elements.ts';
import { Writer } from './protobufWriter.ts';

/** Element types of tensors in a written file; 4-bit integers are held two in a byte. */
export type FileElem = Exclude<Elem, 'string'>;

/** TensorProto.DataType. */
export const dataTypes: Readonly<Record<FileElem, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
  uint2: 25,
  int2: 26,
};

/** An initializer: `raw` holds its elements in row-major order, little endian. */
export interface FileTensor {
  readonly name: string;
  readonly elem: FileElem;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

/** Whole numbers and lists of them, text, or a float. */
export type FileAttribute = number | string | readonly number[] | readonly string[] | { readonly float: number };

export interface FileNode {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, FileAttribute>>;
}

export interface FilePort {
  readonly name: string;
  readonly elem: FileElem;
  /** Extents; a name for what is left open. */
  readonly dims: readonly (number | string)[];
}

/** A model of standard operators (domain ai.onnx). */
export interface FileModel {
  readonly name: string;
  readonly opset: number;
  readonly nodes: readonly FileNode[];
  readonly initializers: readonly FileTensor[];
  readonly inputs: readonly FilePort[];
  readonly outputs: readonly FilePort[];
  /** metadata_props. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** IR version that came with an operator set (https://github.com/onnx/onnx/blob/main/docs/Versioning.md). */
const irVersion = (opset: number): number => (opset >= 21 ? 10 : 9);

/** A ModelProto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
export function encodeModel(model: FileModel): Uint8Array<ArrayBuffer> {
  const writer = new Writer()
    .int(1, irVersion(model.opset))
    .text(2, 'thimble')
    .message(7, (graph) => {
      for (const node of model.nodes) graph.message(1, (inner) => writeNode(inner, node));
      graph.text(2, model.name);
      for (const tensor of model.initializers) graph.message(5, (inner) => writeTensor(inner, tensor));
      for (const port of model.inputs) graph.message(11, (inner) => writePort(inner, port));
      for (const port of model.outputs) graph.message(12, (inner) => writePort(inner, port));
    })
    .message(8, (set) => set.text(1, '').int(2, model.opset));
  for (const [key, value] of Object.entries(model.metadata ?? {})) writer.message(14, (entry) => entry.text(1, key).text(2, value));
  return writer.finish();
}

function writeNode(writer: Writer, { op, name, inputs, outputs, attributes }: FileNode): void {
  for (const input of inputs) writer.text(1, input);
  for (const output of outputs) writer.text(2, output);
  writer.text(3, name).text(4, op);
  for (const [key, value] of Object.entries(attributes)) writer.message(5, (inner) => writeAttribute(inner, key, value));
}

function writeAttribute(writer: Writer, name: string, value: FileAttribute): void {
  writer.text(1, name);
  if (typeof value === 'number') writer.int(3, value).int(20, 2);
  else if (typeof value === 'string') writer.text(4, value).int(20, 3);
  else if ('float' in value) writer.float(2, value.float).int(20, 1);
  else {
    for (const item of value) {
      if (typeof item === 'string') writer.text(9, item);
      else writer.int(8, item);
    }
    writer.int(20, typeof value[0] === 'string' ? 8 : 7);
  }
}

function writeTensor(writer: Writer, { name, elem, dims, raw }: FileTensor): void {
  for (const extent of dims) writer.int(1, extent);
  writer.int(2, dataTypes[elem]).text(8, name).blob(9, raw);
}

function writePort(writer: Writer, { name, elem, dims }: FilePort): void {
  writer.text(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.int(1, dataTypes[elem]).message(2, (shape) => {
        for (const extent of dims) {
          shape.message(1, (dimension) => (typeof extent === 'number' ? dimension.int(1, extent) : dimension.text(2, extent)));
        }
      }),
    ),
  );
}
