import {
  ARGUMENTS,
  ARGUMENT_BYTES,
  CANNOT_OPEN,
  CANNOT_READ,
  CANNOT_WRITE,
  CHUNK,
  ENDS_EARLY,
  fd_prestat_dir_name,
  fd_prestat_get,
  fd_read,
  fd_write,
  IOV,
  message,
  path_open,
  PREFIX,
  proc_exit,
  RESULT,
  scratch,
} from './host';

export const STDIN: i32 = 0;
export const STDOUT: i32 = 1;
export const STDERR: i32 = 2;

/** The right to read a file. */
const READ: i64 = 2;

export function lengthOf(text: usize): i32 {
  let length = 0;
  while (load<u8>(text + length)) length++;
  return length;
}

export function sameText(a: usize, b: usize): bool {
  let i: usize = 0;
  while (load<u8>(a + i) == load<u8>(b + i)) {
    if (load<u8>(a + i) == 0) return true;
    i++;
  }
  return false;
}

/** Writes all of the bytes. */
export function write(fd: i32, data: usize, length: u32): void {
  const base = scratch();
  while (length) {
    store<u32>(base + IOV, data);
    store<u32>(base + IOV, length, 4);
    if (fd_write(fd, base + IOV, 1, base + RESULT)) {
      if (fd != STDERR) fail(CANNOT_WRITE, 0);
      proc_exit(1);
    }
    const written = load<u32>(base + RESULT);
    data += written;
    length -= written;
  }
}

export function say(text: usize): void {
  write(STDERR, text, lengthOf(text));
}

/** Ends the command: `thimble: name: message`. */
export function fail(id: i32, name: usize): void {
  const base = scratch();
  say(message(PREFIX));
  if (name) {
    say(name);
    store<u16>(base + RESULT + 8, 0x203a); // ": "
    write(STDERR, base + RESULT + 8, 2);
  }
  say(message(id));
  store<u8>(base + RESULT + 8, 10);
  write(STDERR, base + RESULT + 8, 1);
  proc_exit(1);
}

/** Reads until `length` bytes are there or the file ends; returns how many came. */
export function readSome(fd: i32, data: usize, length: u32, name: usize): u32 {
  const base = scratch();
  let total: u32 = 0;
  while (total < length) {
    store<u32>(base + IOV, data + total);
    store<u32>(base + IOV, length - total, 4);
    if (fd_read(fd, base + IOV, 1, base + RESULT)) fail(CANNOT_READ, name);
    const read = load<u32>(base + RESULT);
    if (read == 0) break;
    total += read;
  }
  return total;
}

/** As `readSome`, but the file must have that many bytes. */
export function readAll(fd: i32, data: usize, length: u32, name: usize): void {
  if (readSome(fd, data, length, name) != length) fail(ENDS_EARLY, name);
}

/** Opens a file to read under one of the folders the host has opened for the command. */
export function open(path: usize): i32 {
  const base = scratch();
  const folder = base + CHUNK;
  for (let fd = 3; fd_prestat_get(fd, base + RESULT) == 0; fd++) {
    const length = load<u32>(base + RESULT, 4);
    if (length >= 1024 || fd_prestat_dir_name(fd, folder, length)) continue;
    const inside = path + prefixOf(path, folder, length);
    if (path_open(fd, 1, inside, lengthOf(inside), 0, READ, 0, 0, base + RESULT) == 0) return load<i32>(base + RESULT);
  }
  fail(CANNOT_OPEN, path);
  return -1;
}

/** Bytes of `path` that name the opened folder itself. */
function prefixOf(path: usize, folder: usize, length: u32): u32 {
  let i: u32 = 0;
  while (i < length && load<u8>(folder + i) && load<u8>(folder + i) == load<u8>(path + i)) i++;
  const whole = i == length || load<u8>(folder + i) == 0;
  if (!whole || i == 0) return load<u16>(path) == 0x2f2e ? 2 : 0; // "./"
  if (load<u8>(path + i - 1) == 47) return i;
  return load<u8>(path + i) == 47 ? i + 1 : 0;
}

/** Address of argument `index`; the arguments must fit into their area. */
export function argument(index: i32): usize {
  return load<u32>(scratch() + ARGUMENTS + ((<usize>index) << 2));
}

/** Bytes of the argument area. */
export function argumentRoom(): u32 {
  return ARGUMENT_BYTES;
}
