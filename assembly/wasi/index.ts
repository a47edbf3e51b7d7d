// The command: model.wasm [--raw | --npy] [--state FILE] [--train] [FILE …]
import {
  ARGUMENTS,
  args_get,
  args_sizes_get,
  CANNOT_READ,
  CHUNK,
  DOES_NOT_TRAIN,
  fd_close,
  fed,
  fed_count,
  LONG_ARGUMENTS,
  loss,
  LOSS,
  message,
  NEEDS_VALUE,
  NO_INPUT,
  OPTION_HELP,
  OPTION_NPY,
  OPTION_RAW,
  OPTION_STATE,
  OPTION_TRAIN,
  output,
  output_count,
  proc_exit,
  RESULT,
  run,
  scratch,
  state_bytes,
  state_data,
  STEP,
  Tensor,
  TOO_FEW_FILES,
  TOO_MANY_FILES,
  UNKNOWN_OPTION,
  USAGE,
  WRONG_STATE,
} from './host';
import { argument, argumentRoom, fail, lengthOf, open, readSome, sameText, say, STDERR, STDIN, STDOUT, write } from './files';
import { AUTO, NPY, RAW, readTensor, writeNumber, writeTensor } from './npy';

const INFER: i32 = 0;
const TRAIN: i32 = 1;

export function _start(): void {
  const count = readArguments();
  let method = INFER;
  let format = AUTO;
  let files = 0;
  for (let i = 1; i < count; i++) {
    const text = argument(i);
    // A lone "-" is standard input.
    if (load<u8>(text) != 45 || load<u8>(text, 1) == 0) files = keepFile(files, text);
    else if (sameText(text, message(OPTION_HELP))) {
      write(STDOUT, message(USAGE), lengthOf(message(USAGE)));
      return;
    } else if (sameText(text, message(OPTION_TRAIN))) method = TRAIN;
    else if (sameText(text, message(OPTION_RAW))) format = RAW;
    else if (sameText(text, message(OPTION_NPY))) format = NPY;
    else if (sameText(text, message(OPTION_STATE))) {
      if (++i >= count) fail(NEEDS_VALUE, text);
      readState(argument(i));
    } else fail(UNKNOWN_OPTION, text);
  }
  if (method == TRAIN && !loss()) fail(DOES_NOT_TRAIN, 0);
  if (files) runOnFiles(method, format, files);
  else runOnStream(method, format);
  if (method == TRAIN) write(STDOUT, state_data(), state_bytes());
}

/** Puts the arguments' addresses and texts into their area; returns their number. */
function readArguments(): i32 {
  const base = scratch();
  if (args_sizes_get(base + RESULT, base + RESULT + 4)) fail(CANNOT_READ, 0);
  const count = load<u32>(base + RESULT);
  const bytes = load<u32>(base + RESULT, 4);
  if ((count << 2) + bytes > argumentRoom()) fail(LONG_ARGUMENTS, 0);
  if (args_get(base + ARGUMENTS, base + ARGUMENTS + (count << 2))) fail(CANNOT_READ, 0);
  return count;
}

/** Moves a file's address to the front of the arguments, over those that have been read. */
function keepFile(files: i32, text: usize): i32 {
  store<u32>(scratch() + ARGUMENTS + ((<usize>files) << 2), <u32>text);
  return files + 1;
}

function readState(path: usize): void {
  const fd = open(path);
  const bytes = state_bytes();
  const chunk = scratch() + CHUNK;
  if (readSome(fd, state_data(), bytes, path) != bytes || readSome(fd, chunk, 1, path)) fail(WRONG_STATE, path);
  fd_close(fd);
}

/** One tensor a file, in the order of the inputs. */
function runOnFiles(method: i32, format: i32, files: i32): void {
  const inputs = fed_count(method);
  if (files > inputs) fail(TOO_MANY_FILES, argument(inputs));
  if (files < inputs) fail(TOO_FEW_FILES, changetype<Tensor>(fed(method, files)).name);
  let found = AUTO;
  for (let i = 0; i < inputs; i++) {
    const path = argument(i);
    const standard = load<u16>(path) == 45;
    const fd = standard ? STDIN : open(path);
    found = readTensor(fd, changetype<Tensor>(fed(method, i)), format);
    if (found < 0) fail(NO_INPUT, path);
    if (!standard) fd_close(fd);
  }
  call(method, found, 1);
}

/** Sets of inputs one after the other, until standard input ends: a method call each. */
function runOnStream(method: i32, format: i32): void {
  const inputs = fed_count(method);
  if (inputs == 0) {
    call(method, format == AUTO ? NPY : format, 1);
    return;
  }
  for (let step: u32 = 1; ; step++) {
    let found = format;
    for (let i = 0; i < inputs; i++) {
      const tensor = changetype<Tensor>(fed(method, i));
      const read = readTensor(STDIN, tensor, format);
      if (read < 0 && i == 0 && step > 1) return;
      if (read < 0) fail(NO_INPUT, tensor.name);
      found = read;
    }
    call(method, found, step);
  }
}

/** Runs the method. Inference writes its outputs, in the format of the inputs; training says the loss. */
function call(method: i32, format: i32, step: u32): void {
  run(method);
  if (method == TRAIN) {
    sayLoss(step);
    return;
  }
  const outputs = output_count(method);
  for (let i = 0; i < outputs; i++) writeTensor(changetype<Tensor>(output(method, i)), format);
}

/** "step 1: loss 2.302585", six digits after the point. */
function sayLoss(step: u32): void {
  const line = scratch() + CHUNK;
  say(message(STEP));
  write(STDERR, line, <u32>(writeNumber(line, step) - line));
  say(message(LOSS));
  let at = line;
  let value: f64 = load<f32>(loss());
  if (!(abs(value) < 4e9)) {
    // Not a number, or too large to write without an exponent.
    store<u32>(at, value != value ? 0x6e616e : 0x666e69);
    at += 3;
  } else {
    if (value < 0) store<u8>(at++, 45);
    const millionths = <u64>nearest(abs(value) * 1e6);
    at = writeNumber(at, <u32>(millionths / 1000000));
    store<u8>(at++, 46);
    for (let power: u64 = 100000; power; power /= 10) store<u8>(at++, <u8>(48 + ((millionths / power) % 10)));
  }
  store<u8>(at++, 10);
  write(STDERR, line, <u32>(at - line));
}
