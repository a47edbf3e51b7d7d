import { conv2d } from '../../../src/ops/conv2d.ts';
import { depthwiseConv2d } from '../../../src/ops/depthwiseConv2d.ts';
import { chainsInt8 } from './int8.ts';
import { f32, indexes, LENGTHS, type Sample, type SampleInput, type Samples, weights } from './sample.ts';

const tails = LENGTHS.filter((n) => n > 0 && n <= 17);

interface Convolution {
  readonly x: readonly [number, number, number, number];
  readonly attrs: { readonly kernel: readonly [number, number]; readonly groups?: number; readonly filters: number } & Record<
    string,
    unknown
  >;
  /** Height and width of the output. */
  readonly y: readonly [number, number];
}

const convolutions: Convolution[] = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], filters: 4, padding: 'same' }, y: [5, 6] },
  { x: [1, 7, 8, 5], attrs: { kernel: [3, 2], filters: 9, padding: 'same', strides: [2, 2] }, y: [4, 4] },
  { x: [2, 9, 7, 4], attrs: { kernel: [3, 3], filters: 6, groups: 2, dilations: [2, 1], padding: 'valid' }, y: [5, 5] },
  { x: [1, 6, 6, 6], attrs: { kernel: [2, 3], filters: 6, groups: 3, padding: [1, 0, 2, 1], strides: [1, 2] }, y: [6, 4] },
  { x: [3, 4, 5, 7], attrs: { kernel: [1, 1], filters: 10 }, y: [4, 5] },
  { x: [1, 4, 4, 8], attrs: { kernel: [1, 1], filters: 8, strides: [2, 2] }, y: [2, 2] },
  { x: [1, 2, 3, 2], attrs: { kernel: [5, 5], filters: 3, padding: 'same' }, y: [2, 3] },
  { x: [1, 12, 30, 16], attrs: { kernel: [3, 3], filters: 8, padding: 'same' }, y: [12, 30] },
  { x: [2, 11, 4, 3], attrs: { kernel: [4, 3], filters: 9, padding: 'same', strides: [2, 1] }, y: [6, 4] },
  { x: [1, 30, 5, 2], attrs: { kernel: [3, 2], filters: 4, dilations: [2, 1], padding: [1, -1, 1, 1] }, y: [26, 6] },
  { x: [2, 40, 4, 1], attrs: { kernel: [5, 4], filters: 3, strides: [1, 2], padding: [0, 3, 1, 1] }, y: [39, 2] },
  { x: [2, 19, 1, 5], attrs: { kernel: [4, 1], filters: 9, strides: [2, 1], padding: [1, 2, 0, 0] }, y: [10, 1] },
  { x: [1, 9, 1, 4], attrs: { kernel: [3, 1], filters: 6, groups: 2, dilations: [2, 1], padding: 'same' }, y: [9, 1] },
  { x: [2, 5, 7, 9], attrs: { kernel: [3, 3], filters: 11, padding: 'same' }, y: [5, 7] },
  { x: [1, 6, 8, 8], attrs: { kernel: [3, 3], filters: 8, padding: 'valid' }, y: [4, 6] },
];
/** One to four channels; widths with and without a rest of 4; padding, none, and a crop. */
const planar: Convolution[] = [
  { x: [2, 7, 9, 3], attrs: { kernel: [3, 3], filters: 9, padding: 'same', strides: [2, 2] }, y: [4, 5] },
  { x: [1, 6, 8, 3], attrs: { kernel: [2, 3], filters: 4, padding: [1, 0, 2, 1], dilations: [1, 2] }, y: [6, 7] },
  { x: [1, 5, 11, 3], attrs: { kernel: [3, 2], filters: 8, padding: [-1, 0, -1, 2] }, y: [2, 11] },
  { x: [1, 5, 6, 1], attrs: { kernel: [3, 3], filters: 3 }, y: [3, 4] },
  { x: [3, 4, 5, 4], attrs: { kernel: [3, 3], filters: 5, padding: 'same' }, y: [4, 5] },
];
const filters = ({ x, attrs }: Convolution) => weights([...attrs.kernel, x[3] / (attrs.groups ?? 1), attrs.filters], attrs.groups ?? 1);
const output = ({ x, y, attrs }: Convolution) => f32(x[0], ...y, attrs.filters);

