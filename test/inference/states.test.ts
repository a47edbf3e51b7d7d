import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ThimbleError } from '../../src/core/errors.ts';
import { exportGraph } from '../../src/formats/onnx/exporter.ts';
import {
  exportOnnx,
  type InferenceModel,
  inspect,
  type LoadOptions,
  load,
  quantize,
  type Tensor,
  type TypedArray,
} from '../../src/index.ts';
import { Graph, type Value } from '../../src/ir/graph.ts';
import { stream } from '../../src/ir/variable.ts';
import { add, assign, mul, tanh } from '../../src/ops/index.ts';
import { onnxruntime } from '../export/onnxruntime.ts';

const shared = new URL('../../../shared/models', import.meta.url).pathname;
if (!existsSync(shared)) console.log('../shared is absent: streaming models of others do not run');

const SIZE = 5;
const vector = (seed: number, length = SIZE) => Float32Array.from({ length }, (_, i) => Math.sin(seed * 7 + i * 1.3));

/** A file of x, a, b → y = tanh(x + a · b), aNext = b, bNext = a, seen = b, sum = y + a: two states that change places. */
function cell(): Uint8Array<ArrayBuffer> {
  const graph = new Graph('cell');
  const [x, a, b] = ['x', 'a', 'b'].map((name) => graph.input(name, { dtype: 'f32', shape: [SIZE] })) as [Value, Value, Value];
  const y = tanh(add([x, mul([a, b])]));
  const outputs = { y, aNext: add([b, x]), bNext: a, seen: b, few: tanh(graph.constant({ dtype: 'f32', shape: [1], data: vector(1, 1) })) };
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  return exportGraph(graph);
}

/** x → y = x + 2 h, after which h is y; h is `vector(3)` at first. Nothing writes the state that holds 2. */
function accumulator(): Uint8Array<ArrayBuffer> {
  const graph = new Graph('accumulator');
  const x = graph.input('x', { dtype: 'f32', shape: [SIZE] });
  const h = graph.state(stream('h', x, () => vector(3)));
  const y = add([x, mul([h, graph.state(stream('two', x, () => new Float32Array(SIZE).fill(2)))])]);
  graph.output('y', y);
  assign.node([h, y]);
  return exportGraph(graph);
}

/** Outputs of each call, where states are fed by hand. */
function byHand(model: InferenceModel, calls: readonly Readonly<Record<string, TypedArray>>[], states: Readonly<Record<string, string>>) {
  const held: Record<string, TypedArray> = {};
  for (const { name, shape } of model.inputs) if (name in states) held[name] = new Float32Array(shape.reduce((p, n) => p * n, 1));
  return calls.map((call) => {
    const outputs = copied(model.run({ ...call, ...held }));
    for (const [input, output] of Object.entries(states)) held[input] = outputs[output] as TypedArray;
    return Object.fromEntries(Object.entries(outputs).filter(([name]) => !Object.values(states).includes(name)));
  });
}

const copied = (outputs: Readonly<Record<string, Tensor>>): Record<string, TypedArray> =>
  Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data.slice()]));

const failure = (bytes: Uint8Array, options?: LoadOptions): Promise<ThimbleError> =>
  load(bytes, options).then(
    () => expect.fail('it loads'),
    (error) => error,
  );

describe('states that load is told', () => {
  const calls = Array.from({ length: 4 }, (_, i) => ({ x: vector(i) }));
  const states = { a: 'aNext', b: 'bNext' };

  it('hold what the outputs had at the call before, also where they change places or are shown', async () => {
    const want = byHand(await load(cell()), calls, states);
    const model = await load(cell(), { states });
    expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(model.outputs.map(({ name }) => name)).toEqual(['y', 'seen', 'few']);
    expect(calls.map((call) => copied(model.run(call)))).toEqual(want);
    model.reset();
    expect(calls.map((call) => copied(model.run(call)))).toEqual(want);
  });

  it('are in the program that is exported', async () => {
    const model = await load(cell(), { states });
    const stored = await load(model.export());
    const files = await load(exportOnnx(model));
    const want = calls.map((call) => copied(model.run(call)));
    expect(calls.map((call) => copied(stored.run(call)))).toEqual(want);
    expect(calls.map((call) => copied(files.run(call)))).toEqual(want);
  });

  it('are refused where the names or types do not fit', async () => {
    await expect(failure(cell(), { states: { c: 'aNext' } })).resolves.toMatchObject({ code: 'INPUT', message: /no input "c"/ });
    await expect(failure(cell(), { states: { a: 'c' } })).resolves.toMatchObject({ code: 'INPUT', message: /no output "c"/ });
    await expect(failure(cell(), { states: { a: 'few' } })).resolves.toMatchObject({ code: 'SHAPE', expected: 'float32 [5]' });
    await expect(failure(cell(), { states: { a: 'aNext', b: 'aNext' } })).resolves.toMatchObject({ code: 'INPUT' });
  });
});

