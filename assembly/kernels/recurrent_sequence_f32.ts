// Recurrent layers for inference: the products with the inputs are done `block` steps at a time, and nothing is kept but h, so memory does not depend on the number
// of steps. gates: batch · block · gates · units f32. scratch: gru batch · 3 units f32, gru_before batch · units f32.
import { RecurrentSequence } from '../records';
import { gemm } from './gemm_f32';
import { candidateRow, resetRow } from './gru_before_f32';
import { activateRow, gruRow, lstmRow } from './recurrent_f32';
import { copyRow, zeroRow } from './vector_f32';

/** Step t, counted from the back with `reverse`, as the data have it. */
@inline
function place(r: RecurrentSequence, t: usize): usize {
  return r.reverse ? r.steps - 1 - t : t;
}

/** Address of h of item b after step t. */
@inline
function hidden(r: RecurrentSequence, b: usize, t: usize): usize {
  return r.h + (((b * r.steps + place(r, t)) * r.units) << 2);
}

/** Address of h of item b before step t; 0 where there is none. */
@inline
function before(r: RecurrentSequence, b: usize, t: usize): usize {
  return t ? hidden(r, b, t - 1) : r.h0 ? r.h0 + ((b * r.units) << 2) : 0;
}

/** Bytes from one item to the next behind `before`. */
@inline
function rowsBefore(r: RecurrentSequence, t: usize): usize {
  return (t ? <usize>(r.steps * r.units) : <usize>r.units) << 2;
}

/** Address of the gates of item b in step t, `width` numbers. */
@inline
function gatesAt(r: RecurrentSequence, b: usize, t: usize, width: usize): usize {
  const first = t - (t % r.block),
    count = min<usize>(r.block, r.steps - first);
  return r.gates + (((b * r.block + (r.reverse ? count - 1 - (t - first) : t - first)) * width) << 2);
}

/** gates = x · wx + bias for the block of steps that t begins, if it begins one. */
function beginBlock(r: RecurrentSequence, t: usize, width: usize): void {
  if (t % r.block) return;
  const count = min<usize>(r.block, r.steps - t),
    first = r.reverse ? r.steps - t - count : t,
    row = (<usize>r.inputs) << 2;
  if (r.block == 1)
    return gemm(
      r.x + first * row,
      r.steps * row,
      r.wx,
      r.bias,
      0,
      r.gates,
      width << 2,
      r.batch,
      width,
      r.inputs,
      -Infinity,
      Infinity,
      false,
    );
  for (let b: usize = 0; b < r.batch; b++) {
    const x = r.x + (b * r.steps + first) * row,
      to = r.gates + ((b * r.block * width) << 2);
    gemm(x, row, r.wx, r.bias, 0, to, width << 2, count, width, r.inputs, -Infinity, Infinity, false);
  }
}

/** The first `columns` gates of all items += h · w. */
function addRecurrent(r: RecurrentSequence, t: usize, width: usize, columns: usize): void {
  const h = before(r, 0, t);
  if (h)
    gemm(
      h,
      rowsBefore(r, t),
      r.w,
      0,
      0,
      gatesAt(r, 0, t, width),
      (r.block * width) << 2,
      r.batch,
      columns,
      r.units,
      -Infinity,
      Infinity,
      true,
    );
}

export function rnn_f32_sequence(r: RecurrentSequence): void {
  const units = <usize>r.units;
  for (let t: usize = 0; t < r.steps; t++) {
    beginBlock(r, t, units);
    addRecurrent(r, t, units, units);
    for (let b: usize = 0; b < r.batch; b++) {
      const h = hidden(r, b, t);
      copyRow(h, gatesAt(r, b, t, units), units);
      activateRow(h, units, r.activation);
    }
  }
}

export function lstm_f32_sequence(r: RecurrentSequence): void {
  const units = <usize>r.units,
    width = units << 2;
  if (r.c0) copyRow(r.c, r.c0, r.batch * units);
  else if (!r.steps) zeroRow(r.c, r.batch * units);
  for (let t: usize = 0; t < r.steps; t++) {
    beginBlock(r, t, width);
    addRecurrent(r, t, width, width);
    for (let b: usize = 0; b < r.batch; b++) {
      const c = r.c + ((b * units) << 2);
      lstmRow(gatesAt(r, b, t, width), t || r.c0 ? c : 0, c, hidden(r, b, t), units);
    }
  }
}

export function gru_f32_sequence(r: RecurrentSequence): void {
  const units = <usize>r.units,
    width = units * 3;
  for (let t: usize = 0; t < r.steps; t++) {
    beginBlock(r, t, width);
    const h = before(r, 0, t);
    if (h) gemm(h, rowsBefore(r, t), r.w, r.recurrentBias, 0, r.scratch, width << 2, r.batch, width, units, -Infinity, Infinity, false);
    for (let b: usize = 0; b < r.batch; b++) {
      const gates = gatesAt(r, b, t, width),
        recurrent = r.scratch + ((b * width) << 2);
      if (!h) copyRow(recurrent, r.recurrentBias, width);
      gruRow(gates, recurrent, gates, before(r, b, t), recurrent + (units << 3), hidden(r, b, t), units);
    }
  }
}

export function gru_before_f32_sequence(r: RecurrentSequence): void {
  const units = <usize>r.units,
    width = units * 3;
  for (let t: usize = 0; t < r.steps; t++) {
    beginBlock(r, t, width);
    addRecurrent(r, t, width, units << 1);
    for (let b: usize = 0; b < r.batch; b++) resetRow(gatesAt(r, b, t, width), before(r, b, t), r.scratch + ((b * units) << 2), units);
    const to = gatesAt(r, 0, t, width) + (units << 3);
    if (before(r, 0, t))
      gemm(r.scratch, units << 2, r.candidate, 0, 0, to, (r.block * width) << 2, r.batch, units, units, -Infinity, Infinity, true);
    for (let b: usize = 0; b < r.batch; b++) candidateRow(gatesAt(r, b, t, width), before(r, b, t), hidden(r, b, t), units);
  }
}
