import { allocate } from '../core/dtype.ts';
import { checkPreprocessing, type Preprocessing } from '../core/preprocessing.ts';
import type { Tensor } from '../core/tensor.ts';
import { checkImage, type Image, withChannels } from './image.ts';
import { centred, resize } from './resize.ts';

/** The image in the model's size and channels, still 8 bits: what augmentation works on. */
export function fitted(image: Image, spec: Preprocessing): Image {
  checkImage(image);
  checkPreprocessing(spec);
  const { width, height, filter, fit, crop, fill } = spec;
  const coloured = withChannels(image, spec.channels);
  if (fit === 'stretch' && crop === 1) return resize(coloured, width, height, filter);
  const [wide, high] = [Math.round(width / crop), Math.round(height / crop)];
  if (fit === 'stretch') return centred(resize(coloured, wide, high, filter), width, height);
  const ratios = [wide / image.width, high / image.height];
  const scale = fit === 'cover' ? Math.max(...ratios) : Math.min(...ratios);
  const scaled = resize(coloured, Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale)), filter);
  return centred(scaled, width, height, fill);
}

const bounds = { u8: [0, 255], i8: [-128, 127] } as const;

/** Rounds half to even, as quantization does. */
function toEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** A fitted image as a model's input: normalised, in its order and layout. Shape [height, width, channels] or [channels, height, width]. */
export function normalized({ width, height, channels, data }: Image, spec: Preprocessing): Tensor {
  const { order, layout, dtype, scale, zeroPoint } = spec;
  const pixels = width * height;
  const result = allocate(dtype, pixels * channels);
  const planar = layout === 'nchw';
  for (let c = 0; c < channels; c++) {
    const from = order === 'bgr' ? channels - 1 - c : c;
    const table = tableOf(spec, c);
    if (dtype !== 'f32') {
      const [low, high] = bounds[dtype];
      for (let i = 0; i < 256; i++) table[i] = Math.min(high, Math.max(low, toEven((table[i] as number) / scale) + zeroPoint));
    }
    for (let i = 0; i < pixels; i++)
      result[planar ? c * pixels + i : i * channels + c] = table[data[i * channels + from] as number] as number;
  }
  return { dtype, shape: planar ? [channels, height, width] : [height, width, channels], data: result };
}

/** (sample - mean) / deviation for every sample. */
function tableOf({ mean, deviation }: Preprocessing, channel: number): Float64Array {
  const pick = (values: number | readonly number[]) => (typeof values === 'number' ? values : (values[channel] ?? values[0])) as number;
  return Float64Array.from({ length: 256 }, (_, sample) => (sample - pick(mean)) / pick(deviation));
}

/** A picture of any size as a model's input; see `Preprocessing`. */
export const preprocess = (image: Image, spec: Preprocessing): Tensor => normalized(fitted(image, spec), spec);
