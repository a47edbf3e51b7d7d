import type { Scalar, Table } from './flatbuffer.ts';

/** A scalar field of an options table: its number in the schema, its type, its default. */
type Field = readonly [id: number, type: Scalar, fallback?: number];
type Fields = Readonly<Record<string, Field>>;

/** The scalars of `table` by name; defaults where it or a field is left out. */
export function optionsOf<F extends Fields>(fields: F, table: Table | undefined): { readonly [K in keyof F]: number } {
  const read = ([id, type, fallback]: Field) => table?.scalar(id, type, fallback) ?? fallback ?? 0;
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, read(field)])) as { [K in keyof F]: number };
}

/** Options tables of the TFLite schema, scalars only. */
export const conv2DOptions = {
  padding: [0, 'i8'],
  strideW: [1, 'i32'],
  strideH: [2, 'i32'],
  fusedActivationFunction: [3, 'i8'],
  dilationWFactor: [4, 'i32', 1],
  dilationHFactor: [5, 'i32', 1],
  quantizedBiasType: [6, 'i8'],
} as const satisfies Fields;
export const conv3DOptions = {
  padding: [0, 'i8'],
  strideD: [1, 'i32'],
  strideW: [2, 'i32'],
  strideH: [3, 'i32'],
  fusedActivationFunction: [4, 'i8'],
  dilationDFactor: [5, 'i32', 1],
  dilationWFactor: [6, 'i32', 1],
  dilationHFactor: [7, 'i32', 1],
} as const satisfies Fields;
export const pool2DOptions = {
  padding: [0, 'i8'],
  strideW: [1, 'i32'],
  strideH: [2, 'i32'],
  filterWidth: [3, 'i32'],
  filterHeight: [4, 'i32'],
  fusedActivationFunction: [5, 'i8'],
} as const satisfies Fields;
export const depthwiseConv2DOptions = {
  padding: [0, 'i8'],
  strideW: [1, 'i32'],
  strideH: [2, 'i32'],
  depthMultiplier: [3, 'i32'],
  fusedActivationFunction: [4, 'i8'],
  dilationWFactor: [5, 'i32', 1],
  dilationHFactor: [6, 'i32', 1],
} as const satisfies Fields;
export const svdfOptions = {
  rank: [0, 'i32'],
  fusedActivationFunction: [1, 'i8'],
  asymmetricQuantizeInputs: [2, 'bool'],
} as const satisfies Fields;
export const rnnOptions = { fusedActivationFunction: [0, 'i8'], asymmetricQuantizeInputs: [1, 'bool'] } as const satisfies Fields;
export const sequenceRNNOptions = {
  timeMajor: [0, 'bool'],
  fusedActivationFunction: [1, 'i8'],
  asymmetricQuantizeInputs: [2, 'bool'],
} as const satisfies Fields;
export const bidirectionalSequenceRNNOptions = {
  timeMajor: [0, 'bool'],
  fusedActivationFunction: [1, 'i8'],
  mergeOutputs: [2, 'bool'],
  asymmetricQuantizeInputs: [3, 'bool'],
} as const satisfies Fields;
export const fullyConnectedOptions = {
  fusedActivationFunction: [0, 'i8'],
  weightsFormat: [1, 'i8'],
  keepNumDims: [2, 'bool'],
  asymmetricQuantizeInputs: [3, 'bool'],
  quantizedBiasType: [4, 'i8'],
} as const satisfies Fields;
export const softmaxOptions = { beta: [0, 'f32'] } as const satisfies Fields;
export const concatenationOptions = { axis: [0, 'i32'], fusedActivationFunction: [1, 'i8'] } as const satisfies Fields;
export const addOptions = { fusedActivationFunction: [0, 'i8'], potScaleInt16: [1, 'bool', 1] } as const satisfies Fields;
export const mulOptions = { fusedActivationFunction: [0, 'i8'] } as const satisfies Fields;
export const l2NormOptions = { fusedActivationFunction: [0, 'i8'] } as const satisfies Fields;
export const localResponseNormalizationOptions = {
  radius: [0, 'i32'],
  bias: [1, 'f32'],
  alpha: [2, 'f32'],
  beta: [3, 'f32'],
} as const satisfies Fields;
export const lstmOptions = {
  fusedActivationFunction: [0, 'i8'],
  cellClip: [1, 'f32'],
  projClip: [2, 'f32'],
  kernelType: [3, 'i8'],
  asymmetricQuantizeInputs: [4, 'bool'],
} as const satisfies Fields;
export const unidirectionalSequenceLSTMOptions = {
  fusedActivationFunction: [0, 'i8'],
  cellClip: [1, 'f32'],
  projClip: [2, 'f32'],
  timeMajor: [3, 'bool'],
  asymmetricQuantizeInputs: [4, 'bool'],
  diagonalRecurrentTensors: [5, 'bool'],
} as const satisfies Fields;
export const bidirectionalSequenceLSTMOptions = {
  fusedActivationFunction: [0, 'i8'],
  cellClip: [1, 'f32'],
  projClip: [2, 'f32'],
  mergeOutputs: [3, 'bool'],
  timeMajor: [4, 'bool', 1],
  asymmetricQuantizeInputs: [5, 'bool'],
} as const satisfies Fields;
export const resizeBilinearOptions = { alignCorners: [2, 'bool'], halfPixelCenters: [3, 'bool'] } as const satisfies Fields;
export const resizeNearestNeighborOptions = { alignCorners: [0, 'bool'], halfPixelCenters: [1, 'bool'] } as const satisfies Fields;
export const reduceWindowOptions = { bodySubgraphIndex: [5, 'i32'] } as const satisfies Fields;
export const compositeOptions = { decompositionSubgraphIndex: [1, 'i32'] } as const satisfies Fields;
export const callOptions = { subgraph: [0, 'u32'] } as const satisfies Fields;
export const spaceToDepthOptions = { blockSize: [0, 'i32'] } as const satisfies Fields;
export const depthToSpaceOptions = { blockSize: [0, 'i32'] } as const satisfies Fields;
export const subOptions = { fusedActivationFunction: [0, 'i8'], potScaleInt16: [1, 'bool', 1] } as const satisfies Fields;
export const divOptions = { fusedActivationFunction: [0, 'i8'] } as const satisfies Fields;
export const gatherOptions = { axis: [0, 'i32'], batchDims: [1, 'i32'] } as const satisfies Fields;
export const reducerOptions = { keepDims: [0, 'bool'] } as const satisfies Fields;
export const splitOptions = { numSplits: [0, 'i32'] } as const satisfies Fields;
export const stridedSliceOptions = {
  beginMask: [0, 'i32'],
  endMask: [1, 'i32'],
  ellipsisMask: [2, 'i32'],
  newAxisMask: [3, 'i32'],
  shrinkAxisMask: [4, 'i32'],
  offset: [5, 'bool'],
} as const satisfies Fields;
export const transposeConvOptions = {
  padding: [0, 'i8'],
  strideW: [1, 'i32'],
  strideH: [2, 'i32'],
  fusedActivationFunction: [3, 'i8'],
  quantizedBiasType: [4, 'i8'],
} as const satisfies Fields;
export const fakeQuantOptions = {
  min: [0, 'f32'],
  max: [1, 'f32'],
  numBits: [2, 'i32'],
  narrowRange: [3, 'bool'],
} as const satisfies Fields;
export const packOptions = { valuesCount: [0, 'i32'], axis: [1, 'i32'] } as const satisfies Fields;
export const oneHotOptions = { axis: [0, 'i32'] } as const satisfies Fields;
export const unpackOptions = { num: [0, 'i32'], axis: [1, 'i32'] } as const satisfies Fields;
export const leakyReluOptions = { alpha: [0, 'f32'] } as const satisfies Fields;
export const mirrorPadOptions = { mode: [0, 'i8'] } as const satisfies Fields;
export const reverseSequenceOptions = { seqDim: [0, 'i32'], batchDim: [1, 'i32'] } as const satisfies Fields;
export const ifOptions = { thenSubgraphIndex: [0, 'i32'], elseSubgraphIndex: [1, 'i32'] } as const satisfies Fields;
export const callOnceOptions = { initSubgraphIndex: [0, 'i32'] } as const satisfies Fields;
export const whileOptions = { condSubgraphIndex: [0, 'i32'], bodySubgraphIndex: [1, 'i32'] } as const satisfies Fields;
export const batchMatMulOptions = { adjX: [0, 'bool'], adjY: [1, 'bool'], asymmetricQuantizeInputs: [2, 'bool'] } as const satisfies Fields;
export const cumsumOptions = { exclusive: [0, 'bool'], reverse: [1, 'bool'] } as const satisfies Fields;
export const geluOptions = { approximate: [0, 'bool'] } as const satisfies Fields;
