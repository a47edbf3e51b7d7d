import type { TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { sizeOf } from '../core/shape.ts';
import { isShaped } from '../core/tensor.ts';
import { InferenceModel } from '../inference/model.ts';
import { converted, type Feed, type TensorInfo } from '../runtime/ports.ts';
import { type Inputs, inputsByName, type Rows, rowsOf } from '../train/data.ts';
import type { Model } from '../train/model.ts';
import type { ProbeFeeds } from './probe.ts';

/**
 * Data to calibrate with. Rows, as `predict` takes them (of one input, or by name), which are fed one call after the other; or a list of the
 * feeds of each call, as `run` of a loaded model takes them.
 */
export type CalibrationData = Inputs | Iterable<Readonly<Record<string, Feed>>> | AsyncIterable<Readonly<Record<string, Feed>>>;

const isList = (data: CalibrationData): data is Exclude<CalibrationData, Inputs> =>
  !ArrayBuffer.isView(data) && (Symbol.iterator in data || Symbol.asyncIterator in data);

/** The data as calls of the model; a trained model takes one row a call. */
export async function feedsOf(model: Model | InferenceModel, data: CalibrationData): Promise<ProbeFeeds[]> {
  const infos = inputsOf(model);
  if (!isList(data)) return model instanceof InferenceModel ? callsOf(data, infos) : rowsAsCalls(model, data);
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

function rowsAsCalls(model: Model, data: Inputs): ProbeFeeds[] {
  const columns = inputsByName(data, model.network.inputs).map(({ column, given }) => ({ column, ...rowsOf(given, column) }));
  const rows = columns[0]?.rows ?? 0;
  return Array.from({ length: rows }, (_, i) =>
    Object.fromEntries(
      columns.map(({ column, data: all }) => {
        const size = sizeOf(column.shape);
        return [column.name, all.slice(i * size, (i + 1) * size)];
      }),
    ),
  );
}

/** Elements of a loaded model's inputs, cut into calls. */
function callsOf(data: Inputs, infos: readonly TensorInfo[]): ProbeFeeds[] {
  const isOne = ArrayBuffer.isView(data) || isShaped(data);
  if (isOne && infos.length !== 1) {
    throw new ThimbleError('INPUT', `the model has ${infos.length} inputs`, {
      expected: `data by name: ${infos.map(({ name }) => name).join(', ')}`,
    });
  }
  const columns = infos.map((info) => {
    const given = isOne ? (data as Rows) : (data as Readonly<Record<string, Rows>>)[info.name];
    if (!given) throw new ThimbleError('INPUT', `the calibration data has no "${info.name}"`);
    const elements = ArrayBuffer.isView(given) ? given : given.data;
    const size = sizeOf(info.shape);
    if (size === 0 || elements.length % size) {
      throw new ThimbleError('INPUT', `the calibration data of "${info.name}" does not fit`, {
        expected: `a multiple of ${size} elements`,
        got: String(elements.length),
      });
    }
    return { info, elements, size };
  });
  const calls = Math.min(...columns.map(({ elements, size }) => elements.length / size));
  return Array.from({ length: calls }, (_, i) =>
    Object.fromEntries(columns.map(({ info, elements, size }) => [info.name, converted(info, elements.slice(i * size, (i + 1) * size))])),
  );
}
