import { allocate, type TypedArray } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import { packPanels, unpackPanels } from '../core/panels.ts';
import { sameShape, sizeOf } from '../core/shape.ts';
import { readSafetensors, type SafeTensor, writeSafetensors } from '../formats/safetensors.ts';
import type { StateSlot } from '../program/format.ts';
import type { Session } from './session.ts';

const names = { f32: 'F32', i32: 'I32', i8: 'I8', u8: 'U8', bool: 'BOOL' } as const;

/** The session's state as a safetensors file: every tensor in its logical shape. `accumulated`: batches since the last update. */
export function checkpoint(session: Session, accumulated: number): Uint8Array {
  const tensors = session.program.state.map((slot): [string, SafeTensor] => {
    const data = session.view(slot);
    const { dtype, layout, logicalShape } = slot;
    const logical = layout.kind === 'rows' ? data : unpackPanels(data as Float32Array, logicalShape, layout.groups);
    return [slot.name, { dtype: names[dtype], shape: logicalShape, data: logical }];
  });
  return writeSafetensors(new Map(tensors), { accumulated: String(accumulated) });
}

/**
 * Puts back what `checkpoint` wrote; returns `accumulated`.
 * @throws FORMAT where a tensor is missing or of another type or shape; then no state is changed.
 */
export function restore(session: Session, bytes: Uint8Array): number {
  const { tensors, metadata } = readSafetensors(bytes);
  const staged = session.program.state.map((slot) => [slot, inMemoryLayout(slot, tensors.get(slot.name))] as const);
  for (const [slot, data] of staged) session.view(slot).set(data);
  return Number(metadata.accumulated ?? 0);
}

function inMemoryLayout({ name, dtype, shape, layout, logicalShape }: StateSlot, tensor: SafeTensor | undefined): TypedArray {
  if (!tensor || tensor.dtype !== names[dtype] || !sameShape(tensor.shape, logicalShape)) {
    throw new ThimbleError('FORMAT', tensor ? 'the tensor has another shape or type' : 'the checkpoint lacks a tensor', {
      node: name,
      expected: `${names[dtype]} [${logicalShape}]`,
      ...(tensor && { got: `${tensor.dtype} [${tensor.shape}]` }),
    });
  }
  const data = tensor.data as TypedArray;
  if (layout.kind === 'panels') return packPanels(data as Float32Array, logicalShape, layout.groups);
  const rows = allocate(dtype, sizeOf(shape));
  rows.set(data);
  return rows;
}
