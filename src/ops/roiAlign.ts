import { ThimbleError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { TensorType } from '../core/tensor.ts';
import { defineOp, expectInput, type Op, type RefTensor } from './define.ts';
import { nhwc } from './window.ts';

export interface RoiAlignAttributes {
  /** Mean of a bin's samples, or (as ONNX has it) the largest of the four weighted pixels of all its samples. */
  readonly mode: 'avg' | 'max';
  readonly outputHeight: number;
  readonly outputWidth: number;
  /** Samples of a bin along each axis, at most 100; 0: one a pixel. */
  readonly samplingRatio: number;
  /** Multiplies the regions, to give pixels of x. */
  readonly spatialScale: number;
  /** `half_pixel`: pixel i covers i - ½ to i + ½. `output_half_pixel`: it lies at i, and regions are at least one pixel wide. */
  readonly coordinateTransformationMode: 'half_pixel' | 'output_half_pixel';
}

const MOST_SAMPLES = 100;

function sizes(inputs: readonly TensorType[], { outputHeight, outputWidth, samplingRatio }: RoiAlignAttributes) {
  const { batch, height, width, channels } = nhwc(expectInput(inputs, 0).shape);
  const regions = expectInput(inputs, 1, 'f32', 2).shape as [number, number];
  const rois = expectInput(inputs, 2, 'i32', 1).shape[0] as number;
  if (regions[0] !== rois || regions[1] !== 4) {
    throw new ThimbleError('SHAPE', 'the regions do not fit the batch indexes', {
      expected: formatShape([rois, 4]),
      got: formatShape(regions),
    });
  }
  return { batch, inHeight: height, inWidth: width, channels, rois, outHeight: outputHeight, outWidth: outputWidth, samplingRatio };
}

function check({ mode, outputHeight, outputWidth, samplingRatio, coordinateTransformationMode }: RoiAlignAttributes): void {
  const isCount = (n: number, most: number) => Number.isInteger(n) && n >= 0 && n <= most;
  const refuse = (problem: string, expected: string) => {
    throw new ThimbleError('UNSUPPORTED_ATTR', problem, { expected });
  };
  if (mode !== 'avg' && mode !== 'max') refuse(`mode "${mode}"`, 'avg or max');
  if (!['half_pixel', 'output_half_pixel'].includes(coordinateTransformationMode)) {
    refuse(`coordinateTransformationMode "${coordinateTransformationMode}"`, 'half_pixel or output_half_pixel');
  }
  if (!isCount(samplingRatio, MOST_SAMPLES)) refuse(`samplingRatio ${samplingRatio}`, `0 to ${MOST_SAMPLES}`);
  if (![outputHeight, outputWidth].every((n) => isCount(n, 2 ** 31 - 1))) refuse(`output of ${outputHeight} × ${outputWidth}`, 'an extent');
}

const { fround } = Math;

/** A sample along one axis: the pixels beside it and how near it is to the second. */
interface Sample {
  readonly low: number;
  readonly high: number;
  readonly weight: number;
}

/** The samples of a bin that lie in the image (or up to a pixel outside), in the arithmetic of the kernel. */
function samples(start: number, bin: number, grid: number, extent: number): Sample[] {
  const found: Sample[] = [];
  // Regions may be far larger than the image: begin next to its edge.
  const first = bin > 0 ? Math.max(0, Math.floor(((-1 - start) / bin) * grid) - 2) : 0;
  for (let i = first; i < grid; i++) {
    const at = fround(start + fround(fround(fround(fround(i) + 0.5) * bin) / grid));
    if (bin > 0 && !(at <= extent)) break;
    if (!(at >= -1 && at <= extent)) continue;
    const limited = Math.min(Math.max(at, 0), extent - 1);
    const low = Math.floor(limited);
    found.push({ low, high: Math.min(low + 1, extent - 1), weight: limited - low });
  }
  return found;
}

/** Bins of a region along one axis: where the first begins, their extent, their samples. */
function bins(from: number, to: number, count: number, attrs: RoiAlignAttributes) {
  const isHalf = attrs.coordinateTransformationMode === 'half_pixel';
  const scaled = (at: number) => fround(fround(at * fround(attrs.spatialScale)) - (isHalf ? 0.5 : 0));
  const start = scaled(from);
  const length = fround(scaled(to) - start);
  const size = fround((isHalf ? length : Math.max(length, 1)) / count);
  const whole = Number.isFinite(size) ? Math.max(0, Math.ceil(size)) : 0;
  return { start, size, grid: attrs.samplingRatio || Math.min(whole, 2 ** 31 - 1) };
}

/**
 * ONNX RoiAlign: regions of images cut into outputHeight × outputWidth bins, each pooled from samples between pixels; samples further than a
 * pixel outside the image are 0. Inputs: x [N, H, W, C], regions [R, 4] (x1, y1, x2, y2), index i32 [R] of the image of each (limited to
 * 0..N-1). Output [R, outputHeight, outputWidth, C].
 */
export const roiAlign: Op<RoiAlignAttributes> = defineOp<RoiAlignAttributes>({
  name: 'roiAlign',
  attrs: {
    mode: 'avg',
    outputHeight: 1,
    outputWidth: 1,
    samplingRatio: 0,
    spatialScale: 1,
    coordinateTransformationMode: 'half_pixel',
  },
  infer(inputs, attrs) {
    check(attrs);
    const { batch, inHeight, inWidth, channels, rois, outHeight, outWidth } = sizes(inputs, attrs);
    if (rois > 0 && batch * inHeight * inWidth === 0) throw new ThimbleError('SHAPE', 'regions of images without pixels');
    return [{ dtype: 'f32', shape: [rois, outHeight, outWidth, channels] }];
  },
  ref([x, regions, indexes], attrs) {
    const size = sizes([x as RefTensor, regions as RefTensor, indexes as RefTensor], attrs);
    const { batch, inHeight, inWidth, channels, rois, outHeight, outWidth } = size;
    const y: number[] = [];
    for (let n = 0; n < rois; n++) {
      const image = Math.max(0, Math.min((indexes as RefTensor).data[n] as number, batch - 1));
      const pixel = (row: number, column: number, c: number) =>
        (x as RefTensor).data[((image * inHeight + row) * inWidth + column) * channels + c] as number;
      const [x1, y1, x2, y2] = (regions as RefTensor).data.subarray(n * 4) as unknown as [number, number, number, number];
      const [vertical, horizontal] = [bins(y1, y2, outHeight, attrs), bins(x1, x2, outWidth, attrs)];
      const along = (i: number, { start, size: bin, grid }: ReturnType<typeof bins>, extent: number) =>
        samples(fround(start + fround(i * bin)), bin, grid, extent);
      const total = Math.max(0, vertical.grid) * Math.max(0, horizontal.grid);
      for (let bin = 0; bin < outHeight * outWidth; bin++) {
        const rows = along(Math.floor(bin / outWidth), vertical, inHeight);
        const columns = along(bin % outWidth, horizontal, inWidth);
        for (let c = 0; c < channels; c++) {
          const terms = rows.flatMap((v) =>
            columns.map((u) => [
              (1 - v.weight) * (1 - u.weight) * pixel(v.low, u.low, c),
              (1 - v.weight) * u.weight * pixel(v.low, u.high, c),
              v.weight * (1 - u.weight) * pixel(v.high, u.low, c),
              v.weight * u.weight * pixel(v.high, u.high, c),
            ]),
          );
          const isWhole = terms.length === total && total > 0;
          const sum = () => terms.flat().reduce((a, b) => a + b, 0) / Math.max(total, 1);
          const largest = () => terms.flat().reduce((a, b) => Math.max(a, b), isWhole ? Number.NEGATIVE_INFINITY : 0);
          y.push(attrs.mode === 'avg' ? sum() : largest());
        }
      }
    }
    return [Float64Array.from(y)];
  },
  lower(ctx) {
    const { spatialScale, coordinateTransformationMode, mode } = ctx.attrs;
    ctx.step('roi_align_f32', {
      x: ctx.in(0),
      regions: ctx.in(1),
      batchIndices: ctx.in(2),
      y: ctx.out(),
      ...sizes(ctx.inputs, ctx.attrs),
      spatialScale,
      halfPixel: coordinateTransformationMode === 'half_pixel' ? 1 : 0,
      maximum: mode === 'max' ? 1 : 0,
    });
  },
  grad: { none: 'regions have no slope here' },
  tolerance: { rtol: 1e-5, atol: 1e-5 },
});
