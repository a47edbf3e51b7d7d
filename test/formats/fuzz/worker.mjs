// Loads each file it is sent, and runs what loads; answers with what came of it, how long it took, and what it allocated.
import { performance } from 'node:perf_hooks';
import { inspect, load, ThimbleError } from '../../../dist/index.js';

/** Larger programs are planned, not run. */
const RUNNABLE = 32 * 2 ** 20;

let allocated = 0;
/** Counts what a constructor is asked for, whoever calls it: also `from`, and `map` and `slice` of what it made. */
function count(name, bytesOf) {
  const original = globalThis[name];
  const counting = new Proxy(original, {
    construct(target, args, caller) {
      allocated += bytesOf(args[0]);
      return Reflect.construct(target, args, caller);
    },
  });
  globalThis[name] = counting;
  if (name !== 'Array') Object.defineProperty(original.prototype, 'constructor', { value: counting, configurable: true, writable: true });
}
for (const name of ['Float32Array', 'Float64Array', 'Int32Array', 'Uint32Array', 'Int8Array', 'Uint8Array', 'Uint16Array']) {
  const size = globalThis[name].BYTES_PER_ELEMENT;
  count(name, (given) => (typeof given === 'number' ? given : given instanceof ArrayBuffer ? 0 : (given?.length ?? 0)) * size);
}
count('ArrayBuffer', Number);
count('Array', (length) => (typeof length === 'number' ? length * 8 : 0));

async function outcomeOf(bytes) {
  try {
    inspect(bytes);
  } catch (error) {
    if (!(error instanceof ThimbleError) || error.cause) throw error.cause ?? error;
  }
  try {
    const model = await load(bytes);
    if (model.memory.totalBytes > RUNNABLE) return 'planned';
    const arrays = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array };
    model.run(
      Object.fromEntries(
        model.inputs.map(({ name, dtype, shape }) => [name, new arrays[dtype](shape.reduce((size, extent) => size * extent, 1))]),
      ),
    );
    return 'ran';
  } catch (error) {
    if (!(error instanceof ThimbleError) || error.cause) throw error.cause ?? error;
    return error.code;
  }
}

process.on('message', async ({ file }) => {
  allocated = 0;
  const start = performance.now();
  try {
    const outcome = await outcomeOf(new Uint8Array(Buffer.from(file, 'base64')));
    process.send({ outcome, ms: performance.now() - start, allocated });
  } catch (error) {
    process.send({ outcome: 'other', reason: `${error?.stack ?? error}`, ms: performance.now() - start, allocated });
  }
});
