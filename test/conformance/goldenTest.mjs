// A model with recorded inputs and outputs: `meta.json` names them, one step or several with the state carried on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from './compare.mjs';

/** ONNX models differ from their oracle by the order of sums; TFLite ones are held closer. Integers are exact. */
const TOLERANCES = { onnx: { rtol: 1e-3, atol: 1e-5 }, tflite: { rtol: 1e-4, atol: 1e-4 } };

/** What a folder holds is not from strangers: constants may grow to this, as in the models of ONNX that make their weights anew. */
const TRUSTED = '4GB';

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  // The same 32 bits, as graphs hold them.
  uint32: Int32Array,
  int64: BigInt64Array,
};

/** An IEEE 754 half of 16 bits. */
function halfOf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude =
    exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits >> 15 ? -magnitude : magnitude;
}

function tensorOf(folder, { file, shape, dtype }) {
  const bytes = readFileSync(join(folder, file));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  if (dtype === 'float16') return { shape, data: Float32Array.from(new Uint16Array(buffer), halfOf), dtype: 'f32' };
  const data = new arrays[dtype](buffer);
  const numbers = data instanceof BigInt64Array ? Int32Array.from(data, Number) : data;
  return { shape, data: numbers, dtype: { float32: 'f32', int8: 'i8', uint8: 'u8', bool: 'bool' }[dtype] ?? 'i32' };
}

/** Runs the model in `folder` against its recorded outputs. @returns its status, and the reason where it is not a pass */
export async function runGoldenTest(thimble, folder, flavour = 'simd') {
  let operators = [];
  try {
    const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
    const bytes = new Uint8Array(readFileSync(join(folder, meta.model)));
    const steps = meta.steps ?? [{ inputs: meta.inputs, outputs: meta.outputs }];
    const description = thimble.inspect(bytes);
    operators = Object.keys(description.operators);
    const tolerance = TOLERANCES[description.format];
    const shapes = Object.fromEntries(steps[0].inputs.map(({ name, shape }) => [name, shape]));
    const model = await thimble.load(bytes, { shapes, flavour, budget: TRUSTED });
    for (const [i, { inputs, outputs }] of steps.entries()) {
      const results = model.run(Object.fromEntries(inputs.map((input) => [input.name, tensorOf(folder, input)])));
      for (const output of outputs) {
        const reason = compare(results[output.name], tensorOf(folder, output), tolerance);
        if (reason) return { status: 'fail', reason: `step ${i}, output "${output.name}": ${reason}`, operators };
      }
    }
    return { status: 'pass', operators };
  } catch (error) {
    const status = String(error.code ?? '').startsWith('UNSUPPORTED') ? 'unsupported' : 'fail';
    return { status, reason: `${error.code ? `${error.code}: ` : ''}${error.message}`, operators };
  }
}
