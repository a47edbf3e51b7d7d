/** Records of the recurrent kernels. */
export const recurrentRecords = {
  /**
   * Recurrent layers: xw [batch, steps, gates · units], w the recurrent weights in panels, h [batch, steps, units]. c: lstm's cells, gru's
   * recurrent part of n. gates: what lstm and gru keep for the backward pass. h0, c0 [batch, units]: the state before the first step, 0 where there
   * is none. dy, dxw, drecurrent, dw, dh0, dc0: backward only, else 0. reverse: the last step is the first.
   */
  Recurrent: {
    xw: 'ptr',
    w: 'ptr',
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
    dh0: 'ptr',
    dc0: 'ptr',
    scratch: 'ptr',
    batch: 'u32',
    steps: 'u32',
    units: 'u32',
    activation: 'u32',
    reverse: 'u32',
  },
} as const;
