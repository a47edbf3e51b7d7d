import { ThimbleError } from '../core/errors.ts';
import { filesBelow, readBytes } from '../hosts/files.ts';
import { Samples } from './samples.ts';

/** A file that is read when its sample is: a path from the folder of the classes (`cat/1.jpg`), and how to get its bytes. */
export interface DataFile {
  readonly path: string;
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

/** A folder's path, where the host has files; files by path; or what a folder picker of a browser gives (`input.files`). */
export type FolderSource = string | readonly DataFile[] | ArrayLike<File>;

/** A file that could not be used, and why. */
export interface BrokenFile {
  readonly path: string;
  readonly reason: string;
}

export interface FolderOptions {
  /** A broken file is left out and listed in `broken` (`skip`), or ends the iteration with its error (`stop`). */
  readonly onBroken?: 'skip' | 'stop';
  /** The classes in the order of their indexes; the names of the sub-folders in alphabetical order where left out. */
  readonly classes?: readonly string[];
}

/** Samples of a folder with a sub-folder for each class. */
export interface LabelledFolder<T> {
  readonly samples: Samples<T>;
  readonly classes: readonly string[];
  /** Files of each class, in the order of the samples. */
  readonly files: readonly { readonly path: string; readonly label: number }[];
  /** Broken files met so far. */
  readonly broken: readonly BrokenFile[];
}

/** What operating systems leave in folders. */
const isLitter = (path: string): boolean => /(^|\/)(\.|Thumbs\.db$|desktop\.ini$|__MACOSX\/)/i.test(path);

/**
 * Lists a folder of classes; files are read and decoded when their sample is asked for.
 * @throws INPUT for a folder that is empty, has one class only, an empty class, or names that are not Unicode.
 */
export async function labelledFolder<T>(
  source: FolderSource,
  decode: (bytes: Uint8Array, file: { readonly path: string; readonly label: number }) => T | Promise<T>,
  { onBroken = 'skip', classes: wanted }: FolderOptions = {},
): Promise<LabelledFolder<T>> {
  const name = typeof source === 'string' ? source : 'the files';
  const listed = (await filesOf(source)).filter(({ path }) => !isLitter(path) && path.includes('/'));
  const classOf = (path: string) => path.slice(0, path.indexOf('/'));
  const found = [...new Set(listed.map(({ path }) => classOf(path)))].sort();
  const classes = wanted ?? found;
  checkClasses(name, found, classes);
  const files = listed.map(({ path, bytes }) => ({ path, bytes, label: classes.indexOf(classOf(path)) }));
  const broken = new Map<string, string>();
  const at = async (index: number): Promise<T | undefined> => {
    const file = files[index] as (typeof files)[number];
    try {
      if (file.path.includes('\ufffd'))
        throw new ThimbleError('INPUT', 'its name is not Unicode, so it cannot be opened', { hint: 'rename it' });
      return await decode(await file.bytes(), file);
    } catch (error) {
      if (!(error instanceof ThimbleError)) throw error;
      if (onBroken === 'stop' || isOfAllFiles(error)) throw error.at({ node: file.path });
      broken.set(file.path, error.message);
      return undefined;
    }
  };
  return {
    samples: Samples.of({ count: files.length, labels: Int32Array.from(files, ({ label }) => label), at }),
    classes,
    files,
    get broken() {
      return [...broken].map(([path, reason]) => ({ path, reason }));
    },
  };
}

/** Not the file is at fault but what it was asked for with, or the files do not belong together: none is left out for that. */
const isOfAllFiles = (error: ThimbleError): boolean => error.code === 'SHAPE';

function checkClasses(name: string, found: readonly string[], classes: readonly string[]): void {
  const fail = (problem: string, hint: string): never => {
    throw new ThimbleError('INPUT', problem, { node: name, expected: 'a sub-folder with files for each of at least two classes', hint });
  };
  if (found.length === 0) fail('it has no files in sub-folders', 'put the files of each class into a folder named after it');
  const unreadable = found.find((folder) => folder.includes('\ufffd'));
  if (unreadable) fail(`the name of the folder "${unreadable}" is not Unicode`, 'rename it');
  const empty = classes.filter((folder) => !found.includes(folder));
  if (empty.length) fail(`class ${empty.map((folder) => `"${folder}"`).join(', ')} has no files`, 'add some, or leave the class out');
  const unknown = found.filter((folder) => !classes.includes(folder));
  if (unknown.length) fail(`"${unknown[0]}" is none of the classes ${classes.join(', ')}`, 'remove the folder, or add the class');
  if (classes.length < 2) fail(`it has the single class "${classes[0]}"`, 'add a folder with counter-examples');
}

async function filesOf(source: FolderSource): Promise<readonly DataFile[]> {
  if (typeof source === 'string') return (await filesBelow(source)).map((path) => ({ path, bytes: () => readBytes(`${source}/${path}`) }));
  const files = Array.from(source as ArrayLike<DataFile | File>, (file): DataFile => ('path' in file ? file : ofPicker(file)));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A folder picker's paths start with the folder that was picked. */
const ofPicker = (file: File): DataFile => ({
  path: (file.webkitRelativePath || file.name).replace(/^[^/]*\//, ''),
  bytes: async () => new Uint8Array(await file.arrayBuffer()),
});
