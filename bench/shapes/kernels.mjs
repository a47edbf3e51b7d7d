// Shapes of the kernel benchmark: the products of real networks, as often as they occur, and those of training.
const repeat = (count, layer) => ({ ...layer, count });
const times = (size) => (Array.isArray(size) ? size.join('×') : `${size}²`);

/** A convolution of `from` channels by `kernel`; padded so that the output is the input over the stride, as TensorFlow's `same`. */
const conv = (size, from, to, kernel = 1, stride = 1, batch = 1) => ({
  kind: 'conv',
  name: `conv ${kernel} ${times(size)}×${from}→${to}${stride > 1 ? ` /${stride}` : ''}`,
  size: [size, size].flat().slice(0, 2),
  from,
  to,
  kernel: [kernel, kernel].flat().slice(0, 2),
  stride,
  batch,
});
/** A convolution of a narrow image, its windows side by side. */
const columns = (size, from, to, kernel, stride) => {
  const { name, ...rest } = conv(size, from, to, kernel, stride);
  return { ...rest, kind: 'columns', name: `${name} in columns` };
};
/** A 3×3 convolution of stride 1 in tiles; its GMAC/s are those of nine products a pixel. */
const winograd = (size, from, to, batch = 1) => ({
  kind: 'winograd',
  name: `conv 3 ${times(size)}×${from}→${to} in tiles`,
  size: [size, size].flat().slice(0, 2),
  from,
  to,
  batch,
});
const depthwise = (size, channels, stride = 1, kernel = 3) => ({
  kind: 'depthwise',
  name: `depthwise ${kernel === 3 ? '' : `${times(kernel)} `}${times(size)}×${channels}${stride > 1 ? ` /${stride}` : ''}`,
  size: [size, size].flat().slice(0, 2),
  channels,
  stride,
  kernel: [kernel, kernel].flat().slice(0, 2),
});
const dense = (rows, depth, columns) => ({ kind: 'dense', name: `dense ${rows}×${depth}×${columns}`, rows, depth, columns });
/** `batch` products of activations; with `transposed` b is [columns, depth]. */
const batched = (batch, rows, depth, columns, transposed = false) => ({
  kind: 'batched',
  name: `batched ${batch}×${rows}×${depth}×${columns}${transposed ? ' ᵀ' : ''}`,
  batch,
  rows,
  depth,
  columns,
  transposed,
});

export const networks = {
  /** Sandler et al. 2018. */
  'MobileNetV2 1.0, 224²': [
    conv(224, 3, 32, 3, 2),
    depthwise(112, 32),
    conv(112, 32, 16),
    conv(112, 16, 96),
    depthwise(112, 96, 2),
    conv(56, 96, 24),
    repeat(2, conv(56, 24, 144)),
    depthwise(56, 144),
    conv(56, 144, 24),
    depthwise(56, 144, 2),
    conv(28, 144, 32),
    repeat(3, conv(28, 32, 192)),
    repeat(2, depthwise(28, 192)),
    repeat(2, conv(28, 192, 32)),
    depthwise(28, 192, 2),
    conv(14, 192, 64),
    repeat(4, conv(14, 64, 384)),
    repeat(4, depthwise(14, 384)),
    repeat(3, conv(14, 384, 64)),
    conv(14, 384, 96),
    repeat(3, conv(14, 96, 576)),
    repeat(2, depthwise(14, 576)),
    repeat(2, conv(14, 576, 96)),
    depthwise(14, 576, 2),
    conv(7, 576, 160),
    repeat(3, conv(7, 160, 960)),
    repeat(3, depthwise(7, 960)),
    repeat(2, conv(7, 960, 160)),
    conv(7, 960, 320),
    conv(7, 320, 1280),
    dense(1, 1280, 1000),
  ],
  /** MLPerf Tiny: visual wake words, image classification, keywords, anomalies. */
  'MobileNetV1 0.25, 96²': [
    conv(96, 3, 8, 3, 2),
    depthwise(48, 8),
    conv(48, 8, 16),
    depthwise(48, 16, 2),
    conv(24, 16, 32),
    depthwise(24, 32),
    conv(24, 32, 32),
    depthwise(24, 32, 2),
    conv(12, 32, 64),
    depthwise(12, 64),
    conv(12, 64, 64),
    depthwise(12, 64, 2),
    conv(6, 64, 128),
    repeat(5, depthwise(6, 128)),
    repeat(5, conv(6, 128, 128)),
    depthwise(6, 128, 2),
    conv(3, 128, 256),
    depthwise(3, 256),
    conv(3, 256, 256),
    dense(1, 256, 2),
  ],
  'ResNet-8': [
    conv(32, 3, 16, 3),
    repeat(2, winograd(32, 16, 16)),
    conv(32, 16, 32, 3, 2),
    winograd(16, 32, 32),
    conv(32, 16, 32, 1, 2),
    conv(16, 32, 64, 3, 2),
    winograd(8, 64, 64),
    conv(16, 32, 64, 1, 2),
    dense(1, 64, 10),
  ],
  'DS-CNN': [columns([49, 10], 1, 64, [10, 4], 2), repeat(4, depthwise([25, 5], 64)), repeat(4, conv([25, 5], 64, 64)), dense(1, 64, 12)],
  'Autoencoder 640': [dense(1, 640, 128), repeat(6, dense(1, 128, 128)), dense(1, 128, 8), dense(1, 8, 128), dense(1, 128, 640)],
  /** Howard et al. 2019: of the large network, the windows of 5×5. */
  'MobileNetV3, 5×5': [
    depthwise(56, 72, 2, 5),
    repeat(2, depthwise(28, 120, 1, 5)),
    depthwise(14, 672, 2, 5),
    repeat(2, depthwise(7, 960, 1, 5)),
  ],
  /** 4 layers of 4 heads. */
  'Encoder 64×128': [
    repeat(4, dense(64, 128, 384)),
    repeat(4, batched(4, 64, 32, 64, true)),
    repeat(4, batched(4, 64, 64, 32)),
    repeat(4, dense(64, 128, 128)),
    repeat(4, dense(64, 128, 512)),
    repeat(4, dense(64, 512, 128)),
  ],
};

/** Products by themselves. */
export const products = [
  dense(240, 240, 240),
  dense(1, 1024, 1024),
  dense(32, 784, 128),
  ...[16, 64].flatMap((channels) => [conv(28, channels, channels, 3), winograd(28, channels, channels)]),
];

/** Dense layers that wait for their weights. */
export const fewBits = [
  dense(1, 1024, 1024),
  dense(1, 640, 128),
  dense(1, 1280, 1000),
  ...[4, 64, 256].map((rows) => dense(rows, 1024, 1024)),
];

/** What the MNIST networks of bench/training train, a batch of 32, and two depthwise layers: forward, dw and dx. */
export const trained = [
  conv(28, 1, 16, 3, 1, 32),
  conv(14, 16, 32, 3, 1, 32),
  dense(32, 784, 128),
  dense(32, 1568, 10),
  depthwise(28, 192),
  depthwise(28, 192, 2),
];

/** Element-wise kernels and rows of the encoder. */
export const rows = [
  { name: 'softmax 256×64', kernel: 'softmax_f32', rows: 256, columns: 64 },
  { name: 'layer norm 64×128', kernel: 'group_norm_f32', rows: 64, columns: 128 },
  { name: 'gelu 64×512', kernel: 'gelu_f32', rows: 64, columns: 512 },
  { name: 'add 64×128', kernel: 'add_f32', rows: 64, columns: 128 },
  { name: 'add a bias to 64×512', kernel: 'add_f32', rows: 64, columns: 512, repeated: true },
];
