// One test of the ONNX backend suite: a model, its inputs and the outputs it must give.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from './compare.mjs';

const TOLERANCE = { rtol: 1e-3, atol: 1e-5 };
/** The suite rounds after every step, thimble at the end: up to two of the 8 bits that a bfloat16 has. */
const BFLOAT16 = { rtol: 2 ** -6, atol: 1e-5 };

/** What a folder holds is not from strangers: constants may grow to this, as in the models of ONNX that make their weights anew. */
const TRUSTED = '4GB';

const read = (path) => new Uint8Array(readFileSync(path));

/** `input_0.pb`, `input_1.pb`, … of a data set. */
function tensors(thimble, folder, kind) {
  const count = readdirSync(folder).filter((file) => file.startsWith(`${kind}_`)).length;
  return Array.from({ length: count }, (_, i) => thimble.readTensor(read(join(folder, `${kind}_${i}.pb`))));
}

/** Runs the test in `folder`. @returns its status, and the reason where it is not a pass */
export async function runBackendTest(thimble, folder, flavour = 'simd') {
  let operators = [];
  try {
    const bytes = read(join(folder, 'model.onnx'));
    const description = thimble.inspect(bytes);
    operators = Object.keys(description.operators);
    const other = [...description.inputs, ...description.outputs].find(({ type }) => ['sequence', 'optional', 'map'].includes(type));
    if (other) return { status: 'unsupported', reason: `"${other.name}" is a ${other.type}: models take and give tensors`, operators };
    const sets = readdirSync(folder).filter((name) => name.startsWith('test_data_set_'));
    if (sets.length === 0) throw new Error('it has no data set');
    for (const set of sets) {
      const data = join(folder, set);
      if (!existsSync(data)) continue;
      const inputs = named(description.inputs, tensors(thimble, data, 'input'));
      const expected = tensors(thimble, data, 'output');
      const reason = await runDataSet(thimble, bytes, inputs, expected, flavour);
      if (reason) return { status: 'fail', reason, operators };
    }
    return { status: 'pass', operators };
  } catch (error) {
    const status = String(error.code ?? '').startsWith('UNSUPPORTED') ? 'unsupported' : 'fail';
    return { status, reason: `${error.code ? `${error.code}: ` : ''}${error.message}`, operators };
  }
}

/** Inputs by name, in the order of the graph's inputs. */
const named = (ports, list) => new Map(list.map((tensor, i) => [ports[i]?.name ?? tensor.name, tensor]));

async function runDataSet(thimble, bytes, inputs, expected, flavour) {
  const model = await loadWithConstants(thimble, bytes, inputs, flavour);
  const feeds = Object.fromEntries(model.inputs.map(({ name, dtype }) => [name, fed(inputs.get(name), dtype)]));
  const results = model.run(feeds);
  for (const [i, want] of expected.entries()) {
    const { name, type } = model.outputs[i];
    const reason =
      type === want.type
        ? compare(results[name], want, type === 'bfloat16' ? BFLOAT16 : TOLERANCE)
        : `it has type ${type}, not ${want.type}`;
    if (reason) return `output "${name}": ${reason}`;
  }
  return undefined;
}

/** Integers of files come as i32; an input of bytes takes bytes. */
function fed({ shape, data }, dtype) {
  const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array };
  return { dtype, shape, data: data instanceof arrays[dtype] ? data : arrays[dtype].from(data) };
}

/** The backend tests feed even what must be known at import: loads once more with what the error names as constants. */
async function loadWithConstants(thimble, bytes, inputs, flavour) {
  const shapes = Object.fromEntries([...inputs].map(([name, { shape }]) => [name, shape]));
  const constants = {};
  for (;;) {
    try {
      return await thimble.load(bytes, { shapes, constants, flavour, budget: TRUSTED });
    } catch (error) {
      const names = (error.names ?? []).filter((name) => !(name in constants) && inputs.has(name));
      if (names.length === 0) throw error;
      for (const name of names) {
        constants[name] = inputs.get(name);
        delete shapes[name];
      }
    }
  }
}
