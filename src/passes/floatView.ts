import type { Graph, Node, Value } from '../ir/graph.ts';
import { producer } from '../ir/graph.ts';
import { add } from '../ops/add.ts';
import { clip } from '../ops/clip.ts';
import { mul } from '../ops/mul.ts';
import type { QuantizeAttributes } from '../ops/quantizeInt8.ts';
import { rewrite } from './rewrite.ts';

/**
 * A quantized graph over the numbers it would have without rounding: what is quantized and dequantized again is only limited to the range of the
 * 8-bit numbers. Weights are constants, so they keep the values they have in 8 bits. With that the graph has gradients (the straight-through
 * estimator, Bengio et al. 2013).
 */
export function floatView(source: Graph): Graph {
  return rewrite(source, (node, _, to) => {
    if (node.op !== 'dequantizeInt8') return undefined;
    const quantized = producer(node.inputs[0] as Value);
    return quantized?.op === 'quantizeInt8' ? [limited(to.of(quantized.inputs[0] as Value), quantized, node)] : undefined;
  });
}

function limited(x: Value, quantized: Node, dequantized: Node): Value {
  const { scale, zero, low, high } = quantized.attrs as unknown as QuantizeAttributes;
  const out = dequantized.attrs as unknown as Pick<QuantizeAttributes, 'scale' | 'zero'>;
  // What rounds to the first or last number is inside the range: black and white pixels have a gradient.
  const y = clip(x, { min: (low - 0.5 - zero) * scale, max: (high + 0.5 - zero) * scale });
  if (out.scale === scale && out.zero === zero) return y;
  const { graph } = x;
  return add([mul([y, graph.scalar(out.scale / scale)]), graph.scalar((zero - out.zero) * out.scale)]);
}
