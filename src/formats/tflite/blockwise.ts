import { sizeOf } from '../../core/shape.ts';
import { constantOf, UNSIGNED } from './elements.ts';
import { damaged } from './flatbuffer.ts';
import type { Blocks, TensorSpec } from './schema.ts';

/**
 * A constant with a scale for every `size` elements of its last axis, as floats: dense layers keep them in 4 or 8 bits (`passes/fewBits.ts`).
 * Scales are [..., width / size]. @throws FORMAT where they do not fit.
 */
export function blockwise(
  spec: TensorSpec & { readonly blocks: Blocks },
  tensors: readonly TensorSpec[],
  allow: (elements: number) => void,
): { dtype: 'f32'; shape: readonly number[]; data: Float32Array } {
  const { name, shape, blocks } = spec;
  const of = (index: number): ReturnType<typeof constantOf> | undefined => {
    const tensor = tensors[index];
    return tensor?.data && constantOf(tensor, allow);
  };
  const [given, scales, zeroPoints] = [
    constantOf(spec, allow),
    of(blocks.scales),
    blocks.zeroPoints > 0 ? of(blocks.zeroPoints) : undefined,
  ];
  const width = shape.at(-1) ?? 0;
  const count = sizeOf(shape) / blocks.size;
  if (blocks.size < 1 || width % blocks.size || scales?.data.length !== count || (zeroPoints && zeroPoints.data.length !== count))
    throw damaged(`blocks of ${blocks.size} with ${scales?.data.length ?? 0} scales for [${shape}]`, name);
  allow(given.data.length);
  const shift = spec.type === UINT8 ? UNSIGNED : 0;
  const data = Float32Array.from(given.data, (x, i) => {
    const block = Math.floor(i / blocks.size);
    return (x + shift - (zeroPoints?.data[block] ?? 0)) * (scales.data[block] as number);
  });
  return { dtype: 'f32', shape, data };
}

/** TensorType.UINT8. */
const UINT8 = 3;