describe('an ONNX file of a graph with state', () => {
  it('has it as inputs and outputs, and its first contents, and load finds it again', async () => {
    const bytes = accumulator();
    const { inputs, outputs } = inspect(bytes);
    expect([inputs, outputs].map((ports) => ports.map(({ name }) => name))).toEqual([['x'], ['y']]);
    const model = await load(bytes);
    let h = vector(3);
    const steps = [vector(0), vector(1), vector(2)];
    for (const x of steps) {
      h = x.map((value, i) => Math.fround(value + Math.fround(2 * (h[i] as number))));
      expect((model.run({ x }).y as Tensor).data).toEqual(h);
    }
    model.reset();
    expect((model.run({ x: new Float32Array(SIZE) }).y as Tensor).data).toEqual(vector(3).map((value) => 2 * value));
  });

  it.runIf(onnxruntime)('runs in onnxruntime, where the caller carries the state', async () => {
    const { InferenceSession, Tensor: OrtTensor } = onnxruntime as NonNullable<typeof onnxruntime>;
    const session = await InferenceSession.create(accumulator(), { logSeverityLevel: 4 });
    const tensor = (elements: Float32Array) => new OrtTensor('float32', elements, [SIZE]);
    const first = await session.run({ x: tensor(vector(0)), h: tensor(vector(3)) });
    const model = await load(accumulator());
    expect((model.run({ x: vector(0) }).y as Tensor).data).toEqual(first.y?.data);
    expect(first['h.next']?.data).toEqual(first.y?.data);
    const second = await session.run({ x: tensor(vector(1)), h: tensor(first['h.next']?.data as Float32Array) });
    expect((model.run({ x: vector(1) }).y as Tensor).data).toEqual(second.y?.data);
  });

  it.each([
    ['["h"]', 'no input "0"'],
    ['{"q":{"next":"h.next"}}', 'no input "q"'],
    ['{"h":{"next":"nothing"}}', 'no output "nothing"'],
    ['{"h":"h.next"}', 'no output "undefined"'],
    ['{"h":null}', 'no output "undefined"'],
    ['{"h":{"next":"h.next","first":"h"}}', 'no initializer "h"'],
    ['{"h":{"next":"h.next"},"g":{"next":"h.next"}}', 'of two inputs'],
    ['{"h" "h.next"}', 'no JSON'],
    ['null', 'no object'],
  ])('is damaged where its metadata is %s', async (text, why) => {
    const graph = new Graph('damaged');
    const h = graph.input('h', { dtype: 'f32', shape: [SIZE] });
    graph.output('h.next', add([h, graph.input('g', h)]));
    const bytes = exportGraph(graph, { metadata: { 'thimble.states': text } });
    const error = await failure(bytes);
    expect(error).toMatchObject({ code: 'FORMAT' });
    expect(error.message).toContain(why);
    expect(() => inspect(bytes)).toThrow(/thimble\.states/);
  });
});

describe.runIf(existsSync(shared))('streaming models of others', () => {
  const read = (...parts: string[]) => new Uint8Array(readFileSync(join(shared, ...parts)));

  it.each([
    ['onnx/DTLN__pretrained_model__model_1/model.onnx', 'input_2', { input_3: 'tf_op_layer_stack_2' }, {}],
    ['onnx/silero-vad__data__silero_vad_op18_ifless/model.onnx', 'input', { state: 'stateN' }, { shapes: { input: [1, 512], batch: 1 } }],
  ])('%s', async (path, input, states, more) => {
    const constants = path.includes('silero') ? { sr: { dtype: 'i32' as const, shape: [], data: Int32Array.of(16000) } } : {};
    const open = await load(read(path), { ...more, constants });
    const { shape = [] } = open.inputs.find(({ name }) => name === input) ?? {};
    const length = shape.reduce((p, n) => p * n, 1);
    const calls = [1, 2, 3].map((seed) => ({ [input]: vector(seed, length) }));
    const model = await load(read(path), { ...more, constants, states });
    expect(calls.map((call) => copied(model.run(call)))).toEqual(byHand(open, calls, states));
  });

  it.each(['int8-weights', 'int8-dynamic', 'f16'] as const)('an LSTM of TFLite becomes %s', async (scheme) => {
    const model = await load(read('tflite/tflite-micro__trained_lstm/model.tflite'));
    const [{ name = '', shape = [] } = {}] = model.inputs;
    const calls = [1, 2, 3].map((seed) => ({
      [name]: vector(
        seed,
        shape.reduce((p, n) => p * n, 1),
      ),
    }));
    const small = await quantize(model, calls, { scheme });
    for (const { sqnr } of small.report.outputs) expect(sqnr).toBeGreaterThan(30);
    expect(small.model.program.state.length).toBe(model.program.state.length);
  });
});
