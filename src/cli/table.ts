import Table from 'cli-table3';

/** A table to fill with `push`; columns whose index is in `right` are numbers. Without colours: it may end in a file. */
export const tableOf = (head: readonly string[], right: readonly number[] = []): InstanceType<typeof Table> =>
  new Table({
    head: [...head],
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
