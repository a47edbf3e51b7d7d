import { ThimbleError } from '../../core/errors.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Value } from '../../ir/graph.ts';
import { add, cast, concat, div, exp, gather, greater, mul, nonMaxSuppression, sub, topK, transpose, where } from '../../ops/index.ts';
import { padded, part, reshapedTo } from '../moves.ts';
import type { NodeContext } from './context.ts';
import { damaged } from './flatbuffer.ts';
import { flexNumbers } from './flexbuffer.ts';
import { dequantized } from './quantizedConversion.ts';

/** What the operator's options say. */
interface Options {
  readonly maxDetections: number;
  readonly classesPerDetection: number;
  readonly perClass: number;
  readonly regular: boolean;
  readonly classes: number;
  readonly iouThreshold: number;
  readonly scoreThreshold: number;
  /** Divisors of y, x, height and width. */
  readonly scales: readonly number[];
}

function optionsOf(n: NodeContext): Options {
  const given = flexNumbers(n.node.customOptions);
  const number = (name: string, fallback?: number): number => {
    const value = given.get(name) ?? fallback;
    if (value === undefined || !Number.isFinite(value)) throw damaged(`the option "${name}" is missing`);
    return value;
  };
  const count = (name: string, fallback?: number): number => {
    const value = number(name, fallback);
    if (!Number.isInteger(value) || value < 1 || value > 2 ** 20) throw damaged(`${name} is ${value}`);
    return value;
  };
  const iouThreshold = number('nms_iou_threshold');
  if (!(iouThreshold > 0 && iouThreshold <= 1)) throw damaged(`nms_iou_threshold is ${iouThreshold}`);
  return {
    maxDetections: count('max_detections'),
    classesPerDetection: count('max_classes_per_detection'),
    perClass: count('detections_per_class', 100),
    regular: number('use_regular_nms', 0) !== 0,
    classes: count('num_classes'),
    iouThreshold,
    scoreThreshold: below(number('nms_score_threshold')),
    scales: ['y_scale', 'x_scale', 'h_scale', 'w_scale'].map((name) => number(name)),
  };
}

/** The f32 just below x: what is above it is at least x. */
export function below(x: number): number {
  const value = Float32Array.of(x);
  const bits = new Int32Array(value.buffer);
  if (value[0] === 0) return -(2 ** -149);
  bits[0] = (bits[0] as number) + ((value[0] as number) > 0 ? -1 : 1);
  return value[0] as number;
}

const floats = (n: NodeContext, index: number): Value => {
  const operand = n.operand(index);
  return operand.value.dtype === 'f32' ? operand.value : dequantized(operand);
};

/** Boxes [count, 4] as two corners (y, x, y, x) of encodings [count, 4 or more] relative to anchors: y, x, height and width. */
function corners(encodings: Value, anchors: Value, scales: readonly number[]): Value {
  const column = (value: Value, i: number) => part(value, 1, i, 1);
  const scaled = (i: number) => div([column(encodings, i), encodings.graph.scalar(scales[i] as number)]);
  const half = encodings.graph.scalar(0.5);
  const axes = [0, 1].map((i) => {
    const extent = column(anchors, i + 2);
    const centre = add([mul([scaled(i), extent]), column(anchors, i)]);
    return [centre, mul([mul([half, exp(scaled(i + 2))]), extent])] as const;
  });
  const ends = (op: typeof add) => axes.map(([centre, reach]) => op([centre, reach]));
  return concat([...ends(sub), ...ends(add)], { axis: 1 });
}

/** Detections, best first: which box, its class and score, [rows]; how many of the rows there are, f32 [1]. */
interface Found {
  readonly box: Value;
  readonly class: Value;
  readonly score: Value;
  readonly valid: Value;
  readonly count: Value;
}

const flat = (value: Value): Value => reshapedTo(value, [sizeOf(value.shape)]);

/** 1 for the first `count` of `rows`. */
export const firstOf = (n: NodeContext, count: Value, rows: number): Value =>
  cast(greater([count, n.integers(Array.from({ length: rows }, (_, i) => i))]), { to: 'i32' });

