import { bytesPerElement } from '../core/dtype.ts';
import { ThimbleError } from '../core/errors.ts';
import type { TensorType } from '../core/tensor.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Geometry } from '../kernels/geometry.ts';
import { depthwiseScratch } from '../kernels/scratch.ts';
import { band, conv2d, geometryOf, isPointwise } from './conv2d.ts';
import { conv2dInt8 } from './conv2dInt8.ts';
import { defineOp, type Op, type RefTensor } from './define.ts';
import { depthwiseConv2d, depthwiseGeometry } from './depthwiseConv2d.ts';
import { depthwiseConv2dInt8 } from './depthwiseConv2dInt8.ts';
import { endSums, noEpilogue } from './epilogue.ts';
import { pixels, planarConv2d } from './planarConv2d.ts';
import { type Address, LowerContext, offsetBy, type Scratch, type Step, type StepFields } from './step.ts';

/** Operators that a chain may consist of, all f32 or all i8; planarConv2d only as its first. */
const members = { conv2d, planarConv2d, depthwiseConv2d, conv2dInt8, depthwiseConv2dInt8 };

export interface Stage {
  readonly op: keyof typeof members;
  readonly attrs: object;
  /** Inputs it has beyond the image: weights, bias, residual. */
  readonly operands: number;
}

export interface ChainAttributes {
  readonly stages: readonly Stage[];
  /** Bytes of the rows that are held between the stages, unless a band of one row takes more: they stay in the second-level cache. */
  readonly bandBytes: number;
}

export const isMember = (op: string): op is Stage['op'] => op in members;

interface Link<T extends TensorType> {
  readonly stage: Stage;
  readonly op: Op;
  readonly inputs: readonly T[];
  /** Index of its first operand among the chain's inputs. */
  readonly first: number;
  readonly output: TensorType;
}

/** The stages with the types of what they read and write. `next` gives the input of the stage after `link`. */
function* linksOf<T extends TensorType>(
  inputs: readonly T[],
  { stages }: Pick<ChainAttributes, 'stages'>,
  next: (link: Link<T>) => T,
): Generator<Link<T>> {
  let first = 1;
  let x = inputs[0] as T;
  for (const stage of stages) {
    const op = members[stage.op] as unknown as Op;
    const own = [x, ...inputs.slice(first, first + stage.operands)];
    const [output] = op.infer(own, stage.attrs as Op['attrs']) as [TensorType];
    const link = { stage, op, inputs: own, first, output };
    yield link;
    x = next(link);
    first += stage.operands;
  }
}

const typed = (inputs: readonly TensorType[], attrs: ChainAttributes): Link<TensorType>[] => [
  ...linksOf(inputs, attrs, ({ output }) => output),
];

/**
 * Convolutions one after the other on one image, in bands of rows: what lies between them never exists as a whole. Inputs: x, then the
 * operands of each stage.
 */
export const chain: Op<ChainAttributes> = defineOp<ChainAttributes>({
  name: 'chain',
  attrs: { stages: [], bandBytes: 262144 },
  infer(inputs, attrs) {
    const links = typed(inputs, attrs);
    const batch = inputs[0]?.shape[0];
    if (batch !== 1 || links.length === 0)
      throw new ThimbleError('SHAPE', 'a chain takes one image through at least one stage', { got: `${batch} images` });
    return [(links.at(-1) as Link<TensorType>).output];
  },
  ref(inputs, attrs) {
    let data = new Float64Array();
    const next = ({ op, stage, inputs: own, output }: Link<RefTensor>): RefTensor => {
      [data] = op.ref(own, stage.attrs as Op['attrs'], [output]) as [Float64Array<ArrayBuffer>];
      return { ...output, data };
    };
    for (const _ of linksOf(inputs, attrs, next));
    return [data];
  },
  lower(ctx) {
    const links = typed(ctx.inputs, ctx.attrs).map((link) => new Lowered(ctx, link));
    const bands = ctx.small ? leastBands(links) : planBands(links, ctx.attrs.bandBytes);
    const heldRows = links.map((_, i) => Math.max(...bands.map((band) => (band[i] as Rows).end - (band[i] as Rows).held)));
    // Stages have the same scratch in turn.
    const scratch = ctx.scratch(Math.max(...links.map((link, i) => link.scratchBytes(heldRows[i] as number))));
    links.forEach((link, i) => void link.allocate(i === links.length - 1, heldRows[i] as number, scratch));
    for (const [b, rows] of bands.entries()) {
      links.forEach((link, i) => {
        link.move(b ? (bands[b - 1]?.[i] as Rows) : undefined, rows[i] as Rows);
        link.run(i ? links[i - 1] : undefined, i ? rows[i - 1] : undefined, rows[i] as Rows);
      });
    }
  },
  grad: { none: 'a pass makes it of convolutions, after gradients' },
  macs: (inputs, attrs) =>
    typed(inputs, attrs).reduce(
      (sum, { op, stage, inputs: own, output }) => sum + (op.macs?.(own, stage.attrs as Op['attrs'], [output]) ?? 0),
      0,
    ),
  tolerance: { rtol: 1e-4, atol: 1e-4 },
});

