import Table from 'cli-table3';

/** A table to fill with `push`; columns whose index is in `right` are numbers. Without colours: it may end in a file. */
export const tableOf = (head: readonly string[], right: readonly number[] = []): InstanceType<typeof Table> =>
  new Table({
    head: [...head],
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });

/** Characters of a layer's name in a table. */
const NAME = 64;

/** A layer's name for people: of a long one the beginning and the end, with `mark` for what is between. */
export const shortName = (name: string, mark = '…'): string =>
  name.length > NAME ? `${name.slice(0, NAME / 2)}${mark}${name.slice(-NAME / 2)}` : name;
