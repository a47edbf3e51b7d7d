// Recurrent nodes over a sequence against the same node applied to one step after the other, with its state carried by hand.
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { exportOnnx } from '../../src/export/onnx.ts';
import { load } from '../../src/inference/load.ts';
import { type FileModel, type FileTensor, modelFile } from './onnxFile.ts';

const [STEPS, BATCH, WIDTH, UNITS] = [5, 2, 3, 6];
const gates = { RNN: 1, GRU: 3, LSTM: 4 } as const;

type Kind = keyof typeof gates;

interface Case {
  readonly kind: Kind;
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
  readonly hasState: boolean;
  readonly linearBeforeReset: 0 | 1;
}

const cases: Case[] = (['RNN', 'GRU', 'LSTM'] as const).flatMap((kind) =>
  (['forward', 'reverse', 'bidirectional'] as const).flatMap((direction) =>
    [false, true].flatMap((hasState) =>
      (kind === 'GRU' ? ([0, 1] as const) : ([0] as const)).map((linearBeforeReset) => ({ kind, direction, hasState, linearBeforeReset })),
    ),
  ),
);

function randomNumbers(seed: number): (...dims: number[]) => FileTensor {
  const random = new Random(seed);
  return (...dims) => ({
    type: 'float',
    dims,
    data: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.fround(random.uniform() * 2 - 1)),
  });
}

/** A slice of a tensor along its first axis. */
function rows({ type, dims, data }: FileTensor, from: number, to: number): FileTensor {
  const each = data.length / (dims[0] as number);
  return { type, dims: [to - from, ...dims.slice(1)], data: data.slice(from * each, to * each) };
}

async function outputs(
  { kind, direction, linearBeforeReset }: Case,
  tensors: Readonly<Record<string, FileTensor>>,
  { roundTrip = false, areFed = false } = {},
): Promise<Record<string, number[]>> {
  const hasState = !!tensors.h;
  const weights = ['w', 'r', 'b'];
  const names = ['y', 'last', ...(kind === 'LSTM' ? ['cell'] : [])];
  const file: FileModel = {
    nodes: [
      {
        op: kind,
        attributes: {
          hidden_size: UNITS,
          direction,
          ...(kind === 'GRU' && { linear_before_reset: linearBeforeReset }),
        },
        inputs: ['x', 'w', 'r', 'b', ...(hasState ? ['', 'h', ...(kind === 'LSTM' ? ['c'] : [])] : [])],
        outputs: names,
      },
    ],
    inputs: Object.fromEntries(
      ['x', 'h', 'c', ...(areFed ? weights : [])].flatMap((name) => (tensors[name] ? [[name, tensors[name]]] : [])),
    ),
    initializers: Object.fromEntries((areFed ? [] : weights).map((name) => [name, tensors[name] as FileTensor])),
    outputs: names,
  };
  const model = await load(modelFile(file), { flavour: 'simd' });
  const feeds = Object.fromEntries(model.inputs.map(({ name }) => [name, Float32Array.from((tensors[name] as FileTensor).data, Number)]));
  const listed = (results: ReturnType<typeof model.run>) =>
    Object.fromEntries(names.map((name) => [name, Array.from(results[name]?.data ?? [])]));
  const got = listed(model.run(feeds));
  if (roundTrip) {
    const again = listed((await load(exportOnnx(model))).run(feeds));
    for (const name of names) expect(furthest(again[name], got[name] as number[]), `${name} of the exported model`).toBeLessThan(1e-5);
  }
  return got;
}

/** The largest difference; NaN where a number is missing. */
const furthest = (got: readonly number[] | undefined, want: readonly number[]): number =>
  Math.max(...want.map((value, i) => Math.abs(value - (got?.[i] ?? Number.NaN))));

/** One direction, step by step. */
async function stepByStep(one: Case, reverse: boolean, d: number, tensors: Readonly<Record<string, FileTensor>>) {
  const own = (name: string) => rows(tensors[name] as FileTensor, d, d + 1);
  const zero: FileTensor = { type: 'float', dims: [1, BATCH, UNITS], data: new Array<number>(BATCH * UNITS).fill(0) };
  let h = tensors.h ? own('h') : zero;
  let c = one.kind === 'LSTM' ? (tensors.c ? own('c') : zero) : undefined;
  const ys: number[][] = [];
  for (let i = 0; i < STEPS; i++) {
    const t = reverse ? STEPS - 1 - i : i;
    const x = rows(tensors.x as FileTensor, t, t + 1);
    const weights = { w: own('w'), r: own('r'), b: own('b') };
    const { y, last, cell } = await outputs({ ...one, direction: 'forward' }, { x, ...weights, h, ...(c && { c }) });
    ys[t] = y as number[];
    h = { ...zero, data: last as number[] };
    if (c) c = { ...zero, data: cell as number[] };
  }
  return { ys, last: h.data as number[], cell: (c?.data ?? []) as number[] };
}

describe.each(cases)('$kind $direction, state given: $hasState, linear_before_reset $linearBeforeReset', (one) => {
  it('is its steps, both biases in every gate, and so is what is exported of it', async () => {
    const count = one.direction === 'bidirectional' ? 2 : 1;
    const width = gates[one.kind] * UNITS;
    const random = randomNumbers(7);
    const tensors = {
      x: random(STEPS, BATCH, WIDTH),
      w: random(count, width, WIDTH),
      r: random(count, width, UNITS),
      b: random(count, 2 * width),
      ...(one.hasState && { h: random(count, BATCH, UNITS), ...(one.kind === 'LSTM' && { c: random(count, BATCH, UNITS) }) }),
    };
    const got = await outputs(one, tensors, { roundTrip: true });
    const directions: Awaited<ReturnType<typeof stepByStep>>[] = [];
    for (let d = 0; d < count; d++) directions.push(await stepByStep(one, one.direction === 'reverse' || d === 1, d, tensors));
    const want = {
      y: Array.from({ length: STEPS }, (_, t) => directions.flatMap(({ ys }) => ys[t] as number[])).flat(),
      last: directions.flatMap(({ last }) => last),
      ...(one.kind === 'LSTM' && { cell: directions.flatMap(({ cell }) => cell) }),
    };
    for (const [name, values] of Object.entries(want)) expect(furthest(got[name], values), name).toBeLessThan(1e-5);
    const fed = await outputs(one, tensors, { roundTrip: true, areFed: true });
    for (const [name, values] of Object.entries(want)) expect(furthest(fed[name], values), `${name}, weights fed`).toBeLessThan(1e-5);
  });
});
