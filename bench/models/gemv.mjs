// A dense layer of one row as an ONNX file, written here: a matrix-vector product that memory bounds.

/** A protobuf message of [field, whole number, text or bytes]. */
function message(...fields) {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === 'number') return [varint(field * 8), varint(value)];
      const content = Buffer.from(value);
      return [varint(field * 8 + 2), varint(content.length), content];
    }),
  );
}

function varint(value) {
  const bytes = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    bytes.push((left % 128) | (left > 127 ? 128 : 0));
    if (left <= 127) return Buffer.from(bytes);
  }
}

const bytesOf = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** y = W x + b by the field numbers of onnx.proto3; FLOAT is 1. */
function onnxFile(size, weights, bias) {
  const tensor = (name, dims, data) => message(...dims.map((n) => [1, n]), [2, 1], [8, name], [9, bytesOf(data)]);
  const port = (name) =>
    message([1, name], [2, message([1, message([1, 1], [2, message([1, message([1, 1])], [1, message([1, size])])])])]);
  const transB = message([1, 'transB'], [3, 1], [20, 2]);
  const node = message([1, 'x'], [1, 'w'], [1, 'b'], [2, 'y'], [4, 'Gemm'], [5, transB]);
  const initializers = [tensor('w', [size, size], weights), tensor('b', [size], bias)];
  const graph = message([1, node], [2, 'gemv'], ...initializers.map((t) => [5, t]), [11, port('x')], [12, port('y')]);
  return message([1, 8], [7, graph], [8, message([1, ''], [2, 13])]);
}

/** A layer of `size` × `size` random weights: { bytes of the ONNX file, input, expected }. */
export function gemv(size) {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const weights = Float32Array.from({ length: size * size }, random);
  const bias = Float32Array.from({ length: size }, random);
  const input = Float32Array.from({ length: size }, random);
  const expected = Float32Array.from(bias, (b, row) => input.reduce((sum, x, i) => sum + x * weights[row * size + i], b));
  return { bytes: onnxFile(size, weights, bias), input, expected };
}
