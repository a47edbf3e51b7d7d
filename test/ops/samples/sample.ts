import type { DType } from '../../../src/core/dtype.ts';
import { packPanels, panelShape } from '../../../src/core/panels.ts';
import { depthwiseQuadShape, packDepthwiseQuads, packQuads, quadShape } from '../../../src/core/quads.ts';
import type { Random } from '../../../src/core/random.ts';
import { type Shape, sizeOf } from '../../../src/core/shape.ts';

/** One operand of a sample: its type and how its elements are drawn. */
export interface SampleInput {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Uniform in this range; [-2, 2] where left out. */
  readonly range?: readonly [number, number];
  /** The elements themselves, where chance would not do. */
  readonly values?: readonly number[];
  /** Groups of a weight whose `shape` is the logical one: drawn in rows, packed into panels. */
  readonly panels?: number;
  /** 8-bit weights whose `shape` is the logical one, packed into quads. */
  readonly quads?: { readonly groups: number; readonly runs: number } | 'depthwise';
  /** Another operand's forward output is needed: computed by the test from these operators. */
  readonly positive?: boolean;
}

/** One call of an operator. */
export interface Sample {
  readonly inputs: readonly SampleInput[];
  readonly attrs?: Readonly<Record<string, unknown>>;
}

export type Samples = Readonly<Record<string, readonly Sample[]>>;

export const f32 = (...shape: number[]): SampleInput => ({ shape });
export const ranged = (low: number, high: number, ...shape: number[]): SampleInput => ({ shape, range: [low, high] });
export const i32 = (...shape: number[]): SampleInput => ({ shape, dtype: 'i32', range: [-9, 10] });
/** The same calls on i32. */
export const ofI32 = (samples: readonly Sample[]): Sample[] =>
  samples.map((sample) => ({ ...sample, inputs: sample.inputs.map((input) => (input.dtype ? input : i32(...input.shape))) }));
/** The same calls on f32 and on i32. */
export const f32AndI32 = (samples: readonly Sample[]): Sample[] => [...ofI32(samples), ...samples];
export const indexes = (limit: number, ...shape: number[]): SampleInput => ({ shape, dtype: 'i32', range: [0, limit] });
export const weights = (shape: Shape, panels = 1): SampleInput => ({ shape, panels });

export const i8 = (...shape: number[]): SampleInput => ({ shape, dtype: 'i8', range: [-128, 128] });
/** The same calls on i8. */
export const ofI8 = (samples: readonly Sample[]): Sample[] =>
  samples.map((sample) => ({ ...sample, inputs: sample.inputs.map((input) => (input.dtype ? input : i8(...input.shape))) }));
/** The same calls on whatever moves. */
export const anyType = (samples: readonly Sample[]): Sample[] => [...ofI8(samples), ...f32AndI32(samples)];

/** Lengths that cover empty tensors, every tail of a vector and more than one block. */
export const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 63, 130];

/** The operand's memory shape. */
export function shapeOf({ shape, panels, quads }: SampleInput): Shape {
  if (quads === 'depthwise') return depthwiseQuadShape(shape);
  if (quads) return quadShape(shape, quads.groups, quads.runs);
  return panels === undefined ? shape : panelShape(shape, panels);
}

/** The operand's elements in memory layout, rounded to what its dtype holds. */
export function draw({ shape, dtype = 'f32', range = [-2, 2], values, panels, quads }: SampleInput, random: Random): Float64Array {
  if (values) return Float64Array.from(values);
  const rows = Float64Array.from({ length: sizeOf(shape) }, () => {
    const value = random.uniform(range[0], range[1]);
    return dtype === 'f32' ? Math.fround(value) : Math.floor(value);
  });
  if (quads === 'depthwise') return packDepthwiseQuads(rows, shape);
  if (quads) return packQuads(rows, shape, quads.groups, quads.runs);
  return panels === undefined ? rows : packPanels(rows, shape, panels);
}
