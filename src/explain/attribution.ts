import type { Tensor } from '../core/tensor.ts';

/** How much each element of each row counts for one of its scores. */
export interface Attribution {
  /** f32 [rows, ...input]; for maps over an image [rows, height, width]. */
  readonly values: Tensor;
  /** Which score of each row. */
  readonly targets: Int32Array;
  /** What that score is. */
  readonly scores: Float32Array;
}
