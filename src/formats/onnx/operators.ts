import { ThimbleError } from '../../core/errors.ts';
import { attention, previews } from './attention.ts';
import { attentionContrib } from './attentionContrib.ts';
import type { Row, Rows } from './context.ts';
import { contrib } from './contrib.ts';
import { control } from './control.ts';
import { convolutions } from './convolutions.ts';
import { deformable } from './deformable.ts';
import { detection } from './detection.ts';
import { dynamic, dynamicContrib } from './dynamic.ts';
import { groupQuery } from './groupQueryAttention.ts';
import { indexing } from './indexing.ts';
import { layers } from './layers.ts';
import { losses } from './losses.ts';
import { math } from './math.ts';
import { ml, text } from './ml.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import type { NodeProto } from './proto.ts';
import { quantized } from './quantized.ts';
import { quantizedContrib } from './quantizedContrib.ts';
import { quantizedEmbeddings } from './quantizedEmbeddings.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resizing.ts';
import { sampling } from './sampling.ts';
import { shapes } from './shapes.ts';
import { signal } from './signal.ts';
import { training } from './training.ts';

/** Rows of each operator domain. */
const domains: Readonly<Record<string, Rows>> = {
  '': {
    ...math,
    ...shapes,
    ...indexing,
    ...reductions,
    ...layers,
    ...convolutions,
    ...deformable,
    ...pooling,
    ...products,
    ...attention,
    ...resizing,
    ...sampling,
    ...signal,
    ...quantized,
    ...dynamic,
    ...recurrent,
    ...losses,
    ...detection,
    ...control,
    ...text,
  },
  'ai.onnx.ml': ml,
  'ai.onnx.preview': previews,
  'ai.onnx.preview.training': training,
  'com.microsoft': { ...contrib, ...attentionContrib, ...groupQuery, ...quantizedContrib, ...quantizedEmbeddings, ...dynamicContrib },
};

/** What to do about operators of a domain. */
const hints: Readonly<Record<string, string>> = {
  // The size of a block, 8 or 16 channels, is not in the file.
  'com.microsoft.nchwc':
    'ONNX Runtime optimized this file for the processor it ran on: take the file before that, or have it optimized at ORT_ENABLE_EXTENDED at most',
};

/** `Conv`, or `com.example:Conv` of another domain. */
export const domainName = ({ op, domain }: Pick<NodeProto, 'op' | 'domain'>): string => (domain ? `${domain}:${op}` : op);

/** @throws UNSUPPORTED_OP for an operator that thimble does not have. */
export function rowOf(node: NodeProto): Row {
  const rows = domains[node.domain];
  const row = rows && Object.hasOwn(rows, node.op) ? rows[node.op] : undefined;
  if (!row) throw new ThimbleError('UNSUPPORTED_OP', `thimble has no operator ${domainName(node)}`, { hint: hints[node.domain] });
  return row;
}

/** Whether thimble has a row for the node's operator. */
export const isSupported = (node: NodeProto): boolean => Object.hasOwn(domains[node.domain] ?? {}, node.op);