/** Limits, a residual, both; with and without a bias before it. */
const epilogues = [
  { bias: true, attrs: { low: 0 } },
  { bias: false, attrs: { low: -1, high: 2 } },
  { bias: false, attrs: { residual: true } },
  { bias: true, attrs: { residual: true, low: 0, high: 6 } },
];
/** The same with sums in the order of TFLite's reference. */
const inOrder = epilogues.map(({ bias, attrs }) => ({ bias, attrs: { ...attrs, ordered: true } }));
/** The operands of an epilogue for an output of shape `y`. */
const addends = ({ bias, attrs }: { bias: boolean; attrs: { residual?: boolean } }, y: SampleInput): SampleInput[] => [
  ...(bias ? [f32(y.shape.at(-1) as number)] : []),
  ...(attrs.residual ? [y] : []),
];

const depthwise = [
  { x: [2, 5, 6, 3], attrs: { kernel: [3, 3], padding: 'same' }, y: [5, 6, 3] },
  { x: [1, 7, 7, 9], attrs: { kernel: [3, 3], strides: [2, 2], padding: 'same' }, y: [4, 4, 9] },
  { x: [1, 6, 5, 4], attrs: { kernel: [2, 3], dilations: [2, 1], multiplier: 2 }, y: [4, 3, 8] },
] as const;
const depthwiseFilter = (s: (typeof depthwise)[number]) => f32(...s.attrs.kernel, s.y[2]);

const pools = [
  { kernel: [2, 2], strides: [2, 2] },
  { kernel: [3, 3], strides: [2, 2], padding: 'same' },
  { kernel: [3, 2], strides: [1, 1], padding: [1, 1, 0, 1], includePad: true },
];
const poolOutputs = [
  [3, 3],
  [3, 4],
  [6, 7],
];

const steps = [1, 2, 5];
const orders = [
  { states: 0, reverse: false },
  { states: 0, reverse: true },
  { states: 1, reverse: false },
  { states: 1, reverse: true },
];
const firstStates = (gates: number, given: number, units: number) =>
  Array.from({ length: gates === 4 ? 2 * given : given }, () => f32(2, units));
const recurrent = (gates: number, bias = false): Sample[] =>
  steps.flatMap((t) =>
    [1, 4, 7, 9].flatMap((units) =>
      orders
        .filter(({ states }) => gates !== 3 || bias || !states)
        .map(({ states, reverse }) => ({
          inputs: [
            f32(2, t, gates * units),
            weights([units, gates * units]),
            ...(bias ? [f32(gates * units)] : []),
            ...firstStates(gates, states, units),
          ],
          attrs: { units, reverse },
        })),
    ),
  );
const recurrentGrad = (gates: number, state: boolean): Sample[] =>
  steps.flatMap((t) =>
    [1, 4, 7, 9].flatMap((units) =>
      orders.map(({ states, reverse }) => ({
        inputs: [
          weights([units, gates * units]),
          f32(2, t, units),
          f32(2, t, units),
          ...(state ? [f32(2, t, units), { shape: [2, t, gates * units], range: [0.1, 0.9] as const }] : []),
          ...firstStates(gates, states, units),
        ],
        attrs: { units, reverse },
      })),
    ),
  );

const rows = tails.map((n) => ({ inputs: [f32(5, n)] }));
const norms = [
  { groups: 1, perPosition: true },
  { groups: 1, perPosition: true, centered: false },
  { groups: 3 },
  { groups: 6, epsilon: 0.1 },
];

