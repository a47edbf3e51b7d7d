/** Bytes of scratch kernels need, from the numbers in their records. */

/** `depthwise_conv2d_f32` and its gradients: the class `Correlation` of assembly/kernels/correlation.ts, rounded up to 16. */
export const depthwiseScratch = 160;

/** `matmul_f32_grad_input`: a panel of the transposed weights. */
export const matmulGradInputScratch = (columns: number): number => columns * 32;

/** `matmul_f32_batched`: the panels of b, and the rows of a where its elements are not neighbours. */
export const batchedMatmulScratch = (sizes: { rows: number; columns: number; depth: number; aColumn: number }): number =>
  Math.ceil(sizes.columns / 8) * sizes.depth * 32 + (sizes.aColumn === 1 ? 0 : sizes.rows * sizes.depth * 4);

/** Bytes that `conv2d_f32_winograd` keeps of a tile: its transformed inputs and the products with a panel. */
export const winogradTileBytes = (channels: number): number => (channels + 1) * 64 + 512;

/** `conv2d_f32_winograd`: `tiles` tiles, rounded up to fours, a panel of transformed weights, one tile's inputs with padding. */
export const winogradScratch = (tiles: number, channels: number): number =>
  Math.ceil(tiles / 4) * 4 * winogradTileBytes(channels) + channels * (512 + 64);
