import { INPUT_OFFSET } from '../../core/quads.ts';
import type { Value } from '../../ir/graph.ts';
import { lstmInt8 } from '../../ops/index.ts';
import { type NodeContext, scaleOf } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { factor, scaleIn } from './quantization.ts';
import { biasOf, weightsOf } from './quantizedConvolution.ts';
import { given, type LstmClips, type LstmInputs, stateOf } from './recurrentInputs.ts';
import { unrolledLstm } from './unrolledLstm.ts';

const f32 = Math.fround;

/** Sums of gates are in steps of this. */
const GATE = 2 ** -12;

/** The scales of the sums of the gates: those that are normalised have their own, which the file states. */
const gateScales = (n: NodeContext, at: LstmInputs): number[] =>
  at.norm.map((index, gate) => {
    if (!at.norm.some((any) => given(n, any))) return GATE;
    const { quantization } = n.scope.graph.tensors[n.node.intermediates[gate] ?? -1] ?? {};
    if (!quantization && given(n, index)) throw damaged('a normalised gate without the scale of its sum');
    return quantization?.scales[0] ?? GATE;
  });

/** Weights of all gates, one row a unit, with the biases that take off the zero point of what they meet, and the factors of their sums. */
interface Products {
  readonly weights: Value;
  readonly biases: readonly number[];
  readonly factors: readonly number[];
}

/** UNIDIRECTIONAL_SEQUENCE_LSTM of int8 with 16-bit cells (LstmStepInteger8x8_16). */
export function quantizedLstm(n: NodeContext, at: LstmInputs, timeMajor: boolean, clips: LstmClips): Value {
  if (n.x(at.x).dtype !== 'i8') n.refuse('an int16 sequence');
  const coupled = !n.has(at.input[0] as number);
  const gates = coupled ? [1, 2, 3] : [0, 1, 2, 3];
  const units = n.shape(at.input[1] as number)[0] as number;
  n.allow(32 * units);
  const hiddenSpec = n.scope.graph.tensors[n.node.intermediates[4] ?? -1];
  const cellSpec = n.input(at.cell);
  const output = scaleOf({ quantization: n.input(at.hidden).quantization, elem: 'int8' });
  if (!hiddenSpec?.quantization || !cellSpec.quantization) throw damaged('an integer LSTM without the scales of its cell and hidden state');
  const hiddenScale = scaleOf({ quantization: hiddenSpec.quantization, elem: 'int8' });
  const cellScale = Math.log2(cellSpec.quantization.scales[0] as number);
  if (!Number.isInteger(cellScale)) n.refuse('a cell whose scale is no power of two');
  if ([...at.peephole, ...at.norm, at.projection].some((index) => given(n, index)))
    return unrolledLstm(n, at, timeMajor, clips, { gates: gateScales(n, at), hidden: hiddenScale, cell: cellScale });

  const products = (indexes: readonly number[], biases: readonly number[] | undefined, scale: number, zero: number): Products => {
    const each = gates.map((gate) => weightsOf(n, indexes[gate] as number, [0, 1]));
    const [, width = 0] = each[0]?.shape ?? [];
    const data = new Int8Array(gates.length * units * width);
    each.forEach(({ shape, data: own }, g) => {
      if (!(own instanceof Int8Array)) n.refuse('weights of more than 8 bits');
      if (shape[0] !== units || shape[1] !== width) throw damaged('weights of gates that differ in shape');
      data.set(own, g * units * width);
    });
    const own = gates.flatMap((gate) => (biases ? biasOf(n, biases[gate] as number, units) : new Array<number>(units).fill(0)));
    const factors = each.map(({ scales }) => factor(f32(f32((scales[0] as number) * scale) / GATE)));
    return {
      weights: n.graph.constant({ dtype: 'i8', shape: [gates.length * units, width], data }),
      biases: own.map(
        (bias, row) => (bias - (zero + INPUT_OFFSET) * data.subarray(row * width, (row + 1) * width).reduce((sum, w) => sum + w, 0)) | 0,
      ),
      factors: [...factors.map(({ multiplier }) => multiplier), ...factors.map(({ shift }) => shift)],
    };
  };
  const from = scaleIn(n, at.x);
  const input = products(at.input, at.bias, from.scale, from.zero);
  const recurrent = products(at.recurrent, undefined, output.scale, output.zero);
  const [hidden, cell] = [stateOf(n, at.hidden), stateOf(n, at.cell)];
  const [y, h, c] = lstmInt8.all(
    [
      n.x(at.x),
      input.weights,
      recurrent.weights,
      n.integers([...input.biases, ...recurrent.biases], [2, gates.length * units]),
      n.integers([...input.factors, ...recurrent.factors], [4, gates.length]),
      hidden.value,
      cell.value,
    ],
    {
      ...factor(f32((2 ** -15 / hiddenScale.scale) * 2 ** -15)),
      timeMajor,
      cellScale,
      zero: hiddenScale.zero,
      coupled,
      clip: clips.cellClip > 0 ? Math.trunc(Math.min(clips.cellClip / 2 ** cellScale, 32767)) : 0,
    },
  ) as [Value, Value, Value];
  hidden.set(h);
  cell.set(c);
  return y;
}