const pointwise = (filters: number, more: object = {}): Link => ({
  op: 'conv2d',
  operands: (c) => [weights([1, 1, c, filters], 1), f32(filters)],
  attrs: { ...conv2d.attrs, filters, ...more },
});
const windowed = (op: 'conv2d' | 'planarConv2d', kernel: readonly [number, number], filters: number, more: object): Link => ({
  op,
  operands: (c) => [weights([...kernel, c, filters], 1)],
  attrs: { ...conv2d.attrs, kernel, filters, ...more },
});
const perChannel = (kernel: readonly [number, number], more: object): Link => ({
  op: 'depthwiseConv2d',
  operands: (c) => [f32(...kernel, c), f32(c)],
  attrs: { ...depthwiseConv2d.attrs, kernel, ...more },
});

interface Link {
  readonly op: string;
  /** Weights and bias for so many input channels. */
  readonly operands: (channels: number) => SampleInput[];
  readonly attrs: { readonly filters?: number; readonly [name: string]: unknown };
}

/** `links` on an image, in bands of one row, of some and of all. */
const chained = (x: SampleInput, channels: number, links: readonly Link[], residual: readonly SampleInput[] = []): Sample[] => {
  let c = channels;
  const operands = links.map((link) => {
    const own = link.operands(c);
    c = link.attrs.filters ?? c;
    return own;
  });
  const stages = links.map(({ op, attrs }, i) => ({
    op,
    attrs,
    operands: (operands[i] as SampleInput[]).length + (i === links.length - 1 ? residual.length : 0),
  }));
  return [1, 3000, 1e9].map((bandBytes) => ({ inputs: [x, ...operands.flat(), ...residual], attrs: { stages, bandBytes } }));
};

const chains = [
  ...chained(f32(1, 9, 7, 3), 3, [pointwise(12, { low: 0 }), perChannel([3, 3], { padding: 'same', low: 0, high: 6 }), pointwise(5)]),
  ...chained(
    f32(1, 8, 6, 4),
    4,
    [pointwise(9), perChannel([3, 3], { padding: 'same' }), pointwise(4, { residual: true, low: 0 })],
    [f32(1, 8, 6, 4)],
  ),
  ...chained(f32(1, 3, 13, 10), 3, [
    windowed('planarConv2d', [3, 3], 8, { strides: [2, 2], padding: 'same' }),
    perChannel([3, 3], { strides: [2, 1], padding: [0, 1, 1, 1] }),
    pointwise(8),
    perChannel([5, 3], { padding: 'same', dilations: [2, 1] }),
  ]),
  // Windows further apart than they are high, padding in which whole bands lie, a crop.
  ...chained(f32(1, 23, 5, 2), 2, [
    windowed('conv2d', [2, 2], 3, { strides: [3, 1], padding: [5, 4, 0, 1] }),
    perChannel([2, 1], { strides: [3, 2] }),
    windowed('conv2d', [3, 3], 4, { padding: [4, 6, 1, 1] }),
  ]),
  ...chained(f32(1, 12, 4, 5), 5, [
    perChannel([3, 3], { padding: [-2, 1, 1, 1] }),
    windowed('conv2d', [4, 1], 7, { padding: [-1, -2, 0, 0] }),
  ]),
  ...chained(f32(1, 5, 5, 6), 6, [perChannel([3, 3], {})]),
  ...chained(f32(1, 11, 6, 4), 4, [
    windowed('conv2d', [3, 3], 9, { padding: 'same', ordered: true, low: 0 }),
    perChannel([3, 3], { padding: 'same', strides: [2, 1], ordered: true }),
    pointwise(4, { ordered: true }),
  ]),
];