/** Rows of a stage's output in one band: `held` … `end` - 1 are in its buffer, of which `start` … are new. */
interface Rows {
  readonly held: number;
  readonly start: number;
  readonly end: number;
}

/** The rows of its input that rows `start` … `end` - 1 of the output read. */
function rowsRead(g: Geometry, start: number, end: number): { start: number; end: number } {
  const inside = (row: number) => Math.min(Math.max(row, 0), g.inHeight);
  return {
    start: inside(start * g.strideY - g.padTop),
    end: inside((end - 1) * g.strideY - g.padTop + (g.kernelHeight - 1) * g.dilationY + 1),
  };
}

/** Bands of less and less height, with the bytes held between the stages: for each band the rows of every stage. */
function* lowerAndLower(links: readonly Lowered[]): Generator<{ bands: Rows[][]; bytes: number }> {
  const geometries = links.map(({ g }) => g);
  const { outHeight } = geometries.at(-1) as Geometry;
  for (let height = outHeight; ; height = Math.ceil(height / 2)) {
    const bands = bandsOf(geometries, height);
    const bytes = links
      .slice(0, -1)
      .reduce(
        (sum, { rowBytes }, i) => sum + rowBytes * Math.max(...bands.map((band) => (band[i] as Rows).end - (band[i] as Rows).held)),
        0,
      );
    yield { bands, bytes };
    if (height <= 1) return;
  }
}

/** Bands as high as `most` bytes between the stages allow. */
function planBands(links: readonly Lowered[], most: number): Rows[][] {
  let last: Rows[][] = [];
  for (const { bands, bytes } of lowerAndLower(links)) {
    last = bands;
    if (bytes <= most) break;
  }
  return last;
}

/** About what the records of a stage take in a band, with moving its rows. */
const STEP_BYTES = 160;

/** Bands that take the least memory, with the records of their steps. */
function leastBands(links: readonly Lowered[]): Rows[][] {
  let least = { bands: [] as Rows[][], bytes: Number.POSITIVE_INFINITY };
  for (const { bands, bytes } of lowerAndLower(links)) {
    const all = bytes + bands.length * links.length * STEP_BYTES;
    if (all <= least.bytes) least = { bands, bytes: all };
  }
  return least.bands;
}

function bandsOf(geometries: readonly Geometry[], height: number): Rows[][] {
  const last = geometries.length - 1;
  const { outHeight } = geometries[last] as Geometry;
  const bands: Rows[][] = [];
  let before: Rows[] = geometries.map(() => ({ held: 0, start: 0, end: 0 }));
  for (let top = 0; top < outHeight; top += height) {
    const rows: Rows[] = [];
    rows[last] = { held: top, start: top, end: Math.min(top + height, outHeight) };
    for (let i = last - 1; i >= 0; i--) {
      const after = rows[i + 1] as Rows;
      const known = before[i] as Rows;
      const read = rowsRead(geometries[i + 1] as Geometry, after.start, after.end);
      const needed = after.start < after.end && read.start < read.end;
      const start = needed ? Math.max(known.end, read.start) : known.end;
      rows[i] = needed ? { held: read.start, start, end: Math.max(start, read.end) } : { held: known.held, start, end: start };
    }
    bands.push(rows);
    before = rows;
  }
  return bands;
}

/** The one step of an operator of i8, and the scratch it asks for. */
function wholeStep(ctx: LowerContext<ChainAttributes>, { op, stage, inputs, first, output }: Link<TensorType>): Whole {
  const operands = Array.from({ length: stage.operands }, (_, i) => ctx.in(first + i).base as Value);
  const node = { attrs: stage.attrs, inputs: [inputs[0], ...operands], outputs: [output] } as unknown as Node;
  const own = new LowerContext<Op['attrs']>(node, ctx.small);
  op.lower(own);
  const [step, ...more] = own.steps;
  if (!step || more.length > 0) throw new Error(`${stage.op} in a chain is one step, not ${own.steps.length}`);
  return { step, scratches: own.scratches };
}

interface Whole {
  readonly step: Step;
  readonly scratches: readonly Scratch[];
}

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** A stage as steps. */
class Lowered {
  readonly g: Geometry;
  /** Of its output. */
  readonly rowBytes: number;
  readonly #ctx: LowerContext<ChainAttributes>;
  readonly #link: Link<TensorType>;
  /** Of i8: what each of its steps is a part of. */
  readonly #whole: Whole | undefined;
  #scratch: Address | 0 = 0;
  #blockRows = 0;
  /** Where row 0 of what it holds lies: scratch, or the output with all its rows. */
  #rows: Address | undefined;

