/** Records of the recurrent kernels. */
export const recurrentRecords = {
  /**
   * Recurrent layers: xw [batch, steps, gates · units], w the recurrent weights in panels, h [batch, steps, units]. c: lstm's cells, gru's
   * recurrent part of n. gates: what lstm and gru keep for the backward pass. h0, c0 [batch, units]: the state before the first step, 0 where there
   * is none. candidate: of gru_before the
   * weights of n, apart from w. dy, dxw, drecurrent, dw, dcandidate, dh0, dc0: backward only, else 0. reverse: the last step is the first.
   */
  Recurrent: {
    xw: 'ptr',
    w: 'ptr',
    candidate: 'ptr',
    bias: 'ptr',
    h0: 'ptr',
    c0: 'ptr',
    h: 'ptr',
    c: 'ptr',
    gates: 'ptr',
    dy: 'ptr',
    dxw: 'ptr',
    drecurrent: 'ptr',
    dw: 'ptr',
    dcandidate: 'ptr',
    dh0: 'ptr',
    dc0: 'ptr',
    scratch: 'ptr',
    batch: 'u32',
    steps: 'u32',
    units: 'u32',
    activation: 'u32',
    reverse: 'u32',
  },
  /** The same from x [batch, steps, inputs] on, `block` steps at a time, keeping nothing. c: lstm's cells [batch, units], before and after. */
  RecurrentSequence: {
    x: 'ptr',
    wx: 'ptr',
    bias: 'ptr',
    w: 'ptr',
    recurrentBias: 'ptr',
    candidate: 'ptr',
    h0: 'ptr',
    c0: 'ptr',
    h: 'ptr',
    c: 'ptr',
    gates: 'ptr',
    scratch: 'ptr',
    batch: 'u32',
    steps: 'u32',
    inputs: 'u32',
    units: 'u32',
    block: 'u32',
    activation: 'u32',
    reverse: 'u32',
  },
} as const;
