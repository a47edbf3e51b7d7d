import { f32, indexes, ranged, type Sample, type SampleInput, type Samples } from './sample.ts';

/** Boxes as two corners in any order, close enough to overlap, and scores some of which are equal. */
const boxes = (batch: number, classes: number, count: number, scores = ranged(-1, 1, batch, classes, count)): readonly SampleInput[] => [
  ranged(0, 4, batch, count, 4),
  scores,
];
/** Every score 0: the order is that of the boxes. */
const equal = (batch: number, classes: number, count: number): SampleInput => ranged(0, 0, batch, classes, count);

/** Overlaps of exactly ½ and of nothing, a box without area, and scores that are no numbers or -Infinity. */
const edges: readonly SampleInput[] = [
  {
    shape: [1, 6, 4],
    values: [
      [0, 0, 1, 2],
      [0, 0, 1, 1],
      [0, 2, 1, 3],
      [0, 0, 0, 2],
      [1, 2, 0, 0],
      [0, 0, 1, 2],
    ].flat(),
  },
  { shape: [1, 2, 6], values: [5, 4, 3, 2, Number.NEGATIVE_INFINITY, Number.NaN, 1, Number.NaN, 0, 0, 9, Number.NEGATIVE_INFINITY] },
];

const suppression: Sample[] = [
  ...[0.4999, 0.5, 1].flatMap((iouThreshold) => [
    { inputs: edges, attrs: { maxOutputBoxes: 6, iouThreshold } },
    { inputs: edges, attrs: { maxOutputBoxes: 6, iouThreshold, scoreThreshold: 0 } },
  ]),
  ...[0, 1, 2, 3, 5, 8, 40, 131].map((n) => ({ inputs: boxes(1, 1, n), attrs: { maxOutputBoxes: n, iouThreshold: 0.3 } })),
  ...[0, 0.1, 0.9, 1].map((iouThreshold) => ({ inputs: boxes(2, 3, 17), attrs: { maxOutputBoxes: 20, iouThreshold } })),
  { inputs: boxes(2, 3, 17), attrs: { maxOutputBoxes: 4, iouThreshold: 0.5, scoreThreshold: 0.25 } },
  { inputs: boxes(2, 3, 17), attrs: { maxOutputBoxes: 17, iouThreshold: 0.2, scoreThreshold: 0.5, centerPointBox: true } },
  { inputs: boxes(1, 2, 30, equal(1, 2, 30)), attrs: { maxOutputBoxes: 30, iouThreshold: 0.4 } },
  { inputs: boxes(1, 2, 9, equal(1, 2, 9)), attrs: { maxOutputBoxes: 9, scoreThreshold: 0 } },
  { inputs: boxes(1, 2, 9), attrs: { maxOutputBoxes: 0 } },
  { inputs: boxes(1, 2, 9), attrs: { maxOutputBoxes: 9, iouThreshold: -1, scoreThreshold: -2 } },
  { inputs: boxes(0, 2, 9), attrs: { maxOutputBoxes: 9 } },
  { inputs: boxes(2, 0, 9), attrs: { maxOutputBoxes: 9 } },
];

const images = (channels: number): SampleInput => f32(2, 7, 9, channels);
const regions = (count: number, low = -3, high = 12): readonly SampleInput[] => [ranged(low, high, count, 4), indexes(2, count)];
const pooling = { outputHeight: 3, outputWidth: 2 };

const alignment: Sample[] = ['avg', 'max'].flatMap((mode) => [
  ...['half_pixel', 'output_half_pixel'].flatMap((coordinateTransformationMode) =>
    [0, 1, 3].map((samplingRatio) => ({
      inputs: [images(5), ...regions(12)],
      attrs: { ...pooling, mode, coordinateTransformationMode, samplingRatio, spatialScale: 0.75 },
    })),
  ),
  ...[0, 1, 2, 4, 6, 8, 13].map((channels) => ({ inputs: [images(channels), ...regions(3)], attrs: { ...pooling, mode } })),
  { inputs: [f32(2, 1, 1, 4), ...regions(6, -1, 2)], attrs: { ...pooling, mode, samplingRatio: 2 } },
  // Mostly outside, and far larger than the image.
  { inputs: [images(3), ...regions(9, -2000, 2000)], attrs: { ...pooling, mode } },
  {
    inputs: [images(3), ranged(-1e30, 1e30, 9, 4), { shape: [9], dtype: 'i32', range: [-4, 6] }],
    attrs: { ...pooling, mode, outputWidth: 40 },
  },
  { inputs: [images(3), ...regions(0)], attrs: { ...pooling, mode } },
  { inputs: [images(3), ...regions(2)], attrs: { outputHeight: 0, outputWidth: 4, mode } },
]);

