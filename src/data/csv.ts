import { ThimbleError } from '../core/errors.ts';
import { readPieces } from '../hosts/files.ts';
import { Samples } from './samples.ts';

/** The fields of each row (RFC 4180: quotes, doubled quotes, line breaks in quotes), read as they are needed. */
export async function* csvRows(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, separator = ','): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let row: string[] = [];
  let field = '';
  let quoted = false;
  let afterQuote = false;
  let started = false;
  const take = function* (text: string): Generator<string[]> {
    for (const character of text) {
      if (quoted && character === '"') {
        quoted = false;
        afterQuote = true;
      } else if (quoted) {
        field += character;
      } else if (character === '"' && (afterQuote || field === '')) {
        if (afterQuote) field += '"';
        quoted = true;
        started = true;
        afterQuote = false;
      } else if (character === separator) {
        row.push(field);
        field = '';
        afterQuote = false;
        started = true;
      } else if (character === '\n') {
        if (started || field !== '') yield [...row, field];
        row = [];
        field = '';
        afterQuote = false;
        started = false;
      } else if (character !== '\r') {
        field += character;
      }
    }
  };
  for await (const piece of pieces) yield* take(decoder.decode(piece, { stream: true }));
  yield* take(`${decoder.decode()}\n`);
  if (quoted) throw new ThimbleError('FORMAT', 'the CSV ends inside quotes');
}

export interface CsvOptions {
  /** The column with the class or target: its name, or its number from 0; -1 is the last. */
  readonly label: string | number;
  /** Whether the first row holds names; by default it does where none of its fields is a number. */
  readonly header?: boolean;
  readonly separator?: string;
  /** `class` (default): labels are classes, whatever they are written as. `number`: targets of a regression. */
  readonly target?: 'class' | 'number';
  /** The classes in the order of their indexes; where left out, all that occur: numbers in their order, else alphabetically. */
  readonly classes?: readonly string[];
}

/** One row: features, and the class index or target. */
export interface CsvExample {
  readonly x: Float32Array;
  readonly y: number | Float32Array;
}

export interface CsvData {
  readonly samples: Samples<CsvExample>;
  /** Names of the features. */
  readonly columns: readonly string[];
  readonly classes: readonly string[];
  readonly rows: number;
}

/**
 * Rows of numbers and a label from a CSV file. It is read through once for the classes and the number of rows, and then anew each epoch, as
 * a stream.
 * @param source a path, where the host has files; or the bytes or text itself.
 * @throws FORMAT naming the row where fields are missing or are no numbers; INPUT for a label column there is not, or a single class.
 */
export async function csv(source: string | Uint8Array | { readonly text: string }, options: CsvOptions): Promise<CsvData> {
  const { label, separator, target = 'class' } = options;
  const open = () => csvRows(piecesOf(source), separator);
  const labels = new Set<string>();
  let names: string[] | undefined;
  let hasHeader = false;
  let at = -1;
  let rows = 0;
  for await (const row of open()) {
    if (!names) {
      hasHeader = options.header ?? row.every((field) => Number.isNaN(numberOf(field)));
      names = hasHeader ? row : row.map((_, i) => `column${i}`);
      at = columnOf(label, names);
      if (hasHeader) continue;
    }
    rows++;
    if (row.length !== names.length)
      throw new ThimbleError('FORMAT', `row ${rows} of the CSV has ${row.length} fields`, { expected: String(names.length) });
    labels.add((row[at] as string).trim());
  }
  if (!names || rows === 0) throw new ThimbleError('INPUT', 'the CSV has no rows');
  const classes = target === 'number' ? [] : (options.classes ?? inOrder(labels));
  if (target === 'class' && labels.size < 2)
    throw new ThimbleError('INPUT', `the CSV has the single class "${[...labels][0]}"`, {
      expected: 'at least two classes in the label column',
    });
  const read = (row: readonly string[], number: number): CsvExample => {
    const text = (row[at] as string).trim();
    const y = target === 'number' ? Float32Array.of(checked(text, number)) : classes.indexOf(text);
    if (y === -1) throw new ThimbleError('FORMAT', `row ${number} of the CSV has the class "${text}"`, { expected: classes.join(', ') });
    return {
      x: Float32Array.from(
        row.filter((_, i) => i !== at),
        (field) => checked(field, number),
      ),
      y,
    };
  };
  const samples = Samples.from(async function* (): AsyncGenerator<CsvExample> {
    let number = hasHeader ? 0 : 1;
    for await (const row of open()) {
      if (number > 0) yield read(row, number);
      number++;
    }
  });
  return { samples, columns: names.filter((_, i) => i !== at), classes, rows };
}

async function* piecesOf(source: string | Uint8Array | { readonly text: string }): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string') yield* readPieces(source);
  else yield source instanceof Uint8Array ? source : new TextEncoder().encode(source.text);
}

const numberOf = (field: string): number => (field.trim() === '' ? Number.NaN : Number(field));

function checked(field: string, row: number): number {
  const value = numberOf(field);
  if (Number.isNaN(value)) throw new ThimbleError('FORMAT', `row ${row} of the CSV has "${field}"`, { expected: 'a number' });
  return value;
}

function columnOf(label: string | number, names: readonly string[]): number {
  const at = typeof label === 'string' ? names.indexOf(label) : label < 0 ? names.length + label : label;
  if (names[at] !== undefined) return at;
  throw new ThimbleError('INPUT', `the CSV has no column ${JSON.stringify(label)}`, { expected: names.join(', ') });
}

function inOrder(labels: ReadonlySet<string>): string[] {
  const all = [...labels];
  return all.some((text) => Number.isNaN(numberOf(text))) ? all.sort() : all.sort((a, b) => Number(a) - Number(b));
}
