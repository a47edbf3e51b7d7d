import type { FieldType } from './records.ts';

/** Records of what comes after a network: boxes, regions, decision trees. */
export const detectionRecords = {
  /** boxes [batch, boxCount, 4], scores [batch, classes, boxCount] → y i32 [batch · classes · limit, 3], count i32 [1]. scratch: boxCount u32. */
  NonMaxSuppression: {
    boxes: 'ptr',
    scores: 'ptr',
    y: 'ptr',
    count: 'ptr',
    scratch: 'ptr',
    batch: 'u32',
    classes: 'u32',
    boxCount: 'u32',
    limit: 'u32',
    centerPointBox: 'u32',
    iouThreshold: 'f32',
    scoreThreshold: 'f32',
  },
  /** boxes [boxCount, 4], scores [boxCount] → y i32 and kept f32 [limit], count i32 [1]. factor: of squared overlaps, -1 / 2 sigma. scratch: 3 · boxCount u32. */
  SoftNonMaxSuppression: {
    boxes: 'ptr',
    scores: 'ptr',
    y: 'ptr',
    kept: 'ptr',
    count: 'ptr',
    scratch: 'ptr',
    boxCount: 'u32',
    limit: 'u32',
    iouThreshold: 'f32',
    scoreThreshold: 'f32',
    factor: 'f32',
  },
  /**
   * x [batch, inHeight, inWidth, channels], regions [rois, 4], batchIndices i32 [rois] → y [rois, outHeight, outWidth, channels].
   * samplingRatio 0: one sample a pixel.
   */
  RoiAlign: {
    x: 'ptr',
    regions: 'ptr',
    batchIndices: 'ptr',
    y: 'ptr',
    batch: 'u32',
    inHeight: 'u32',
    inWidth: 'u32',
    channels: 'u32',
    rois: 'u32',
    outHeight: 'u32',
    outWidth: 'u32',
    samplingRatio: 'u32',
    spatialScale: 'f32',
    halfPixel: 'u32',
    maximum: 'u32',
  },
  /** x [rows, features] → y [rows, targetCount]; the tables are those of `ops/treeEnsemble.ts`. aggregate 0: sum, 1: average, 2: min, 3: max. */
  TreeEnsemble: {
    x: 'ptr',
    nodes: 'ptr',
    thresholds: 'ptr',
    roots: 'ptr',
    leaves: 'ptr',
    targets: 'ptr',
    weights: 'ptr',
    y: 'ptr',
    rows: 'u32',
    features: 'u32',
    nodeCount: 'u32',
    trees: 'u32',
    leafCount: 'u32',
    votes: 'u32',
    targetCount: 'u32',
    aggregate: 'u32',
  },
} as const satisfies Record<string, Record<string, FieldType>>;
