export { ThimbleError } from '../core/errors.ts';
export type { Tensor } from '../core/tensor.ts';
export { tensor } from '../core/tensor.ts';
export { decode } from '../program/decode.ts';
export type { Method, Program, Slot, StateSlot } from '../program/format.ts';
export { type Flavour, supports } from './flavour.ts';
export { type Feeds, Session } from './session.ts';
