/** Bytes of scratch kernels need, from the numbers in their records. */

/** `depthwise_conv2d_f32` and its gradients: the class `Correlation` of assembly/kernels/correlation.ts, rounded up to 16. */
export const depthwiseScratch = 160;

/** `matmul_f32_grad_input`: a panel of the transposed weights. */
export const matmulGradInputScratch = (columns: number): number => columns * 32;

/** `matmul_f32_batched`: the panels of b, and the rows of a where its elements are not neighbours. */
export const batchedMatmulScratch = (sizes: { rows: number; columns: number; depth: number; aColumn: number }): number =>
  Math.ceil(sizes.columns / 8) * sizes.depth * 32 + (sizes.aColumn === 1 ? 0 : sizes.rows * sizes.depth * 4);
