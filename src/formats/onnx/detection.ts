import type { Value } from '../../ir/graph.ts';
import { nonMaxSuppression, roiAlign, transpose } from '../../ops/index.ts';
import type { NodeContext, Rows } from './context.ts';

/** Boxes that overlap a better one are dropped; the number that is left is known at run time only. */
function nonMaxSuppressionRow(n: NodeContext) {
  const [selected, count] = nonMaxSuppression.all([n.f32(0), n.f32(1)], {
    centerPointBox: n.int('center_point_box', 0) !== 0,
    maxOutputBoxes: n.number(2, 0),
    iouThreshold: n.number(3, 0),
    scoreThreshold: n.number(4, Number.NEGATIVE_INFINITY),
  }) as [Value, Value];
  return { value: selected, elem: 'int64' as const, count };
}

function roiAlignRow(n: NodeContext): Value {
  const y = roiAlign([transpose(n.f32(0), { perm: [0, 2, 3, 1] }), n.f32(1), n.x(2)], {
    mode: n.text('mode', 'avg') as 'avg' | 'max',
    outputHeight: n.int('output_height', 1),
    outputWidth: n.int('output_width', 1),
    samplingRatio: n.int('sampling_ratio', 0),
    spatialScale: n.float('spatial_scale', 1),
    coordinateTransformationMode: n.text('coordinate_transformation_mode', n.version >= 16 ? 'half_pixel' : 'output_half_pixel') as
      | 'half_pixel'
      | 'output_half_pixel',
  });
  return transpose(y, { perm: [0, 3, 1, 2] });
}

export const detection: Rows = { NonMaxSuppression: nonMaxSuppressionRow, RoiAlign: roiAlignRow };