const listed = (dtype: 'f32' | 'i32', values: readonly number[], ...shape: number[]): SampleInput => ({
  shape: shape.length ? shape : [values.length],
  dtype,
  values,
});

/** Every comparison, with NaN passing and not; the rows of x meet each threshold exactly, from both sides, and as NaN. */
const trees: readonly SampleInput[] = [
  listed(
    'f32',
    [-1, 0, 1, 2, 2.5, 3, 4, Number.NaN].flatMap((a) => [0, 1, 1.5, 2, Number.NaN].flatMap((b) => [a, b])),
    40,
    2,
  ),
  listed(
    'i32',
    [
      [0, 0, 1, 2],
      [1, 1 + 8, ~0, ~1],
      [0, 2, 3, 4],
      [1, 3, ~2, 5],
      [1, 4 + 8, ~1, ~3],
      [0, 5, ~4, ~0],
      [1, 5 + 8, ~3, ~2],
    ].flat(),
    7,
    4,
  ),
  listed('f32', [1, 1.5, 3, 1, 2, 4, 2]),
  // The last tree is a leaf.
  listed('i32', [0, 6, 2, ~5]),
  listed('i32', [0, 1, 3, 4, 6, 6, 7]),
  listed('i32', [0, 1, 0, 2, 1, 1, 0]),
  listed('f32', [1, -2, 0.5, 4, 3, -0.25, 8]),
];
/** Whatever stands in the tables, a walk ends and stays inside. */
const jungle = (nodes: number, features: number): readonly SampleInput[] => [
  f32(9, features),
  { shape: [nodes, 4], dtype: 'i32', range: [-7, nodes + 3] },
  f32(nodes),
  { shape: [21], dtype: 'i32', range: [-6, nodes + 2] },
  { shape: [6], dtype: 'i32', range: [-2, 13] },
  { shape: [11], dtype: 'i32', range: [-1, 4] },
  f32(11),
];

const ensembles: Sample[] = ['sum', 'average', 'min', 'max'].flatMap((aggregate) => [
  { inputs: trees, attrs: { targets: 3, aggregate } },
  ...[1, 6, 30, 200].map((nodes) => ({ inputs: jungle(nodes, 5), attrs: { targets: 3, aggregate } })),
  { inputs: jungle(0, 0), attrs: { targets: 2, aggregate } },
  { inputs: [...trees.slice(0, 3), listed('i32', []), ...trees.slice(4)], attrs: { targets: 3, aggregate } },
  { inputs: [f32(0, 2), ...trees.slice(1)], attrs: { targets: 3, aggregate } },
]);

export const detection: Samples = {
  treeEnsemble: ensembles,
  roiAlign: alignment,
  nonMaxSuppression: suppression,
  softNonMaxSuppression: [
    ...[0, 1, 2, 7, 40].flatMap((n) =>
      [0.1, 0.5, 2].map((sigma) => ({
        inputs: [ranged(0, 1, n, 4), ranged(0, 1, n)],
        attrs: { maxOutputBoxes: 9, iouThreshold: 0.6, scoreThreshold: 0.2, sigma },
      })),
    ),
    // Nothing is dropped, nothing takes part, boxes without area, which are taken again and again.
    { inputs: [ranged(0, 1, 12, 4), ranged(0, 1, 12)], attrs: { maxOutputBoxes: 30, iouThreshold: 0.99, scoreThreshold: -1 } },
    { inputs: [ranged(0, 1, 12, 4), ranged(0, 1, 12)], attrs: { maxOutputBoxes: 5, scoreThreshold: 2 } },
    { inputs: [ranged(1, 1, 6, 4), ranged(0, 1, 6)], attrs: { maxOutputBoxes: 4, iouThreshold: 0.5, scoreThreshold: 0.1 } },
  ],
  det: [
    ...[0, 1, 2, 3, 4, 5, 8, 13].map((n) => ({ inputs: [f32(n, n)] })),
    { inputs: [f32(2, 3, 4, 4)] },
    { inputs: [f32(0, 3, 3)] },
    { inputs: [f32(5, 0, 0)] },
    // Singular: no pivot is left.
    { inputs: [ranged(0, 0, 3, 3)] },
    { inputs: [ranged(1, 1, 2, 4, 4)] },
  ],
};
