import { ThimbleError } from '../core/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.ts';
import { isShaped } from '../core/tensor.ts';
import { InferenceModel } from '../inference/model.ts';
import { converted, type Feed, type TensorInfo } from '../runtime/ports.ts';
import type { Inputs, Rows } from '../train/data.ts';
import type { Model } from '../train/model.ts';
import type { ProbeFeeds } from './probe.ts';

/**
 * Data to calibrate with. Rows, as `predict` takes them (of one input, or by name), which are fed one call after the other; or a list of the
 * feeds of each call, as `run` of a loaded model takes them.
 */
export type CalibrationData = Inputs | Iterable<Readonly<Record<string, Feed>>> | AsyncIterable<Readonly<Record<string, Feed>>>;

const isList = (data: CalibrationData): data is Exclude<CalibrationData, Inputs> =>
  !ArrayBuffer.isView(data) && (Symbol.iterator in data || Symbol.asyncIterator in data);

/** The data as calls of the model; a trained model takes one row a call. @throws INPUT where it does not fit, has no rows, or has NaN. */
export async function feedsOf(model: Model | InferenceModel, data: CalibrationData): Promise<ProbeFeeds[]> {
  const infos = inputsOf(model);
  const feeds = isList(data) ? await listed(infos, data) : callsOf(data, infos);
  if (feeds.length === 0) throw new ThimbleError('INPUT', 'the calibration data has no rows', { hint: 'give a hundred typical ones' });
  feeds.forEach((call, i) => {
    const name = Object.keys(call).find((key) => call[key]?.some(Number.isNaN));
    if (name !== undefined)
      throw new ThimbleError('INPUT', `the calibration data of "${name}" has NaN in call ${i}`, { expected: 'numbers' });
  });
  return feeds;
}

async function listed(infos: readonly TensorInfo[], data: Exclude<CalibrationData, Inputs>): Promise<ProbeFeeds[]> {
  const feeds: ProbeFeeds[] = [];
  for await (const call of data) {
    const known = infos.map((info) => {
      const given = call[info.name];
      if (!given) throw new ThimbleError('INPUT', `call ${feeds.length} of the calibration data has no "${info.name}"`);
      return [info.name, converted(info, given)] as const;
    });
    feeds.push(Object.fromEntries(known));
  }
  return feeds;
}

function inputsOf(model: Model | InferenceModel): readonly TensorInfo[] {
  if (model instanceof InferenceModel) return model.inputs;
  return model.network.inputs.map(({ name, dtype, shape }) => ({
    name,
    dtype,
    type: dtype === 'f32' ? 'float32' : 'int32',
    shape: [1, ...shape],
  }));
}

/**
 * Whether rows of these extents can be those of an input: its own extents come last, axes of 1 aside, or flat. Data in another order of axes has as
 * many elements, too.
 */
function endsWith(shape: Shape, input: Shape): boolean {
  const [own, item] = [shape, input.slice(1)].map((extents) => extents.filter((extent) => extent !== 1)) as [number[], number[]];
  const isFlat = shape.length <= 1 || (shape.at(-1) as number) % sizeOf(item) === 0;
  return isFlat || sameShape(own.slice(own.length - item.length), item);
}

/** Elements of the inputs, cut into calls. */
function callsOf(data: Inputs, infos: readonly TensorInfo[]): ProbeFeeds[] {
  const isOne = ArrayBuffer.isView(data) || isShaped(data);
  if (isOne && infos.length !== 1) {
    throw new ThimbleError('INPUT', `the model has ${infos.length} inputs`, {
      expected: `data by name: ${infos.map(({ name }) => name).join(', ')}`,
    });
  }
  const unknown = isOne ? undefined : Object.keys(data).find((name) => !infos.some((info) => info.name === name));
  if (unknown !== undefined)
    throw new ThimbleError('INPUT', `the model has no input "${unknown}"`, { expected: infos.map(({ name }) => name).join(', ') });
  const columns = infos.map((info) => {
    const given = isOne ? (data as Rows) : (data as Readonly<Record<string, Rows>>)[info.name];
    if (!given) throw new ThimbleError('INPUT', `the calibration data has no "${info.name}"`);
    const elements = ArrayBuffer.isView(given) ? given : given.data;
    const size = sizeOf(info.shape);
    if (isShaped(given) && !endsWith(given.shape, info.shape)) {
      throw new ThimbleError('INPUT', `the calibration data of "${info.name}" does not fit`, {
        expected: `rows of ${formatShape(info.shape.slice(1))}`,
        got: formatShape(given.shape),
      });
    }
    if (size === 0 || elements.length % size) {
      throw new ThimbleError('INPUT', `the calibration data of "${info.name}" does not fit`, {
        expected: `a multiple of ${size} elements`,
        got: String(elements.length),
      });
    }
    return { info, elements, size };
  });
  const counts = new Set(columns.map(({ elements, size }) => elements.length / size));
  if (counts.size > 1)
    throw new ThimbleError('INPUT', 'the calibration data differs in its number of rows', { got: [...counts].join(', ') });
  const [calls = 0] = counts;
  return Array.from({ length: calls }, (_, i) =>
    Object.fromEntries(columns.map(({ info, elements, size }) => [info.name, converted(info, elements.slice(i * size, (i + 1) * size))])),
  );
}
