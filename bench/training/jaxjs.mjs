// One epoch of jax-js (WebAssembly backend) on the same networks and data, with Adam written out and everything compiled by jit.
// Usage: node jaxjs.mjs PEERS cnn|mlp. Arrays are moved by use; `.ref` keeps one for another use.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadMnist } from './mnist.mjs';

const [, , peers, name, limit] = process.argv;
const {
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  valueAndGrad,
} = await import(pathToFileURL(join(peers, 'node_modules/@jax-js/jax/dist/index.js')).href);
await init('wasm');
defaultDevice('wasm');

let seed = 1;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const glorot = (shape, fanIn, fanOut) => {
  const limit = Math.sqrt(6 / (fanIn + fanOut));
  return np.array(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (2 * next() - 1) * limit)).reshape(shape);
};
const zeros = (n) => np.zeros([n]);

const networks = {
  mlp: {
    shape: [784],
    params: () => [glorot([784, 128], 784, 128), zeros(128), glorot([128, 64], 128, 64), zeros(64), glorot([64, 10], 64, 10), zeros(10)],
    apply([w1, b1, w2, b2, w3, b3], x) {
      const a = nn.relu(np.matmul(x, w1).add(b1));
      const b = nn.relu(np.matmul(a, w2).add(b2));
      return np.matmul(b, w3).add(b3);
    },
  },
  cnn: {
    shape: [1, 28, 28],
    params: () => [
      glorot([16, 1, 3, 3], 9, 144),
      zeros(16),
      glorot([32, 16, 3, 3], 144, 288),
      zeros(32),
      glorot([1568, 10], 1568, 10),
      zeros(10),
    ],
    apply([k1, b1, k2, b2, w, b], x) {
      const pool = (y) => lax.reduceWindow(y, np.max, [2, 2], [2, 2]);
      const conv = (y, k, bias, channels) => nn.relu(lax.convGeneralDilated(y, k, [1, 1], 'SAME').add(bias.reshape([channels, 1, 1])));
      const first = pool(conv(x, k1, b1, 16));
      const second = pool(conv(first, k2, b2, 32));
      return np.matmul(second.reshape([-1, 1568]), w).add(b);
    },
  },
};
const { shape, params: initial, apply } = networks[name];
const [rate, beta1, beta2, epsilon] = [0.001, 0.9, 0.999, 1e-7];
const loss = (params, x, y) =>
  nn
    .logSoftmax(apply(params, x))
    .mul(y)
    .sum()
    .mul(-1 / 32);
const step = jit((params, m, v, lr, x, y) => {
  const [value, grads] = valueAndGrad(loss)(
    params.map((p) => p.ref),
    x,
    y,
  );
  const nextM = m.map((a, i) => a.mul(beta1).add(grads[i].ref.mul(1 - beta1)));
  const nextV = v.map((a, i) => a.mul(beta2).add(np.square(grads[i]).mul(1 - beta2)));
  const nextP = params.map((p, i) => p.sub(nextM[i].ref.mul(lr.ref).div(np.sqrt(nextV[i].ref).add(epsilon))));
  lr.dispose();
  return [value, nextP, nextM, nextV];
});
const infer = jit(apply);

const { train, test } = loadMnist();
const total = Math.floor(train.count / 32);
const batches = limit ? Number(limit) : total;
const batchOf = ({ x, y }, from, n) => [
  np.array(x.subarray(from * 784, (from + n) * 784)).reshape([n, ...shape]),
  np.array(Float32Array.from({ length: n * 10 }, (_, i) => (y[from + Math.floor(i / 10)] === i % 10 ? 1 : 0))).reshape([n, 10]),
];
let state = [initial(), initial().map((p) => np.zerosLike(p)), initial().map((p) => np.zerosLike(p))];
const run = (t, from) => {
  const lr = np.array(rate * (Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t)));
  const [value, ...rest] = step(...state, lr, ...batchOf(train, from, 32));
  state = rest;
  return value;
};
await run(1, 0).data();
const wall = performance.now();
const cpu = process.cpuUsage();
for (let i = 0; i < batches; i++) await run(i + 2, i * 32).data();
const { user, system } = process.cpuUsage(cpu);
const scale = train.count / 32 / batches;
const seconds = ((performance.now() - wall) / 1000) * scale;
let accuracy = null;
if (!limit) {
  let right = 0;
  for (let from = 0; from < test.count; from += 1000) {
    const scores = await infer(
      state[0].map((p) => p.ref),
      batchOf(test, from, 1000)[0],
    ).data();
    for (let i = 0; i < 1000; i++) {
      const row = Array.from(scores.subarray(i * 10, i * 10 + 10));
      if (row.indexOf(Math.max(...row)) === test.y[from + i]) right++;
    }
  }
  accuracy = right / test.count;
}
console.log(
  JSON.stringify({
    runtime: 'jax-js wasm',
    network: name,
    seconds,
    cpuSeconds: ((user + system) / 1e6) * scale,
    accuracy,
    ...(limit && { batches }),
  }),
);
