import { sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, conv2dInt16, lstmCellInt8, max, min } from '../../ops/index.ts';
import { reshapedTo } from '../moves.ts';
import { type NodeContext, scaleOf } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { factor, scaleIn } from './quantization.ts';
import { weightsOf } from './quantizedConvolution.ts';
import { type LstmInputs, overTime, stateOf } from './recurrent.ts';

const GATE = 2 ** -12;

/** UNIDIRECTIONAL_SEQUENCE_LSTM of int8 with 16-bit cells (LstmStepInteger8x8_16). */
export function quantizedLstm(n: NodeContext, at: LstmInputs, timeMajor: boolean, { cellClip }: { cellClip: number }): Value {
  if (n.x(at.x).dtype !== 'i8') n.refuse('an int16 sequence');
  if ([...at.peephole, ...at.norm, at.projection].some((index) => index >= 0 && n.has(index)))
    n.refuse('quantized peepholes, normalisation or projection');
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

  /** Sums of all gates: x [rows, width] (i8) in steps of GATE, with limits of 32 bits. */
  const product = (
    indexes: readonly number[],
    biases: readonly number[] | undefined,
    scale: number,
    zero: number,
  ): ((x: Value) => Value) => {
    const each = gates.map((gate) => weightsOf(n, indexes[gate] as number, [1, 0]));
    const width = (each[0] as { shape: readonly number[] }).shape[0] as number;
    const filters = units * gates.length;
    const data = new Int8Array(width * filters);
    each.forEach(({ data: own }, g) => {
      for (let k = 0; k < width; k++) data.set(own.subarray(k * units, (k + 1) * units) as Int8Array, k * filters + g * units);
    });
    const factors = each.map(({ scales }) => factor(((scales[0] as number) * scale) / GATE));
    const spread = (list: readonly number[]) => n.integers(list.flatMap((one) => new Array<number>(units).fill(one)));
    const bias = biases ? n.integers(gates.flatMap((gate) => n.numbers(biases[gate] as number))) : n.integers(new Int32Array(filters));
    const w = n.graph.constant({ dtype: 'i8', shape: [1, 1, width, filters], data });
    const [multiplier, shift] = [spread(factors.map((f) => f.multiplier)), spread(factors.map((f) => f.shift))];
    return (x) => {
      const rows = sizeOf(x.shape) / width;
      const image = reshapedTo(cast(x, { to: 'i32' }), [1, 1, rows, width]);
      const y = conv2dInt16([image, w, bias, multiplier, shift], {
        kernel: [1, 1],
        filters,
        xZero: zero,
        low: -(2 ** 31),
        high: 2 ** 31 - 1,
        rounding: 'double',
      });
      return reshapedTo(y, [rows, filters]);
    };
  };
  const from = scaleIn(n, at.x);
  const fromInput = product(at.input, at.bias, from.scale, from.zero);
  const fromHidden = product(at.recurrent, undefined, output.scale, output.zero);
  const limited = (x: Value) => min([max([x, n.integers([-32768], [])]), n.integers([32767], [])]);
  const [hidden, cell] = [stateOf(n, at.hidden), stateOf(n, at.cell)];
  let [h, c] = [hidden.value, cell.value];
  const attrs = {
    ...factor((2 ** -15 / hiddenScale.scale) * 2 ** -15),
    cellScale,
    zero: hiddenScale.zero,
    coupled,
    clip: cellClip > 0 ? Math.trunc(Math.min(Math.max(cellClip / 2 ** cellScale, -32768), 32767)) : 0,
  };
  const y = overTime(n.x(at.x), timeMajor, (x) => {
    const sums = limited(add([fromHidden(h), limited(fromInput(x))]));
    const [nextH, nextC] = lstmCellInt8.all([sums, c], attrs) as [Value, Value];
    h = nextH;
    c = nextC;
    return h;
  });
  hidden.set(h);
  cell.set(c);
  return y;
}
