import { ThimbleError } from '../core/errors.ts';
import { Random } from '../core/random.ts';
import { collate, type Example } from './collate.ts';
import { drawn, stratified } from './split.ts';

/** Which pass over the data it is, and which sample of the pass; both from 0. */
export interface Position {
  readonly epoch: number;
  readonly index: number;
}

type Awaitable<T> = T | Promise<T>;
type Order = (epoch: number) => Uint32Array;

/** Samples that can be asked for by number. `at` may give undefined: a broken one, which is left out. */
export interface SampleList<T> {
  readonly count: number;
  readonly at: (index: number, epoch: number) => Awaitable<T | undefined>;
  /** The class of each, where it is known without reading the sample. */
  readonly labels?: Int32Array | undefined;
}

export interface SplitOptions {
  readonly seed?: number;
}

/**
 * Samples that are read when they are needed, one after the other: memory does not grow with their number. An instance can be iterated any
 * number of times; each iteration is an epoch, and the order of `shuffle` follows from seed and epoch alone.
 */
export class Samples<T> implements AsyncIterable<T> {
  readonly #epoch: (epoch: number) => AsyncIterable<T>;
  readonly #list: SampleList<T> | undefined;
  /** The order in which an epoch asks for the list's samples; as they stand where left out. */
  readonly #order: Order | undefined;
  #epochs = 0;

  private constructor(epoch: (epoch: number) => AsyncIterable<T>, list?: SampleList<T>, order?: Order) {
    this.#epoch = epoch;
    this.#list = list;
    this.#order = order;
  }

  /** Samples by number. */
  static of<T>(list: SampleList<T>): Samples<T> {
    return Samples.#listed(list);
  }

