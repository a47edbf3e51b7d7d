/**
 * `int8`: weights and activations, with ranges from calibration data. `int8-dynamic`: weights, and the inputs of dense layers with the range they
 * have at run time. `int8-weights`, `int4-weights`: weights only; `f16`: weights in half precision.
 */
export const schemes = ['int8', 'int8-dynamic', 'int8-weights', 'int4-weights', 'f16'] as const;
/** One of `schemes`. */
export type Scheme = (typeof schemes)[number];
