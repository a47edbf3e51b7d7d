import { type Shape, sizeOf } from '../core/shape.ts';
import type { Graph, Node, Value } from '../ir/graph.ts';
import { constantTransposed, flattenedRows } from '../ops/constants.ts';
import type { PadAttributes } from '../ops/pad.ts';
import { type ReduceAttributes, reducedAxes } from '../ops/reduce.ts';
import { reshape } from '../ops/reshape.ts';
import type { SliceAttributes } from '../ops/slice.ts';
import { transpose } from '../ops/transpose.ts';
import { Rewriting } from './rewrite.ts';

/** An old value as transpose(value, perm): the transposition is put off. */
interface Turned {
  readonly value: Value;
  readonly perm: readonly number[];
}

const isIdentity = (perm: readonly number[]): boolean => perm.every((axis, i) => axis === i);
const inverse = (perm: readonly number[]): number[] => perm.map((_, axis) => perm.indexOf(axis));
const same = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

/** Whether a transposition of `shape` moves axes of extent 1 only, so that it is a reshape. */
const isReshape = (shape: Shape, perm: readonly number[]): boolean => {
  const moved = perm.filter((axis) => shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > (moved[i - 1] as number));
};

/** Operators of one operand that give a tensor of its shape, element by element. */
export const ELEMENTWISE = new Set(
  `abs exp log sqrt square reciprocal sign neg erf relu clip leakyRelu elu selu sigmoid tanh softplus softsign gelu geluTanh silu hardSigmoid
  hardSwish mish cast sin cos tan asin acos atan sinh cosh asinh acosh atanh ceil floor round isNaN isInf copy
  quantizeInt8 dequantizeInt8`.split(/\s+/),
);
/** Operators of several operands under broadcasting, element by element. */
const BROADCASTING = new Set(
  'add sub mul div min max pow mod equal greater greaterOrEqual where bitwiseAnd bitwiseOr bitwiseXor'.split(' '),
);

/** Whether a node's operands broadcast to its result, which has an element for each place: so has fake quantization with one step for all. */
export const broadcasts = ({ op, inputs }: Node): boolean =>
  BROADCASTING.has(op) || (op === 'fakeQuantize' && sizeOf((inputs[1] as Value).shape) === 1);
const REDUCING = new Set('reduceSum reduceMean reduceMax reduceMin reduceProd reduceSquares'.split(' '));

/**
 * Puts transpositions off and through: they meet their opposite and vanish, become reshapes, or are paid once where an operator needs
 * the order. This is what turns NCHW models, imported as transpose → NHWC operator → transpose, into NHWC ones.
 */
export function sinkTransposes(source: Graph): Graph {
  return new Layout(source).run();
}

class Layout {
  readonly #source: Graph;
  readonly #to: Rewriting;
  readonly #turned = new Map<Value, Turned>();
  /** Old values that are reshape(transpose(value, perm), shape) of a turned value whose transposition is real. */
  readonly #flattened = new Map<Value, Turned>();

  constructor(source: Graph) {
    this.#source = source;
    this.#to = new Rewriting(source);
  }

  run(): Graph {
    for (const node of this.#source.nodes) {
      if (!this.#pushed(node)) {
        const outputs = this.#to.apply(
          node,
          node.inputs.map((input) => this.#plain(input)),
        );
        node.outputs.forEach((output, i) => void this.#to.set(output, outputs[i] as Value));
      }
    }
    for (const { name, value } of this.#source.outputs) this.#to.target.output(name, this.#plain(value));
    return this.#to.target;
  }

  /** The turned form of an old value; its own form with the identity where nothing is put off. */
  #form(value: Value): Turned {
    return this.#turned.get(value) ?? { value: this.#plain(value), perm: value.shape.map((_, i) => i) };
  }

  /** The turned form that an old value, or what it is flattened from, has; undefined where nothing is put off. */
  #formBefore(value: Value): Turned | undefined {
    return this.#turned.get(value) ?? (this.#to.has(value) ? undefined : this.#flattened.get(value));
  }