export const networks: Samples = {
  chain: [...chains, ...chainsInt8],
  linear: [
    ...tails.flatMap((n) => [
      { inputs: [f32(5, 3), weights([3, n]), f32(n)], attrs: { units: n } },
      { inputs: [f32(n, 6), weights([6, 5])], attrs: { units: 5 } },
    ]),
    { inputs: [f32(1, 19), weights([19, 77]), f32(77)], attrs: { units: 77 } },
    { inputs: [f32(2, 3, 40), weights([40, 33])], attrs: { units: 33 } },
    { inputs: [f32(0, 3), weights([3, 5])], attrs: { units: 5 } },
    ...[...epilogues, ...inOrder].flatMap((epilogue) =>
      [1, 2, 3, 4, 7].flatMap((rows) =>
        [3, 8, 12, 40, 45].map((units) => ({
          inputs: [f32(rows, 6), weights([6, units]), ...addends(epilogue, f32(rows, units))],
          attrs: { units, ...epilogue.attrs },
        })),
      ),
    ),
    ...epilogues.map((epilogue) => ({
      inputs: [f32(2, 5), weights([5, 9]), ...addends(epilogue, f32(2, 9))],
      attrs: { units: 9, ...epilogue.attrs },
    })),
  ],
  linearGradInput: tails.map((n) => ({ inputs: [f32(5, n), weights([11, n])], attrs: { depth: 11 } })),
  linearGradWeight: tails.flatMap((n) => [{ inputs: [f32(6, n), f32(6, 11)] }, { inputs: [f32(n, 3), f32(n, 5)] }]),
  matmul: [
    ...tails.map((n) => ({ inputs: [f32(3, n), f32(n, 4)] })),
    { inputs: [f32(2, 3, 5, 7), f32(2, 3, 7, 4)], attrs: { alpha: 0.5 } },
    { inputs: [f32(2, 3, 7, 5), f32(3, 4, 7)], attrs: { transposeA: true, transposeB: true } },
    { inputs: [f32(6, 5), f32(2, 5, 9)] },
    { inputs: [f32(2, 5, 6), f32(2, 5, 3)], attrs: { transposeA: true } },
    { inputs: [f32(2, 1, 3, 4), f32(5, 4, 2)] },
  ],
  conv2d: [
    ...convolutions.map((s) => ({ inputs: [f32(...s.x), filters(s), f32(s.attrs.filters)], attrs: s.attrs })),
    ...[...epilogues, ...inOrder].flatMap((epilogue) =>
      convolutions.map((s) => ({
        inputs: [f32(...s.x), filters(s), ...addends(epilogue, output(s))],
        attrs: { ...s.attrs, ...epilogue.attrs },
      })),
    ),
  ],
  planarConv2d: planar.flatMap((s) =>
    [{ bias: true, attrs: {} }, ...epilogues].map((epilogue) => ({
      inputs: [f32(s.x[0], s.x[3], s.x[1], s.x[2]), filters(s), ...addends(epilogue, output(s))],
      attrs: { ...s.attrs, ...epilogue.attrs },
    })),
  ),
  conv2dGradInput: [
    ...convolutions.map((s) => ({ inputs: [output(s), filters(s)], attrs: { ...s.attrs, input: s.x.slice(1) } })),
    ...convolutions.map((s) => ({
      inputs: [output(s), filters(s), f32(s.x[3])],
      attrs: { ...s.attrs, input: s.x.slice(1), low: 0, high: 3 },
    })),
  ],
  conv2dGradWeight: convolutions.map((s) => ({ inputs: [f32(...s.x), output(s)], attrs: s.attrs })),
  depthwiseConv2d: [{}, { low: 0 }, { low: -1, high: 2 }, { ordered: true }, { ordered: true, low: -1, high: 2 }].flatMap((limits) =>
    depthwise.map((s) => ({ inputs: [f32(...s.x), depthwiseFilter(s), f32(s.y[2])], attrs: { ...s.attrs, ...limits } })),
  ),
  depthwiseGradInput: depthwise.map((s) => ({
    inputs: [f32(s.x[0], ...s.y), depthwiseFilter(s)],
    attrs: { ...s.attrs, input: s.x.slice(1, 3) },
  })),
  depthwiseGradWeight: depthwise.map((s) => ({ inputs: [f32(...s.x), f32(s.x[0], ...s.y)], attrs: s.attrs })),
  maxPool2d: pools.flatMap((attrs) => [3, 8].map((c) => ({ inputs: [f32(2, 6, 7, c)], attrs }))),
  maxPool2dGrad: pools.map((attrs, i) => ({
    inputs: [f32(2, 6, 7, 5), f32(2, ...(poolOutputs[i] as number[]), 5), f32(2, ...(poolOutputs[i] as number[]), 5)],
    attrs,
  })),
  averagePool2d: pools.flatMap((attrs) => [3, 8].map((c) => ({ inputs: [f32(2, 6, 7, c)], attrs }))),
  averagePool2dGrad: pools.map((attrs, i) => ({
    inputs: [f32(2, ...(poolOutputs[i] as number[]), 5)],
    attrs: { ...attrs, input: [6, 7] },
  })),
  softmax: rows,
  logSoftmax: rows,
  softmaxGrad: tails.map((n) => ({ inputs: [{ shape: [5, n], range: [0, 1] }, f32(5, n)] })),
  logSoftmaxGrad: tails.map((n) => ({ inputs: [{ shape: [5, n], range: [-4, -0.1] }, f32(5, n)] })),
  softmaxCrossEntropy: [
    ...tails.map((n) => ({ inputs: [f32(4, n), indexes(n, 4)], attrs: { labelSmoothing: 0.1 } })),
    { inputs: [f32(2, 3, 5), { shape: [2, 3, 5], range: [0, 1] }] },
  ],
  softmaxCrossEntropyGrad: [
    ...tails.map((n) => ({ inputs: [f32(4, n), indexes(n, 4), f32(4)], attrs: { labelSmoothing: 0.1 } })),
    { inputs: [f32(2, 3, 5), { shape: [2, 3, 5], range: [0, 1] }, f32(2, 3)] },
  ],
  batchNorm: tails.map((n) => ({ inputs: [f32(3, 4, n), f32(n), f32(n)], attrs: { epsilon: 1e-3 } })),
  batchNormGrad: tails.map((n) => ({ inputs: [f32(12, n), f32(12, n), f32(n), { shape: [n], range: [0.5, 2] }, f32(n)] })),
  batchNormInference: tails.map((n) => ({ inputs: [f32(3, 4, n), f32(n), f32(n), f32(n), { shape: [n], range: [0.5, 2] }] })),
  groupNorm: [
    ...norms.map((attrs) => ({ inputs: [f32(2, 3, 4, 12), f32(12), f32(12)], attrs })),
    ...tails.map((n) => ({ inputs: [f32(3, n)], attrs: { perPosition: true } })),
  ],
  groupNormGrad: norms.map((attrs) => {
    const groups = attrs.perPosition ? [24, 1] : [2, attrs.groups];
    return { inputs: [f32(2, 3, 4, 12), f32(2, 3, 4, 12), f32(...groups), { shape: groups, range: [0.5, 2] as const }, f32(12)], attrs };
  }),
  resize: ['nearest', 'bilinear'].flatMap((mode) =>
    ['halfPixel', 'asymmetric', 'alignCorners'].flatMap((coordinates) =>
      [
        [9, 4],
        [3, 10],
        [5, 6],
      ].map((size) => ({ inputs: [f32(2, 5, 6, 3)], attrs: { size, mode, coordinates } })),
    ),
  ),
  resizeGrad: ['nearest', 'bilinear'].flatMap((mode) =>
    ['halfPixel', 'alignCorners'].map((coordinates) => ({
      inputs: [f32(2, 9, 4, 3)],
      attrs: { size: [9, 4], mode, coordinates, input: [5, 6] },
    })),
  ),
  rnn: [...recurrent(1), { inputs: [f32(2, 3, 5), weights([5, 5])], attrs: { units: 5, activation: 'relu' } }],
  rnnGrad: recurrentGrad(1, false),
  lstm: recurrent(4),
  lstmGrad: recurrentGrad(4, true),
  gru: [...recurrent(3), ...recurrent(3, true)],
  gruGrad: recurrentGrad(3, true),
  gruBefore: steps.flatMap((t) =>
    [1, 4, 7, 9].flatMap((units) =>
      orders.map(({ states, reverse }) => ({
        inputs: [f32(2, t, 3 * units), weights([units, 2 * units]), weights([units, units]), ...firstStates(3, states, units)],
        attrs: { units, reverse },
      })),
    ),
  ),
  gruBeforeGrad: steps.flatMap((t) =>
    [1, 4, 7, 9].flatMap((units) =>
      orders.map(({ states, reverse }) => ({
        inputs: [
          weights([units, 2 * units]),
          weights([units, units]),
          f32(2, t, units),
          f32(2, t, units),
          f32(2, t, units),
          { shape: [2, t, 3 * units], range: [0.1, 0.9] as const },
          ...firstStates(3, states, units),
        ],
        attrs: { units, reverse },
      })),
    ),
  ),
  recurrentSequence: (
    [
      ['rnn', 1],
      ['lstm', 4],
      ['gru', 3],
      ['gruBefore', 3],
    ] as const
  ).flatMap(([cell, gates]) =>
    // Batches below and above a tile's rows, and steps that fill blocks of them and do not.
    [
      [1, 0, 3, 4],
      [1, 1, 1, 1],
      [1, 6, 4, 8],
      [1, 13, 3, 9],
      [2, 7, 5, 7],
      [7, 4, 3, 5],
      [2, 3, 0, 4],
    ].flatMap(([batch, t, inputs, units]) =>
      orders.map(({ states, reverse }) => ({
        inputs: [
          f32(batch as number, t as number, inputs as number),
          weights([inputs as number, gates * (units as number)]),
          f32(gates * (units as number)),
          weights([units as number, (cell === 'gruBefore' ? 2 : gates) * (units as number)]),
          ...(cell === 'gru' ? [f32(gates * (units as number))] : []),
          ...(cell === 'gruBefore' ? [weights([units as number, units as number])] : []),
          ...Array.from({ length: cell === 'lstm' ? 2 * states : states }, () => f32(batch as number, units as number)),
        ],
        attrs: { cell, units, reverse, ...(cell === 'rnn' && t === 13 ? { activation: 'relu' } : {}) },
      })),
    ),
  ),
  headAttention: [
    // Queries, keys and values side by side in one tensor, as encoders make them.
    ...[1, 4, 9].flatMap((t) =>
      [false, true].map((merged) => ({
        inputs: [f32(2, t, 3 * 12), f32(2, t, 3 * 12), f32(2, t, 3 * 12)],
        attrs: {
          ...{ batch: 2, heads: 3, queries: t, keys: t, features: 4, values: 4, scale: 0.5, merged },
          ...Object.fromEntries(['q', 'k', 'v'].map((name, i) => [name, { offset: 12 * i, strides: [36 * t, 4, 36, 1] }])),
        },
      })),
    ),
    // Few queries, keys in columns, a mask a head or one a batch.
    ...[
      [3, 2, 5],
      [2, 1, 1, 5],
      [1, 3, 2, 1],
    ].map((mask) => ({
      inputs: [f32(2, 3, 2, 7), f32(2, 3, 7, 5), f32(2, 3, 5, 9), f32(...mask)],
      attrs: {
        ...{ batch: 2, heads: 3, queries: 2, keys: 5, features: 7, values: 9, merged: true },
        q: { offset: 0, strides: [42, 14, 7, 1] },
        k: { offset: 0, strides: [105, 35, 1, 5] },
        v: { offset: 0, strides: [135, 45, 9, 1] },
      },
    })),
    // More scores than one block holds.
    {
      inputs: [f32(70, 3), f32(300, 3), f32(300, 2)],
      attrs: {
        ...{ queries: 70, keys: 300, features: 3, values: 2 },
        q: { offset: 0, strides: [0, 0, 3, 1] },
        k: { offset: 0, strides: [0, 0, 3, 1] },
        v: { offset: 0, strides: [0, 0, 2, 1] },
      },
    },
    {
      inputs: [f32(0, 3), f32(4, 3), f32(4, 2)],
      attrs: { keys: 4, features: 3, values: 2, k: { offset: 0, strides: [0, 0, 3, 1] }, v: { offset: 0, strides: [0, 0, 2, 1] } },
    },
  ],
};
