// Tensors as files: raw bytes in row-major order, or NumPy's format (NEP 1, versions 1 to 3).
import {
  BAD_HEADER,
  BOOL,
  CHUNK,
  CHUNK_BYTES,
  DESCR,
  DESCR_KEY,
  ENDS_EARLY,
  F32,
  FORTRAN,
  I32,
  message,
  OUT_OF_RANGE,
  scratch,
  SHAPE_KEY,
  Tensor,
  TYPES,
  WRONG_SHAPE,
  WRONG_TYPE,
} from './host';
import { fail, lengthOf, readAll, readSome, STDOUT, write } from './files';

/** Formats of files. */
export const AUTO: i32 = 0;
export const RAW: i32 = 1;
export const NPY: i32 = 2;

/** "\x93NUM", little endian. */
const MAGIC: u32 = 0x4d554e93;

export function elementBytes(dtype: u32): u32 {
  return dtype <= I32 ? 4 : 1;
}

/**
 * Reads one tensor. The first bytes tell the format, unless it is given.
 * @returns the format, or -1 where the file had ended already.
 */
export function readTensor(fd: i32, tensor: Tensor, format: i32): i32 {
  const head = scratch() + CHUNK;
  const name = tensor.name;
  const wanted: u32 = format == NPY || tensor.bytes > 4 ? 4 : tensor.bytes;
  const got = readSome(fd, head, wanted, name);
  if (got == 0 && wanted) return -1;
  if (got < wanted) fail(ENDS_EARLY, name);
  const mask: u32 = wanted >= 4 ? 0xffffffff : (1 << (wanted << 3)) - 1;
  const isNpy = wanted != 0 && (load<u32>(head) & mask) == (MAGIC & mask);
  if (format == NPY && !isNpy) fail(BAD_HEADER, name);
  if (format == RAW || !isNpy) {
    memory.copy(tensor.data, head, wanted);
    readAll(fd, tensor.data + wanted, tensor.bytes - wanted, name);
    return RAW;
  }
  readNpy(fd, tensor, wanted);
  return NPY;
}

function readNpy(fd: i32, tensor: Tensor, already: u32): void {
  const head = scratch() + CHUNK;
  const name = tensor.name;
  readAll(fd, head + already, 10 - already, name);
  // "PY", then the version; version 1 has a length of two bytes, later ones of four.
  if (load<u16>(head, 4) != 0x5950) fail(BAD_HEADER, name);
  let length: u32 = load<u16>(head, 8);
  if (load<u8>(head, 6) > 1) {
    readAll(fd, head + 10, 2, name);
    length = load<u32>(head, 8);
  }
  if (length > CHUNK_BYTES - 64) fail(BAD_HEADER, name);
  const text = head + 16;
  readAll(fd, text, length, name);
  store<u8>(text + length, 0);
  const descr = after(text, DESCR_KEY);
  const shape = after(text, SHAPE_KEY);
  if (!descr || !shape) fail(BAD_HEADER, name);
  if (find(text, message(FORTRAN))) fail(WRONG_TYPE, name);
  checkShape(tensor, shape);
  // 'descr': '<f4' — the quote, the order of bytes, the kind, the size.
  let at = descr;
  while (load<u8>(at) == 32 || load<u8>(at) == 58) at++;
  if (load<u8>(at, 1) == 62) fail(WRONG_TYPE, name); // ">"
  readElements(fd, tensor, load<u8>(at, 2), load<u8>(at, 3) - 48);
}

/** Reads the elements; doubles and 64-bit integers are converted. */
function readElements(fd: i32, tensor: Tensor, kind: u8, size: u32): void {
  const name = tensor.name;
  const dtype = tensor.dtype;
  const wantedKind = load<u8>(message(TYPES) + dtype);
  if (kind != wantedKind || (size != elementBytes(dtype) && !(size == 8 && elementBytes(dtype) == 4))) fail(WRONG_TYPE, name);
  if (size != 8) {
    readAll(fd, tensor.data, tensor.bytes, name);
    return;
  }
  const chunk = scratch() + CHUNK;
  const count = tensor.bytes >> 2;
  const room = CHUNK_BYTES >> 3;
  for (let from: u32 = 0; from < count; from += room) {
    const part = min(room, count - from);
    readAll(fd, chunk, part << 3, name);
    for (let i: u32 = 0; i < part; i++) {
      const target = tensor.data + ((from + i) << 2);
      if (dtype == F32) store<f32>(target, <f32>load<f64>(chunk + (i << 3)));
      else {
        const value = load<i64>(chunk + (i << 3));
        if (value != <i64>(<i32>value)) fail(OUT_OF_RANGE, name);
        store<i32>(target, <i32>value);
      }
    }
  }
}

