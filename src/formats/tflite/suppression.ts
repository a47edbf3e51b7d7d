import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { gather, nonMaxSuppression, softNonMaxSuppression, where } from '../../ops/index.ts';
import { padded, part, reshapedTo } from '../moves.ts';
import type { NodeContext, Rows } from './context.ts';
import { below, firstOf } from './detection.ts';
import { damaged } from './flatbuffer.ts';

/** How many boxes are kept at most. */
function mostOf(n: NodeContext): number {
  const most = n.number(2);
  if (!Number.isInteger(most) || most < 0) throw damaged(`${most} boxes to keep`);
  n.allow(most);
  return most;
}

/** Which of the boxes [count, 4] are kept, best first, and how many they are (i32 [1]); what is behind the last is 0. */
function kept(n: NodeContext): { selected: Value; count: Value } {
  const [boxes, scores, most] = [n.f32(0), n.f32(1), mostOf(n)];
  const boxCount = scores.shape[0] ?? 0;
  if (boxes.shape.join() !== `${boxCount},4` || scores.shape.length !== 1)
    throw new ThimbleError('SHAPE', 'boxes and scores do not fit', {
      expected: '[boxes, 4] and [boxes]',
      got: `${formatShape(boxes.shape)} and ${formatShape(scores.shape)}`,
    });
  const [rows, count] = nonMaxSuppression.all([reshapedTo(boxes, [1, boxCount, 4]), reshapedTo(scores, [1, 1, boxCount])], {
    maxOutputBoxes: most,
    // An overlap of just the threshold suppresses too.
    iouThreshold: below(n.number(3)),
    scoreThreshold: n.number(4),
  }) as [Value, Value];
  const column = reshapedTo(part(rows, 1, 2, 1), [rows.shape[0] as number]);
  return { selected: padded(column, [[0, most - (rows.shape[0] as number)]], 'constant', 0), count };
}

function hard(n: NodeContext): Value[] {
  const { selected, count } = kept(n);
  return [selected, reshapedTo(count, [])];
}

/** With the scores of what is kept, which are lowered by their overlaps for a sigma above 0 (Bodla et al. 2017). */
function scored(n: NodeContext): Value[] {
  if (n.number(5) > 0) return softly(n, n.number(5));
  const { selected, count } = kept(n);
  const best = gather([n.f32(1), selected], { axis: 0 });
  return [selected, where([firstOf(n, count, selected.shape[0] as number), best, n.graph.scalar(0)]), reshapedTo(count, [])];
}

function softly(n: NodeContext, sigma: number): Value[] {
  const most = mostOf(n);
  const [selected, scores, count] = softNonMaxSuppression.all([n.f32(0), n.f32(1)], {
    maxOutputBoxes: most,
    iouThreshold: n.number(3),
    scoreThreshold: n.number(4),
    sigma,
  }) as [Value, Value, Value];
  const filled = (value: Value) => padded(value, [[0, most - (value.shape[0] as number)]], 'constant', 0);
  return [filled(selected), filled(scores), reshapedTo(count, [])];
}

/** Boxes without those that overlap better ones. */
export const suppression: Rows = { NON_MAX_SUPPRESSION_V4: hard, NON_MAX_SUPPRESSION_V5: scored };
