import type { Graph, Node, Value } from '../ir/graph.ts';
import { columnExtents, columnScales, dequantizeColumns } from '../ops/dequantizeColumns.ts';
import { rewrite } from './rewrite.ts';
import { wholeNumbers } from './steps.ts';

const CONVOLUTIONS = new Set(['conv2d', 'depthwiseConv2d', 'conv2dGradInput']);
/** Fewer weights do not pay for their call. */
const WEIGHTS = 1024;

interface Bytes {
  readonly numbers: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Filters that are whole multiples of a step, as those of models with weights of 8 bits alone are, are held in bytes; each is made floats before its convolution,
 * in memory that activations use at other times. The largest stay floats while that memory would take what bytes save.
 */
export function filterBytes(source: Graph): Graph {
  const found = new Map<Value, Bytes>();
  for (const { op, inputs } of source.nodes) {
    const [, w] = inputs as [Value, Value?];
    const bytes = CONVOLUTIONS.has(op) && w && !found.has(w) ? bytesOf(w) : undefined;
    if (w && bytes) found.set(w, bytes);
  }
  const sizes = [...found].map(([w, { numbers }]) => [w, numbers.length] as const).sort(([, a], [, b]) => b - a);
  let all = sizes.reduce((sum, [, size]) => sum + size, 0);
  for (const [w, size] of sizes) {
    // Bytes save 3 of 4, and the floats of one filter come on top.
    if (3 * all > 4 * size) break;
    found.delete(w);
    all -= size;
  }
  return found.size === 0
    ? source
    : rewrite(source, (node, inputs, to) => {
        const bytes = CONVOLUTIONS.has(node.op) ? found.get(node.inputs[1] as Value) : undefined;
        return bytes && to.apply(node, inputs.with(1, floats(node, inputs[1] as Value, bytes)));
      });
}

function bytesOf({ origin, dtype, shape }: Value): Bytes | undefined {
  if (origin.kind !== 'const' || dtype !== 'f32' || origin.data.length < WEIGHTS) return undefined;
  const { outer, rows, columns } = columnExtents(shape);
  const numbers = new Int8Array(origin.data.length);
  const scales = new Float32Array(outer * columns);
  for (let o = 0; o < outer; o++) {
    const [from, to] = [o * rows * columns, (o + 1) * rows * columns];
    const whole = wholeNumbers((origin.data as Float32Array).subarray(from, to), columns);
    if (!whole) return undefined;
    numbers.set(whole.numbers, from);
    scales.set(whole.steps, o * columns);
  }
  return { numbers, scales };
}

function floats(node: Node, { graph, name, shape }: Value, { numbers, scales }: Bytes): Value {
  return graph.named(node.name, () =>
    dequantizeColumns([
      graph.constant({ dtype: 'i8', shape, data: numbers }, name),
      graph.constant({ dtype: 'f32', shape: columnScales(shape), data: scales }),
    ]),
  );
}