/** The extents after "'shape':" must have as many elements as the tensor, and be its own where the rank is. */
function checkShape(tensor: Tensor, text: usize): void {
  let at = text;
  let count: u64 = 1;
  let rank: u32 = 0;
  let fits = true;
  while (load<u8>(at) && load<u8>(at) != 40) at++;
  at++;
  while (load<u8>(at) && load<u8>(at) != 41) {
    if (!isDigit(load<u8>(at))) {
      at++;
      continue;
    }
    let extent: u64 = 0;
    while (isDigit(load<u8>(at))) {
      extent = extent * 10 + (load<u8>(at) - 48);
      if (extent > 0x7fffffff) fail(WRONG_SHAPE, tensor.name);
      at++;
    }
    if (rank < tensor.rank && extent != load<u32>(tensor.shape + (rank << 2))) fits = false;
    count *= extent;
    if (count > 0x7fffffff) fail(WRONG_SHAPE, tensor.name);
    rank++;
  }
  const elements: u64 = tensor.bytes / elementBytes(tensor.dtype);
  if (count != elements || (rank == tensor.rank && !fits)) fail(WRONG_SHAPE, tensor.name);
}

function isDigit(character: u8): bool {
  return character >= 48 && character <= 57;
}

/** Where `needle` starts in `text`, or 0. */
function find(text: usize, needle: usize): usize {
  const length = lengthOf(needle);
  for (; load<u8>(text); text++) {
    let i = 0;
    while (i < length && load<u8>(text + i) == load<u8>(needle + i)) i++;
    if (i == length) return text;
  }
  return 0;
}

/** What follows message `id` in `text`, or 0. */
function after(text: usize, id: i32): usize {
  const at = find(text, message(id));
  return at ? at + lengthOf(message(id)) : 0;
}

/** Writes one tensor to standard output. */
export function writeTensor(tensor: Tensor, format: i32): void {
  if (format == NPY) writeHeader(tensor);
  write(STDOUT, tensor.data, tensor.bytes);
}

/** "\x93NUMPY", version 1.0, length, {'descr': '<f4', 'fortran_order': False, 'shape': (1, 10), } and spaces up to a multiple of 64. */
function writeHeader(tensor: Tensor): void {
  const head = scratch() + CHUNK;
  store<u32>(head, MAGIC);
  store<u32>(head, 0x00015950, 4);
  const template = message(DESCR);
  let at = head + 10;
  for (let i = 0; load<u8>(template + i); i++) {
    const character = load<u8>(template + i);
    // The template's % is the type, its # the shape.
    if (character == 37) {
      store<u8>(at, elementBytes(tensor.dtype) == 1 ? 124 : 60);
      store<u8>(at, load<u8>(message(TYPES) + tensor.dtype), 1);
      store<u8>(at, <u8>(48 + elementBytes(tensor.dtype)), 2);
      at += 3;
    } else if (character == 35) at = writeShape(at, tensor);
    else store<u8>(at++, character);
  }
  while ((at + 1 - head) & 63) store<u8>(at++, 32);
  store<u8>(at++, 10);
  store<u16>(head, <u16>(at - head - 10), 8);
  write(STDOUT, head, <u32>(at - head));
}

/** "1, 10" or "10," or nothing. */
function writeShape(at: usize, tensor: Tensor): usize {
  for (let axis: u32 = 0; axis < tensor.rank; axis++) {
    if (axis) {
      store<u8>(at, 32);
      at++;
    }
    at = writeNumber(at, load<u32>(tensor.shape + (axis << 2)));
    if (axis + 1 < tensor.rank || tensor.rank == 1) store<u8>(at++, 44);
  }
  return at;
}

/** Decimal digits of `value` at `at`; returns where they end. */
export function writeNumber(at: usize, value: u32): usize {
  let power: u32 = 1;
  while (value / power >= 10) power *= 10;
  for (; power; power /= 10) store<u8>(at++, <u8>(48 + ((value / power) % 10)));
  return at;
}