  constructor(ctx: LowerContext<ChainAttributes>, link: Link<TensorType>) {
    const { op, attrs } = link.stage;
    const { shape, dtype } = link.inputs[0] as TensorType;
    this.#ctx = ctx;
    this.#link = link;
    this.g =
      op === 'depthwiseConv2d' || op === 'depthwiseConv2dInt8'
        ? depthwiseGeometry(shape, attrs as typeof depthwiseConv2d.attrs)
        : geometryOf(op === 'planarConv2d' ? pixels(shape) : shape, attrs as typeof conv2d.attrs);
    this.rowBytes = this.g.outWidth * this.g.outChannels * bytesPerElement(dtype);
    this.#whole = dtype === 'i8' ? wholeStep(ctx, link) : undefined;
  }

  /** @param rows most that it ever holds. */
  scratchBytes(rows: number): number {
    if (this.#whole) return this.#whole.scratches.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
    const { blockRows, bytes } =
      this.#link.stage.op === 'depthwiseConv2d'
        ? { blockRows: 0, bytes: depthwiseScratch }
        : band({ ...this.g, outHeight: rows }, this.#ctx.small);
    this.#blockRows = blockRows;
    return isPointwise(this.g) ? 0 : bytes;
  }

  allocate(isLast: boolean, rows: number, scratch: Address | 0): void {
    this.#scratch = scratch;
    this.#rows = isLast ? undefined : (this.#ctx.scratch(rows * this.rowBytes) as Address);
  }

  /** The address of row `row` while it holds `rows`. */
  #at(row: number, { held }: Rows): Address {
    return this.#rows ? offsetBy(this.#rows, (row - held) * this.rowBytes) : this.#ctx.out(0, row * this.rowBytes);
  }

  /** Moves the rows that are still needed to the front. */
  move(before: Rows | undefined, now: Rows): void {
    if (!before || !this.#rows || now.held === before.held || now.held >= before.end) return;
    const bytes = (before.end - now.held) * this.rowBytes;
    this.#ctx.step('copy_bytes', { x: this.#at(now.held, before), y: this.#rows, bytes });
  }

  /** Computes its new rows from those that `source` holds, or from the input. */
  run(source: Lowered | undefined, held: Rows | undefined, now: Rows): void {
    const { g } = this;
    const count = now.end - now.start;
    if (count === 0) return;
    const lines = held ?? { held: 0, start: 0, end: g.inHeight };
    const [x] = this.#link.inputs as [TensorType];
    const lineBytes = g.inWidth * g.inChannels * bytesPerElement(x.dtype);
    const from = (row: number) => (source ? source.#at(row, lines) : this.#ctx.in(0, row * lineBytes));
    const image = isPointwise(g)
      ? { ...g, inHeight: count, outHeight: count, x: from(now.start) }
      : {
          ...g,
          inHeight: lines.end - lines.held,
          outHeight: count,
          padTop: g.padTop - now.start * g.strideY + lines.held,
          x: from(lines.held),
        };
    const rows = { ...image, y: this.#at(now.start, now) };
    if (this.#whole) this.#partOf(this.#whole, rows);
    else this.#floats(rows, now.start);
  }

  #partOf({ step: { kernel, fields }, scratches }: Whole, rows: object): void {
    const starts = new Map<unknown, number>();
    let next = 0;
    for (const scratch of scratches) {
      starts.set(scratch, next);
      next += aligned(scratch.bytes);
    }
    const placed = Object.entries(fields).map(([name, field]) => {
      const start = typeof field === 'object' ? starts.get(field.base) : undefined;
      return [name, start === undefined ? field : offsetBy(this.#scratch as Address, start + (field as Address).offset)];
    });
    this.#ctx.step(kernel, { ...Object.fromEntries(placed), ...rows } as StepFields<typeof kernel>);
  }

  #floats(rows: Geometry & { readonly x: Address; readonly y: Address }, start: number): void {
    const { stage, first } = this.#link;
    const { residual = false, ordered, low, high } = stage.attrs as { residual?: boolean; ordered?: boolean; low: number; high: number };
    const last = first + stage.operands - 1;
    const hasBias = stage.operands > (residual ? 2 : 1);
    const kernels = {
      conv2d: 'conv2d_f32',
      planarConv2d: 'conv2d_f32_planar',
      depthwiseConv2d: ordered ? 'depthwise_conv2d_f32_ordered' : 'depthwise_conv2d_f32',
    } as const;
    const epilogue = {
      bias: hasBias ? this.#ctx.in(first + 1) : (0 as const),
      residual: residual ? this.#ctx.in(last, start * this.rowBytes) : (0 as const),
      low,
      high,
    };
    this.#ctx.step(kernels[stage.op as keyof typeof kernels], {
      ...rows,
      w: this.#ctx.in(first),
      scratch: this.#scratch,
      blockRows: this.#blockRows,
      ...(ordered ? noEpilogue : epilogue),
    });
    const pixels = rows.batch * rows.outHeight * rows.outWidth;
    if (ordered) endSums(this.#ctx, { y: rows.y, rows: pixels, columns: rows.outChannels, ...epilogue });
  }
}
