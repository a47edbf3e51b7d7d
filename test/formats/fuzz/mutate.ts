import type { Random } from '../../../src/core/random.ts';
import { encode, type Field, parse } from './message.ts';

const below = (random: Random, n: number): number => Math.floor(random.uniform(0, n));
const oneOf = <T>(list: readonly T[], random: Random): T => list[below(random, list.length)] as T;
const join = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

type BytesMutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

/** Numbers that break lengths, counts, extents and axes: limits of 7, 8, 31, 32 and 64 bits as varints. */
const varints: readonly (readonly number[])[] = [
  [0],
  [127],
  [255, 1],
  [255, 255, 255, 255, 7],
  [255, 255, 255, 255, 15],
  [255, 255, 255, 255, 255, 255, 255, 255, 127],
  [255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
];

/** Damage that knows nothing of the format: most of it breaks a length somewhere. */
const damage: readonly BytesMutation[] = [
  // Cut off.
  (bytes, random) => bytes.slice(0, below(random, bytes.length)),
  // A bit flipped.
  (bytes, random) => {
    const at = below(random, bytes.length);
    return bytes.map((byte, i) => (i === at ? byte ^ (1 << below(random, 8)) : byte));
  },
  // A byte replaced.
  (bytes, random) => {
    const at = below(random, bytes.length);
    const byte = oneOf([0, 1, 127, 128, 255, below(random, 256)], random);
    return bytes.map((old, i) => (i === at ? byte : old));
  },
  // A number in the place of a byte.
  (bytes, random) => {
    const at = below(random, bytes.length);
    return join(bytes.subarray(0, at), oneOf(varints, random), bytes.subarray(at + 1));
  },
  // A piece left out.
  (bytes, random) => {
    const at = below(random, bytes.length);
    return join(bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 16)));
  },
  // A piece of another model.
  (bytes, random, others) => {
    const other = oneOf(others, random);
    const [at, from] = [below(random, bytes.length), below(random, other.length)];
    return join(bytes.subarray(0, at), other.subarray(from, from + 1 + below(random, 64)), bytes.subarray(at));
  },
];

const numbers = [0n, 1n, 2n, 3n, 7n, 63n, 255n, 65_536n, 10_000_000n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 40n, 2n ** 62n, 2n ** 63n];
/** Numbers as files have them: two's complement in 64 bits. */
const anyNumber = (random: Random): bigint => BigInt.asUintN(64, oneOf([1n, 1n, -1n], random) * oneOf(numbers, random));

/** All lists of fields in a message, itself included. */
const lists = (fields: Field[]): Field[][] => [fields, ...fields.flatMap(({ value }) => (Array.isArray(value) ? lists(value) : []))];

/** A change that keeps the file a well-formed message: other numbers, names, types and operators, fields lost, repeated or exchanged. */
function rearrange(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const model = parse(bytes);
  const list = oneOf(
    lists(model).filter(({ length }) => length > 0),
    random,
  );
  const donor = oneOf(lists(parse(oneOf(others, random))), random);
  const at = below(random, list.length);
  const field = list[at] as Field;
  const { value } = field;
  switch (below(random, 8)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(below(random, list.length), 0, field);
      break;
    case 2: {
      const same = donor.filter(({ number }) => number === field.number);
      if (same.length > 0) list[at] = oneOf(same, random);
      break;
    }
    case 3: {
      const other = oneOf(list, random);
      list[at] = { ...field, value: other.wire === field.wire ? other.value : value };
      break;
    }
    default:
      if (typeof value === 'bigint') list[at] = { ...field, value: anyNumber(random) };
      else if (value instanceof Uint8Array && value.length > 0)
        list[at] = { ...field, value: oneOf(damage.slice(0, 5), random)(value, random, others) };
      else if (Array.isArray(value) && value.length > 0) value.splice(below(random, value.length), 1);
  }
  return encode(model);
}

/** Some changes to one of `models`, and sometimes damage on top. */
export function mutated(models: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = oneOf(models, random);
  if (random.uniform() < 0.75) for (let left = 1 + below(random, 3); left > 0; left--) bytes = rearrange(bytes, random, models);
  else for (let left = 1 + below(random, 2); left > 0; left--) if (bytes.length > 0) bytes = oneOf(damage, random)(bytes, random, models);
  return bytes;
}