  /** The value in its own order of axes: pays for what was put off, once. */
  #plain(value: Value): Value {
    const turned = this.#to.has(value) ? undefined : this.#turned.get(value);
    const flat = this.#to.has(value) ? undefined : this.#flattened.get(value);
    if (turned) this.#to.set(value, turn(turned.value, turned.perm));
    else if (flat) this.#to.set(value, reshape(turn(flat.value, flat.perm), { shape: value.shape }));
    return this.#to.of(value);
  }

  #put(old: Value, value: Value, perm: readonly number[]): true {
    if (isIdentity(perm)) this.#to.set(old, value);
    else this.#turned.set(old, { value, perm });
    return true;
  }

  /** Handles a node that lets transpositions through; false where it needs its own order. */
  #pushed(node: Node): boolean {
    const [x] = node.inputs as [Value];
    const [y] = node.outputs as [Value];
    if (node.op === 'transpose') return this.#transpose(node, x, y);
    if (node.op === 'linear') return this.#linear(node, x, y);
    if (node.op === 'reshape') return this.#reshape(y, this.#formBefore(x));
    const isTurned = node.inputs.some((input) => this.#turned.has(input));
    if (!isTurned) return false;
    if (ELEMENTWISE.has(node.op)) return this.#apply(node, [this.#form(x).value], this.#form(x).perm);
    if (broadcasts(node)) return this.#broadcasting(node);
    const { value, perm } = this.#form(x);
    // The range of a whole tensor does not depend on its order.
    if (node.op === 'roundRows' && node.attrs.axis === 0) return this.#apply(node, [value], perm);
    if (node.op === 'dynamicQuantizeInt8') {
      const [bytes, ...scale] = this.#to.apply(node, [value]) as [Value, Value, Value];
      scale.forEach((one, i) => void this.#to.set(node.outputs[i + 1] as Value, one));
      return this.#put(y, bytes, perm);
    }
    if (REDUCING.has(node.op)) return this.#reduce(node, value, perm);
    if (node.op === 'concat') return this.#concat(node);
    if (node.op === 'pad') {
      const { pads } = node.attrs as unknown as PadAttributes;
      const order = inverse(perm);
      return this.#apply(node, [value], perm, { ...node.attrs, pads: order.map((axis) => pads[axis]) });
    }
    if (node.op === 'slice') {
      const { starts, sizes, steps } = node.attrs as unknown as SliceAttributes;
      const order = inverse(perm);
      const inOrder = (list: readonly number[]) => (list.length ? order.map((axis) => list[axis] as number) : list);
      return this.#apply(node, [value], perm, { starts: inOrder(starts), sizes: inOrder(sizes), steps: inOrder(steps) });
    }
    if ((node.op === 'softmax' || node.op === 'logSoftmax') && perm.at(-1) === perm.length - 1) return this.#apply(node, [value], perm);
    return false;
  }

  #apply(node: Node, inputs: readonly Value[], perm: readonly number[], attrs: object = node.attrs): true {
    const [y] = this.#to.apply(node, inputs, attrs) as [Value];
    return this.#put(node.outputs[0] as Value, y, perm);
  }

  #transpose(node: Node, x: Value, y: Value): boolean {
    const given = node.attrs.perm as readonly number[];
    const perm = given.length ? given : x.shape.map((_, i) => x.shape.length - 1 - i);
    const form = this.#form(x);
    return this.#put(
      y,
      form.value,
      perm.map((axis) => form.perm[axis] as number),
    );
  }

  /** Operands with the same permutation stay; constants and small ones are turned to fit. */
  #broadcasting(node: Node): boolean {
    const [y] = node.outputs as [Value];
    const rank = y.shape.length;
    const lead = node.inputs.map((input) => this.#turned.get(input)).find((turned) => turned && turned.perm.length === rank);
    if (!lead) return false;
    const { perm } = lead;
    const size = y.shape.reduce((a, b) => a * b, 1);
    const fits = (input: Value): boolean => {
      const turned = this.#turned.get(input);
      if (turned && same(turned.perm, perm)) return true;
      const elements = input.shape.reduce((a, b) => a * b, 1);
      return input.origin.kind === 'const' || elements * 8 <= size;
    };
    if (!node.inputs.every(fits)) return false;
    const back = inverse(perm);
    const inputs = node.inputs.map((input) => {
      const turned = this.#turned.get(input);
      if (turned && same(turned.perm, perm)) return turned.value;
      const plain = this.#plain(input);
      if (plain.shape.length === 0) return plain;
      const shape = [...new Array<number>(rank - plain.shape.length).fill(1), ...plain.shape];
      const whole = plain.shape.length === rank ? plain : reshaped(plain, shape);
      return turn(whole, back);
    });
    return this.#apply(node, inputs, perm);
  }

  #reduce(node: Node, value: Value, perm: readonly number[]): boolean {
    const { axes, keepDims } = node.attrs as unknown as ReduceAttributes;
    const over = reducedAxes((node.inputs[0] as Value).shape, axes);
    const own = over.map((axis) => perm[axis] as number);
    const [y] = this.#to.apply(node, [value], { axes: own, keepDims }) as [Value];
    if (keepDims) return this.#put(node.outputs[0] as Value, y, perm);
    const kept = perm.filter((_, i) => !over.includes(i));
    const ranks = [...kept].sort((a, b) => a - b);
    return this.#put(
      node.outputs[0] as Value,
      y,
      kept.map((axis) => ranks.indexOf(axis)),
    );
  }

  #concat(node: Node): boolean {
    const forms = node.inputs.map((input) => this.#form(input));
    const [first] = forms as [Turned];
    if (!forms.every(({ perm }) => same(perm, first.perm))) return false;
    const rank = first.perm.length;
    const axis = ((node.attrs.axis as number) + rank) % rank;
    return this.#apply(
      node,
      forms.map(({ value }) => value),
      first.perm,
      { axis: first.perm[axis] },
    );
  }

  /** A reshape of axes that lie together passes; one that mixes them is put off for a product that can turn its weights instead. */
  #reshape(y: Value, form: Turned | undefined): boolean {
    if (!form) return false;
    const { value, perm } = form;
    const from = perm.map((axis) => value.shape[axis] as number);
    if (isReshape(value.shape, perm)) {
      this.#to.set(y, reshaped(value, y.shape));
      return true;
    }
    const pushed = regrouped(from, y.shape, perm);
    if (pushed) return this.#put(y, reshaped(value, pushed.shape), pushed.perm);
    if (y.shape.length === 2 && perm[0] === 0 && y.shape[0] === from[0]) {
      this.#flattened.set(y, { value, perm });
      return true;
    }
    return false;
  }

  /** Dense layers work on the last axis; after a flatten their rows can be in any order. */
  #linear(node: Node, x: Value, y: Value): boolean {
    const rest = node.inputs.slice(1);
    const flat = this.#to.has(x) ? undefined : this.#flattened.get(x);
    const weights = node.inputs[1] as Value;
    if (flat && weights.origin.kind === 'const') {
      const rows = flattenedRows(
        weights,
        flat.value.shape.slice(1),
        flat.perm.slice(1).map((axis) => axis - 1),
      );
      const inputs = [reshaped(flat.value, x.shape), this.#constant(rows), ...rest.slice(1).map((input) => this.#plain(input))];
      const [result] = this.#to.apply(node, inputs) as [Value];
      this.#to.set(y, result);
      return true;
    }
    const turned = this.#turned.get(x);
    if (!turned || turned.perm.at(-1) !== turned.perm.length - 1 || node.attrs.residual) return false;
    return this.#apply(node, [turned.value, ...rest.map((input) => this.#plain(input))], turned.perm);
  }

  #constant({ shape, data }: { shape: Shape; data: Float32Array }): Value {
    return this.#to.target.constant({ dtype: 'f32', shape, data });
  }
}

