// Shapes of the kernel benchmark. Pointwise and depthwise lists: MobileNetV2 1.0 at 224 × 224 (Sandler et al. 2018), [height = width, in, out].
export const matmuls = [
  { name: '240×240×240', rows: 240, depth: 240, columns: 240 },
  { name: 'gemv 1024×1024', rows: 1, depth: 1024, columns: 1024 },
  { name: 'MLP 32×784×128', rows: 32, depth: 784, columns: 128 },
];

export const pointwise = [
  [112, 32, 16],
  [112, 16, 96],
  [56, 96, 24],
  [56, 24, 144],
  [56, 144, 24],
  [28, 144, 32],
  [28, 32, 192],
  [28, 192, 32],
  [14, 192, 64],
  [14, 64, 384],
  [14, 384, 64],
  [14, 384, 96],
  [14, 96, 576],
  [14, 576, 96],
  [7, 576, 160],
  [7, 160, 960],
  [7, 960, 160],
  [7, 960, 320],
  [7, 320, 1280],
].map(([size, from, to]) => ({ name: `pointwise ${size}²×${from}→${to}`, size, from, to, kernel: 1, batch: 1 }));

/** [height = width, channels, stride] */
export const depthwise = [
  [112, 32, 1],
  [112, 96, 2],
  [56, 144, 1],
  [56, 144, 2],
  [28, 192, 1],
  [28, 192, 2],
  [14, 384, 1],
  [14, 576, 1],
  [14, 576, 2],
  [7, 960, 1],
].map(([size, channels, stride]) => ({ name: `depthwise ${size}²×${channels}/${stride}`, size, channels, stride }));

/** Dense layers to train: those of the MNIST networks of bench/training, a batch of 32. */
export const dense = [
  { name: '32×784×128', rows: 32, depth: 784, columns: 128 },
  { name: '32×1568×10', rows: 32, depth: 1568, columns: 10 },
];

/** The convolutions of the MNIST network of bench/training, a batch of 32. */
export const convolutions = [
  { name: 'MNIST conv1 28²×1→16', size: 28, from: 1, to: 16, kernel: 3, batch: 32 },
  { name: 'MNIST conv2 14²×16→32', size: 14, from: 16, to: 32, kernel: 3, batch: 32 },
];