  static #listed<T>(list: SampleList<T>, order?: Order): Samples<T> {
    return new Samples((epoch) => inOrder(list, epoch, order?.(epoch)), list, order);
  }

  /** Samples of a source that is opened anew for each epoch. */
  static from<T>(open: (epoch: number) => AsyncIterable<T> | Iterable<T>): Samples<T> {
    return new Samples(async function* (epoch) {
      yield* open(epoch);
    });
  }

  /** Samples listed, broken ones included; undefined where that is only known at their end. */
  get count(): number | undefined {
    return this.#list?.count;
  }

  /** The class of each sample, where it is known without reading them and they are not shuffled. */
  get labels(): Int32Array | undefined {
    return this.#order ? undefined : this.#list?.labels;
  }

  /** The pass of number `epoch`: the same samples in the same order whenever it is asked for. */
  epoch(epoch: number): AsyncIterable<T> {
    return this.#epoch(epoch);
  }

  /** The next pass. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.#epoch(this.#epochs++)[Symbol.asyncIterator]();
  }

  /** Each sample changed by `change`, when it is read. */
  map<U>(change: (sample: T, position: Position) => Awaitable<U>): Samples<U> {
    if (this.#list) {
      const { count, at, labels } = this.#list;
      const changed = async (index: number, epoch: number) => {
        const sample = await at(index, epoch);
        return sample === undefined ? undefined : change(sample, { epoch, index });
      };
      return Samples.#listed<U>({ count, labels, at: changed }, this.#order);
    }
    const open = this.#epoch;
    return Samples.from(async function* (epoch) {
      let index = 0;
      for await (const sample of open(epoch)) yield await change(sample, { epoch, index: index++ });
    });
  }

  /** The samples for which `keep` holds. */
  filter(keep: (sample: T) => Awaitable<boolean>): Samples<T> {
    const open = this.#epoch;
    return Samples.from(async function* (epoch) {
      for await (const sample of open(epoch)) if (await keep(sample)) yield sample;
    });
  }

  /**
   * In an order drawn from `seed` and the number of the epoch. Samples by number are shuffled as a whole without reading any; of a stream,
   * `buffer` samples are held and drawn from.
   */
  shuffle(seed: number, { buffer = 1000 }: { readonly buffer?: number } = {}): Samples<T> {
    const list = this.#list;
    const randomOf = (epoch: number) => new Random(Math.imul(seed ^ 0x9e3779b9, epoch + 1));
    if (list) return Samples.#listed(list, (epoch) => randomOf(epoch).permutation(list.count));
    const open = this.#epoch;
    return Samples.from((epoch) => throughBuffer(open(epoch), randomOf(epoch), buffer));
  }

  /**
   * Keeps every sample once it was read: later epochs read nothing. Put it after what is costly and before what is random. Host memory grows
   * with the samples.
   */
  cache(): Samples<T> {
    const list = this.#list;
    if (list) {
      const kept = new Map<number, T | undefined>();
      const at = async (index: number, epoch: number) => {
        if (!kept.has(index)) kept.set(index, await list.at(index, epoch));
        return kept.get(index);
      };
      return Samples.#listed({ count: list.count, labels: list.labels, at }, this.#order);
    }
    const open = this.#epoch;
    let whole: T[] | undefined;
    return Samples.from(async function* (epoch) {
      if (whole) return yield* whole;
      const read: T[] = [];
      for await (const sample of open(epoch)) {
        read.push(sample);
        yield sample;
      }
      whole = read;
    });
  }

  /** The samples of these numbers, in this order. @throws INPUT for a stream or shuffled samples, or a number there is none of. */
  select(indexes: ArrayLike<number>): Samples<T> {
    const { count, at, labels } = this.#needList('select');
    const chosen = Int32Array.from(indexes);
    const wrong = chosen.find((index) => index < 0 || index >= count);
    if (wrong !== undefined) throw new ThimbleError('INPUT', `there is no sample ${wrong}`, { expected: `0 to ${count - 1}` });
    return Samples.of({
      count: chosen.length,
      labels: labels && chosen.map((index) => labels[index] as number),
      at: (index, epoch) => at(chosen[index] as number, epoch),
    });
  }

  /** The first `count` samples of each epoch. */
  take(count: number): Samples<T> {
    if (this.#list && !this.#order) return this.select(Array.from({ length: Math.min(count, this.#list.count) }, (_, i) => i));
    const open = this.#epoch;
    return Samples.from(async function* (epoch) {
      let left = count;
      if (left > 0)
        for await (const sample of open(epoch)) {
          yield sample;
          if (--left === 0) return;
        }
    });
  }

  /**
   * Two parts, drawn by `seed`: `last` has `share` of the samples, of every class where classes are known (stratified), in their old order.
   * @throws INPUT for a stream or shuffled samples, or a share outside (0, 1).
   */
  split(share: number, { seed = 1 }: SplitOptions = {}): { readonly first: Samples<T>; readonly last: Samples<T> } {
    const { count, labels } = this.#needList('split');
    const { train, test } = labels ? stratified(labels, share, seed) : drawn(count, share, seed);
    return { first: this.select(train), last: this.select(test) };
  }

  /** Batches of `size` samples for `fit`, `evaluate` and `predict`; the last may be smaller. Samples are `{ x, y }` or `[x, y]`. */
  batch(this: Samples<Example>, size: number, { dropLast = false }: { readonly dropLast?: boolean } = {}) {
    if (!Number.isInteger(size) || size < 1)
      throw new ThimbleError('INPUT', `batch of ${size}`, { expected: 'a whole number of at least 1' });
    const open = (epoch: number) => this.epoch(epoch);
    return Samples.from(async function* (epoch) {
      let held: Example[] = [];
      for await (const example of open(epoch)) {
        held.push(example);
        if (held.length < size) continue;
        yield collate(held);
        held = [];
      }
      if (held.length && !dropLast) yield collate(held);
    });
  }

  /** All samples of the next epoch. */
  async collect(): Promise<T[]> {
    const all: T[] = [];
    for await (const sample of this) all.push(sample);
    return all;
  }

  #needList(what: string): SampleList<T> {
    if (this.#list && !this.#order) return this.#list;
    throw new ThimbleError('INPUT', `${what} needs samples in an order of their own that can be asked for by number`, {
      hint: `${what} before filter, shuffle and batch`,
    });
  }
}

async function* inOrder<T>(list: SampleList<T>, epoch: number, order?: Uint32Array): AsyncGenerator<T> {
  for (let i = 0; i < list.count; i++) {
    const sample = await list.at(order ? (order[i] as number) : i, epoch);
    if (sample !== undefined) yield sample;
  }
}

/** A stream with `size` of its samples at hand, of which one is drawn each time. */
async function* throughBuffer<T>(samples: AsyncIterable<T>, random: Random, size: number): AsyncGenerator<T> {
  if (!(size >= 1)) throw new ThimbleError('INPUT', `shuffle with a buffer of ${size}`, { expected: 'at least 1 sample' });
  const held: T[] = [];
  for await (const sample of samples) {
    if (held.length < size) {
      held.push(sample);
      continue;
    }
    const at = Math.floor(random.uniform() * held.length);
    yield held[at] as T;
    held[at] = sample;
  }
  for (const at of random.permutation(held.length)) yield held[at] as T;
}