const reshaped = (value: Value, shape: Shape): Value => (same(value.shape, shape) ? value : reshape(value, { shape }));

/** transpose(value, perm): at compile time for constants, a reshape where only axes of extent 1 move. */
function turn(value: Value, perm: readonly number[]): Value {
  if (isIdentity(perm)) return value;
  const shape = perm.map((axis) => value.shape[axis] as number);
  if (isReshape(value.shape, perm)) {
    if (value.origin.kind === 'const') return value.graph.constant({ dtype: value.dtype, shape, data: value.origin.data }, value.name);
    return reshaped(value, shape);
  }
  return value.origin.kind === 'const' ? constantTransposed(value, perm) : transpose(value, { perm });
}

/**
 * A reshape from `from` to `to` of transpose(v, perm), as a transposition of a reshape of v; undefined where it joins axes that are apart in v.
 */
function regrouped(from: Shape, to: Shape, perm: readonly number[]): { shape: number[]; perm: number[] } | undefined {
  if (from.includes(0)) return undefined;
  const groups: { from: number[]; to: number[] }[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const group = { from: [] as number[], to: [] as number[] };
    let [a, b] = [1, 1];
    do {
      const takesFrom = group.from.length === 0 || (group.to.length > 0 && a < b);
      if (takesFrom && i < from.length) {
        a *= from[i] as number;
        group.from.push(i++);
      } else if (j < to.length) {
        b *= to[j] as number;
        group.to.push(j++);
      } else return undefined;
    } while (a !== b || group.from.length === 0 || group.to.length === 0);
    if (i === from.length) while (j < to.length) group.to.push(j++);
    groups.push(group);
  }
  // Where each group lies in v: its axes must follow one another there.
  const placed = groups.map((group) => {
    const own = group.from.map((axis) => perm[axis] as number);
    return { ...group, start: own[0] as number, together: own.every((axis, k) => k === 0 || axis === (own[k - 1] as number) + 1) };
  });
  if (!placed.every(({ together }) => together)) return undefined;
  const inV = [...placed].sort((a, b) => a.start - b.start);
  const order = inV.flatMap((group) => group.to);
  return { shape: order.map((axis) => to[axis] as number), perm: to.map((_, axis) => order.indexOf(axis)) };
}
