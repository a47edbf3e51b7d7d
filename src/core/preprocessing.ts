import { ThimbleError } from './errors.ts';

/** `area` averages what a new pixel covers; `nearest` takes one pixel and is the only one without antialias. */
export type Filter = 'nearest' | 'area' | 'bilinear' | 'bicubic' | 'lanczos';

/**
 * How a picture of any size becomes the input of a model. Travels inside `.thimble` files and the metadata of ONNX files, so that a photograph
 * gives the same answer on every host.
 */
export interface Preprocessing {
  readonly width: number;
  readonly height: number;
  /** 1: grey. */
  readonly channels: 1 | 3;
  readonly order: 'rgb' | 'bgr';
  /** Channels of a pixel side by side, or a plane each. */
  readonly layout: 'nhwc' | 'nchw';
  /**
   * What happens to other proportions: `stretch` ignores them, `cover` cuts what sticks out, `contain` keeps all and pads with `fill`.
   */
  readonly fit: 'stretch' | 'cover' | 'contain';
  readonly filter: Filter;
  /** Share of the covered image's sides that is kept: 0.875 is torchvision's `Resize(256)`, `CenterCrop(224)`. */
  readonly crop: number;
  /** Sample from 0 to 255 of what `contain` adds. */
  readonly fill: number;
  /** x = (sample - mean) / deviation for samples from 0 to 255; one number for all channels, or one a channel in the order of the model. */
  readonly mean: number | readonly number[];
  readonly deviation: number | readonly number[];
  /** The model's element type. An integer is round(x / scale) + zeroPoint. */
  readonly dtype: 'f32' | 'u8' | 'i8';
  readonly scale: number;
  readonly zeroPoint: number;
}

const choices = {
  channels: [1, 3],
  order: ['rgb', 'bgr'],
  layout: ['nhwc', 'nchw'],
  fit: ['stretch', 'cover', 'contain'],
  filter: ['nearest', 'area', 'bilinear', 'bicubic', 'lanczos'],
  dtype: ['f32', 'u8', 'i8'],
} as const;

const defaults: Omit<Preprocessing, 'width' | 'height'> = {
  channels: 3,
  order: 'rgb',
  layout: 'nhwc',
  fit: 'stretch',
  filter: 'bilinear',
  crop: 1,
  fill: 0,
  mean: 127.5,
  deviation: 127.5,
  dtype: 'f32',
  scale: 1,
  zeroPoint: 0,
};

/** A complete preprocessing: RGB, stretched, bilinear, from -1 to 1, where `given` says nothing else. @throws INPUT for values that are none. */
export function preprocessing(given: Pick<Preprocessing, 'width' | 'height'> & Partial<Preprocessing>): Preprocessing {
  const spec: Preprocessing = { ...defaults, ...given };
  checkPreprocessing(spec);
  return spec;
}

/** @throws INPUT naming the first field that cannot be. */
export function checkPreprocessing(spec: Preprocessing): void {
  const fail = (field: keyof Preprocessing, expected: string): never => {
    throw new ThimbleError('INPUT', `${field} of the preprocessing is ${JSON.stringify(spec[field])}`, { expected });
  };
  for (const field of ['width', 'height'] as const)
    if (!(Number.isInteger(spec[field]) && spec[field] > 0 && spec[field] <= 16384)) fail(field, 'a whole number from 1 to 16384');
  for (const [field, allowed] of Object.entries(choices) as [keyof typeof choices, readonly unknown[]][])
    if (!allowed.includes(spec[field])) fail(field, allowed.join(', '));
  if (!(spec.crop > 0 && spec.crop <= 1)) fail('crop', 'a share above 0, at most 1');
  if (!(spec.fill >= 0 && spec.fill <= 255)) fail('fill', 'a sample from 0 to 255');
  if (!(Number.isFinite(spec.scale) && spec.scale > 0)) fail('scale', 'a number above 0');
  if (!Number.isInteger(spec.zeroPoint)) fail('zeroPoint', 'a whole number');
  for (const field of ['mean', 'deviation'] as const) {
    const values = typeof spec[field] === 'number' ? [spec[field]] : spec[field];
    const isGood = (value: unknown) => Number.isFinite(value) && (field === 'mean' || (value as number) > 0);
    const isList = Array.isArray(values) && (values.length === 1 || values.length === spec.channels);
    if (!isList || !values.every(isGood)) fail(field, `a number${field === 'deviation' ? ' above 0' : ''}, or ${spec.channels} of them`);
  }
}
