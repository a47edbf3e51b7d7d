import { sigmoid16, tanh16 } from '../../core/fixed16.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, gather, layerNormInt16, matmul, max, min, mul, sub } from '../../ops/index.ts';
import { rescale } from '../../ops/rescale.ts';
import { part } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { factor, scaleIn } from './quantization.ts';
import { biasOf, weightsOf } from './quantizedConvolution.ts';
import { given, type LstmClips, type LstmInputs, stateOf } from './recurrentInputs.ts';
import { overTime } from './unrolled.ts';

const f32 = Math.fround;

/** Scales that an integer LSTM states beside its tensors: of the sums of each gate, of h before it is projected; cells are in steps of 2^cell. */
export interface LstmScales {
  readonly gates: readonly number[];
  readonly hidden: { readonly scale: number; readonly zero: number };
  readonly cell: number;
}

/** Far above 16 bits, and two of them do not overflow. */
const WIDE = { zero: 0, low: -(2 ** 30), high: 2 ** 30 - 1, rounding: 'double' } as const;
const INT8 = { low: -128, high: 127, rounding: 'double' } as const;

/** Products of bytes are exact in floats as long as 512 are summed. */
const EXACT = 512;

/** An integer LSTM (LstmStepInteger8x8_16) with peepholes, layer normalisation or a projection, which no kernel has, step by step. */
export function unrolledLstm(n: NodeContext, at: LstmInputs, timeMajor: boolean, clips: LstmClips, scales: LstmScales): Value {
  const coupled = !n.has(at.input[0] as number);
  const output = scaleIn(n, at.hidden);
  const [hidden, cell] = [stateOf(n, at.hidden), stateOf(n, at.cell)];

  const limited = (x: Value, low: number, high: number): Value => min([max([x, n.integers([low], [])]), n.integers([high], [])]);
  const saturated = (x: Value): Value => limited(x, -32768, 32767);
  const table = (f: (x: number) => number): ((x: Value) => Value) => {
    n.allow(65536);
    const values = n.integers(Array.from({ length: 65536 }, (_, i) => f(i - 32768)));
    return (x) => gather([values, add([x, n.integers([32768], [])])], { axis: 0 });
  };
  const sigmoid = table(sigmoid16);
  const [tanh, tanhOfCell] = [table((x) => tanh16(x, 3)), table((x) => tanh16(x, 15 + scales.cell))];
  // Twice a product of two 16-bit numbers fits, and half of it is exact: one rounding shift is left.
  const shifted = (x: Value, bits: number): Value => rescale(add([x, x]), { ...WIDE, multiplier: 2 ** 30, shift: -bits });

  /** i8 [rows, width] · weights [filters, width] + bias, in i32. */
  const product = (weight: number, bias: number, zero: number): ((x: Value) => Value) => {
    const { shape, data } = weightsOf(n, weight, [1, 0]);
    const [width, filters] = shape as [number, number];
    const w = n.constant(Float32Array.from(data), [width, filters]);
    const blocks = Array.from({ length: Math.ceil(width / EXACT) }, (_, i) => [i * EXACT, Math.min(EXACT, width - i * EXACT)] as const);
    const start = n.integers(bias >= 0 ? biasOf(n, bias, filters) : new Array<number>(filters).fill(0));
    return (x) => {
      const centred = sub([cast(x, { to: 'f32' }), n.graph.scalar(zero)]);
      const sums = blocks.map(([first, size]) =>
        cast(matmul([part(centred, 1, first, size), n.folded(part(w, 0, first, size))]), { to: 'i32' }),
      );
      return [start, ...sums].reduce((a, b) => add([a, b]));
    };
  };
  const weightScale = (index: number): number => weightsOf(n, index, [0, 1]).scales[0] as number;

  /**
   * Weights of the cells, [batch, units]. The reference takes as many cells as there are outputs, though there may be more units: those that come first in
   * each item, or in the batch where it computes all items at once.
   */
  const peepholes = (index: number): Value => {
    const weights = n.numbers(index);
    const [batch, outputs] = hidden.value.shape as [number, number];
    if (outputs > weights.length)
      n.refuse(`peepholes of ${weights.length} units with ${outputs} outputs`, { expected: 'at most as many outputs' });
    n.allow(batch * weights.length);
    const spread = new Int32Array(batch * weights.length);
    for (let b = 0; b < batch; b++) spread.set(weights.slice(0, outputs), b * (timeMajor ? outputs : weights.length));
    return n.integers(spread, [batch, weights.length]);
  };

  /** The sum of gate `index` in 16 bits. */
  const gateOf = (index: number): ((x: Value, h: Value, c: Value) => Value) => {
    const [input, recurrent, peephole] = [at.input, at.recurrent, at.peephole].map((list) => list[index] as number) as [
      number,
      number,
      number,
    ];
    const from = scaleIn(n, at.x);
    const scaled = (value: Value, real: number): Value =>
      rescale(value, { ...factor(f32(f32(real) / (scales.gates[index] as number))), ...WIDE });
    const normalized = given(n, at.norm[index] as number) ? normalization(index) : (x: Value): Value => x;
    // What is normalised has its bias added then.
    const bias = given(n, at.norm[index] as number) ? -1 : (at.bias[index] as number);
    const [fromInput, fromHidden] = [product(input, bias, from.zero), product(recurrent, -1, output.zero)];
    const [inputScale, hiddenScale] = [weightScale(input) * from.scale, weightScale(recurrent) * output.scale];
    const peep = given(n, peephole) ? { weights: peepholes(peephole), scale: scaleIn(n, peephole).scale * 2 ** scales.cell } : undefined;
    return (x, h, c) => {
      const sum = saturated(add([saturated(scaled(fromInput(x), inputScale)), scaled(fromHidden(h), hiddenScale)]));
      return normalized(peep ? saturated(add([sum, scaled(mul([c, peep.weights]), peep.scale)])) : sum);
    };
  };

  /** Layer normalisation of gate `index`. */
  function normalization(index: number): (x: Value) => Value {
    const at16 = at.norm[index] as number;
    const { scale } = scaleIn(n, at16);
    const weights = n.numbers(at16);
    const attrs = { ...factor(scale), guard: Math.max(1, Math.trunc(f32(10000 * scale))) };
    const operands = [n.integers(weights), n.integers(biasOf(n, at.bias[index] as number, weights.length))];
    return (x) => layerNormInt16([x, ...operands], attrs);
  }

  const [inputGate, forgetGate, candidate, outputGate] = [coupled ? undefined : gateOf(0), gateOf(1), gateOf(2), gateOf(3)];
  const isProjected = given(n, at.projection);
  // What is projected is stored less its zero point by the reference, not more: the limits of a byte differ.
  const hiddenZero = isProjected ? -scales.hidden.zero : scales.hidden.zero;
  const project = isProjected ? projection() : undefined;

  function projection(): (h: Value) => Value {
    const sums = product(at.projection, given(n, at.projectionBias) ? at.projectionBias : -1, hiddenZero);
    const real = f32(f32(weightScale(at.projection) * scales.hidden.scale) / output.scale);
    const bound = clips.projClip > 0 ? limitOf(clips.projClip / output.scale, 127) : 128;
    return (h) => limited(rescale(sums(h), { ...factor(real), zero: output.zero, ...INT8 }), -bound, bound);
  }

  const bound = clips.cellClip > 0 ? limitOf(clips.cellClip / 2 ** scales.cell, 32767) : 32768;
  let [h, c] = [hidden.value, cell.value];
  const y = overTime(n.x(at.x), timeMajor, (x) => {
    const forget = sigmoid(forgetGate(x, h, c));
    const input = inputGate ? sigmoid(inputGate(x, h, c)) : sub([n.integers([32767], []), forget]);
    const added = shifted(mul([input, tanh(candidate(x, h, c))]), 30 + scales.cell);
    c = limited(saturated(add([shifted(mul([forget, c]), 15), added])), -bound, bound);
    const product16 = mul([sigmoid(outputGate(x, h, c)), tanhOfCell(c)]);
    const real = f32((2 ** -15 / scales.hidden.scale) * 2 ** -15);
    const next = cast(rescale(product16, { ...factor(real), zero: hiddenZero, ...INT8 }), { to: 'i8' });
    h = project ? cast(project(next), { to: 'i8' }) : next;
    return h;
  });
  hidden.set(h);
  cell.set(c);
  return y;
}

/** A limit in steps, as the interpreter makes it whole. */
const limitOf = (steps: number, most: number): number => Math.trunc(Math.min(steps, most));
