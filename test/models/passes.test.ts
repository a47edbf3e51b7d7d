import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { Importer } from '../../src/formats/onnx/importer.ts';
import { decodeModel } from '../../src/formats/onnx/proto.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { passes } from '../../src/passes/optimize.ts';
import { prune } from '../../src/passes/prune.ts';
import { runKernels } from '../ops/lowering.ts';

const shared = new URL('../../../shared/', import.meta.url);
const present = existsSync(new URL('bench-models', shared));
if (!present) console.log('skipped: ../shared has no models here');

/** Transpositions in the imported graph and after all passes. */
const models: readonly (readonly [path: string, imported: number, left: number])[] = [
  ['bench-models/autoencoder_ad.onnx', 0, 0],
  ['bench-models/dscnn_kws.onnx', 18, 0],
  ['bench-models/dscnn_kws_rawexport.onnx', 18, 0],
  ['bench-models/encoder_l4_d128_s64.onnx', 16, 0],
  ['bench-models/mobilenetv1_0.25_96.onnx', 56, 0],
  ['bench-models/mobilenetv2_1.0_224.onnx', 104, 0],
  ['bench-models/resnet8_cifar.onnx', 20, 0],
  ['models/onnx/DTLN__pretrained_model__model_1/model.onnx', 8, 0],
  ['models/onnx/libfacedetection.train__onnx__yunet_n_320_320/model.onnx', 142, 0],
  ['models/onnx/onnxruntime-inference-examples__MNIST__mnist/model.onnx', 8, 0],
  ['models/onnx/rten__test-data__mnist/model.onnx', 10, 0],
  ['models/onnx/silero-vad__data__silero_vad_openvino_16k/model.onnx', 25, 0],
  ['models/onnx/tract__deconv_group__model/model.onnx', 4, 2],
];

const transpositions = ({ nodes }: Graph): number => nodes.filter(({ op }) => op === 'transpose').length;

it.skipIf(!present).each(models)('%s computes the same after every pass; %i transpositions become %i', async (path, imported, left) => {
  const bytes = new Uint8Array(readFileSync(new URL(path, shared)));
  let { graph } = new Importer(decodeModel(bytes), bytes.length).run({});
  prune(graph);
  expect(transpositions(graph)).toBe(imported);
  const random = new Random(5);
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-1, 1))]),
  );
  const want = await runKernels(graph, feeds, 'simd');
  for (const { name, run } of passes) {
    const before = graph;
    graph = run(graph);
    prune(graph);
    // Most passes find nothing in most models.
    if (graph.nodes.map(({ op }) => op).join() === before.nodes.map(({ op }) => op).join()) continue;
    const got = await runKernels(graph, feeds, 'simd');
    for (const output of Object.keys(want))
      expectNear(got[output] as Float32Array, want[output] as Float32Array, `${output} after ${name}`);
  }
  expect(transpositions(graph)).toBe(left);
});

/** Rounding of f32, in units of the largest output: sums in another order differ by some of the largest's last places. */
function expectNear(got: Float32Array, want: Float32Array, what: string): void {
  const largest = want.reduce((top, value) => Math.max(top, Math.abs(value)), 1e-6);
  const worst = want.reduce((top, value, i) => Math.max(top, Math.abs(value - (got[i] as number))), 0);
  if (!(worst <= 1e-4 * largest)) throw new Error(`${what}: differs by ${worst}, the largest output is ${largest}`);
}