/** Boxes are suppressed by the best class of each; every box that is kept has `perBox` classes. */
function fast(n: NodeContext, boxes: Value, scores: Value, options: Options): Found {
  const [count, classes] = scores.shape as [number, number];
  const perBox = Math.min(options.classesPerDetection, classes);
  const [best, names] = topK.all(scores, { k: perBox, axis: 1 }) as [Value, Value];
  const { iouThreshold, scoreThreshold, maxDetections: maxOutputBoxes } = options;
  const [selected, kept] = nonMaxSuppression.all([reshapedTo(boxes, [1, count, 4]), reshapedTo(part(best, 1, 0, 1), [1, 1, count])], {
    iouThreshold,
    scoreThreshold,
    maxOutputBoxes,
  }) as [Value, Value];
  const rows = selected.shape[0] as number;
  const row = flat(part(selected, 1, 2, 1));
  const spread = (value: Value): Value => {
    const each = gather([value, row], { axis: 0 });
    return flat(
      padded(
        each,
        [
          [0, 0],
          [0, options.classesPerDetection - perBox],
        ],
        'constant',
        0,
      ),
    );
  };
  const each = n.integers(new Array<number>(options.classesPerDetection).fill(0));
  const index = flat(add([reshapedTo(row, [rows, 1]), reshapedTo(each, [1, options.classesPerDetection])]));
  const slots = Array.from({ length: rows * options.classesPerDetection }, (_, i) => i);
  const own = n.integers(slots.map((i) => (i % options.classesPerDetection < perBox ? 1 : 0)));
  const live = gather([firstOf(n, kept, rows), n.integers(slots.map((i) => Math.floor(i / options.classesPerDetection)))], { axis: 0 });
  return { box: index, class: spread(names), score: spread(best), valid: mul([live, own]), count: cast(kept, { to: 'f32' }) };
}

/** Boxes are suppressed in each class; the best of all classes are kept. */
function regular(n: NodeContext, boxes: Value, scores: Value, options: Options): Found {
  const [count, classes] = scores.shape as [number, number];
  const { iouThreshold, scoreThreshold, perClass: maxOutputBoxes, maxDetections } = options;
  const byClass = transpose(scores, { perm: [1, 0] });
  const [selected, kept] = nonMaxSuppression.all([reshapedTo(boxes, [1, count, 4]), reshapedTo(byClass, [1, classes, count])], {
    iouThreshold,
    scoreThreshold,
    maxOutputBoxes,
  }) as [Value, Value];
  const rows = selected.shape[0] as number;
  const column = (i: number) => flat(part(selected, 1, i, 1));
  const all = gather([flat(byClass), add([mul([column(1), n.integers([count], [])]), column(2)])], { axis: 0 });
  const masked = where([firstOf(n, kept, rows), all, n.graph.scalar(Number.NEGATIVE_INFINITY)]);
  const [score, at] = topK.all(masked, { k: Math.min(maxDetections, rows), axis: 0 }) as [Value, Value];
  const valid = firstOf(n, kept, score.shape[0] as number);
  const most = n.integers([maxDetections]);
  const total = where([greater([kept, most]), most, kept]);
  const pick = (i: number) => gather([column(i), at], { axis: 0 });
  return { box: pick(2), class: pick(1), score: where([valid, score, n.graph.scalar(0)]), valid, count: cast(total, { to: 'f32' }) };
}

/**
 * TFLite_Detection_PostProcess, which ends SSD models. Inputs: box encodings [1, boxes, 4 or more], class scores [1, boxes, classes with or without a
 * background in front], anchors [boxes, 4]. Outputs: boxes [1, detections, 4] as y, x, y, x; classes and scores [1, detections]; their number [1].
 * What is behind the last detection is 0.
 */
export function detectionPostProcess(n: NodeContext): readonly Value[] {
  const options = optionsOf(n);
  const [encodings, predictions, anchors] = [0, 1, 2].map((index) => floats(n, index)) as [Value, Value, Value];
  const [batch, count = 0, width = 0] = encodings.shape;
  const labels = predictions.shape[2] ?? 0;
  const background = labels - options.classes;
  const isFit =
    batch === 1 &&
    width >= 4 &&
    predictions.shape.length === 3 &&
    predictions.shape[0] === 1 &&
    predictions.shape[1] === count &&
    anchors.shape.length === 2 &&
    anchors.shape[0] === count &&
    anchors.shape[1] === 4;
  if (!isFit || count < 1 || background < 0 || background > 1) {
    throw new ThimbleError('SHAPE', 'boxes, scores and anchors do not fit', {
      expected: `[1, boxes, 4], [1, boxes, ${options.classes} or ${options.classes + 1}], [boxes, 4]`,
      got: [encodings, predictions, anchors].map(({ shape }) => formatShape(shape)).join(', '),
    });
  }
  const total = options.maxDetections * options.classesPerDetection;
  n.allow(8 * total + options.classes * count);
  const boxes = corners(reshapedTo(encodings, [count, width]), anchors, options.scales);
  const scores = part(reshapedTo(predictions, [count, labels]), 1, background, options.classes);
  const found = (options.regular ? regular : fast)(n, boxes, scores, options);
  const rows = found.score.shape[0] as number;
  const live = (value: Value) => where([found.valid, value, n.graph.scalar(0)]);
  const whole = (value: Value) => reshapedTo(padded(value, [[0, total - rows]], 'constant', 0), [1, total]);
  const chosen = where([reshapedTo(found.valid, [rows, 1]), gather([boxes, found.box], { axis: 0 }), n.graph.scalar(0)]);
  const placed = padded(
    chosen,
    [
      [0, total - rows],
      [0, 0],
    ],
    'constant',
    0,
  );
  return [reshapedTo(placed, [1, total, 4]), whole(live(cast(found.class, { to: 'f32' }))), whole(live(found.score)), found.count];
}
