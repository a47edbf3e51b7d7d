export { type ErrorCode, ThimbleError } from '../core/errors.ts';
export { type Tensor, tensor } from '../core/tensor.ts';
export { decode } from '../program/decode.ts';
export type { Method, Program, Slot, StateSlot, Training } from '../program/format.ts';
export { chooseKernels, type Flavour, flavourOf, type Kernels, passesSelfTest, supports } from './flavour.ts';
export { RuntimeModel } from './model.ts';
export type { Feed, TensorInfo } from './ports.ts';
export { type Feeds, Session } from './session.ts';
