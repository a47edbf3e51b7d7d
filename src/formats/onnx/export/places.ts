import { type Shape, sizeOf } from '../../../core/shape.ts';
import type { Node, Value } from '../../../ir/graph.ts';
import type { RoiAlignAttributes } from '../../../ops/roiAlign.ts';
import type { ScatterAttributes } from '../../../ops/scatter.ts';
import { attrsOf, type Emission, type Emits, NCHW } from './emission.ts';

/** Updates with an index outside are dropped here, and an error in ONNX: there they go to a row that is cut off again. */
function scatter(e: Emission, node: Node): void {
  const [x, indices, updates] = node.inputs as [Value, Value, Value];
  const rows = x.shape[0] as number;
  const { reduction } = attrsOf<ScatterAttributes>(node);
  const number = (value: number) => e.tensor('index', [], Int32Array.of(value));
  const at = e.plain(indices);
  const isOutside = e.op('Or', [e.op('Less', [at, number(0)]), e.op('GreaterOrEqual', [at, number(rows)])]);
  const places = e.op('Cast', [e.op('Where', [isOutside, number(rows), at])], { to: 7 });
  const spare: Shape = [1, ...x.shape.slice(1)];
  const zeros = e.tensor('spare', spare, x.dtype === 'i32' ? new Int32Array(sizeOf(spare)) : new Float32Array(sizeOf(spare)));
  const inputs = [e.op('Concat', [e.plain(x), zeros], { axis: 0 }), e.op('Unsqueeze', [places, e.ints([-1])]), e.plain(updates)];
  const y = e.op('ScatterND', inputs, { reduction });
  e.put(node.outputs[0] as Value, e.op('Slice', [y, e.ints([0]), e.ints([rows]), e.ints([0])]));
}

function roiAlign(e: Emission, node: Node): void {
  const { mode, outputHeight, outputWidth, samplingRatio, spatialScale, coordinateTransformationMode } = attrsOf<RoiAlignAttributes>(node);
  const [x, regions, batch] = node.inputs as [Value, Value, Value];
  const y = e.op('RoiAlign', [e.nchw(x), e.plain(regions), e.op('Cast', [e.plain(batch)], { to: 7 })], {
    mode,
    output_height: outputHeight,
    output_width: outputWidth,
    sampling_ratio: samplingRatio,
    spatial_scale: { float: spatialScale },
    coordinate_transformation_mode: coordinateTransformationMode,
  });
  e.put(node.outputs[0] as Value, y, NCHW);
}

/** Operators that read or write at places given as data. */
export const places: Emits = { roiAlign, scatter };
