import { allocate, type DType, type TypedArray } from '../core/dtype.ts';
import { packPanels, unpackPanels } from '../core/panels.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import type { Layout, Variable } from '../ir/variable.ts';
import type { Session } from '../runtime/session.ts';

/** A variable with its contents while no session holds them. Weights of layers are of this form too. */
export interface Held {
  readonly variable: Variable;
  /** In memory layout. */
  data: TypedArray;
}

interface HeldSpec {
  readonly name: string;
  readonly role: Variable['role'];
  readonly dtype?: DType;
  readonly shape?: Shape;
  readonly layout?: Layout;
  readonly logicalShape?: Shape;
  readonly initial?: number;
}

/** A new variable filled with `initial`. */
export function hold({
  name,
  role,
  dtype = 'f32',
  shape = [],
  layout = { kind: 'rows' },
  logicalShape = shape,
  initial = 0,
}: HeldSpec): Held {
  const filled = allocate(dtype, sizeOf(logicalShape)).fill(initial);
  const held: Held = {
    // The padding of panels is 0, here as in a state read from a file.
    data: layout.kind === 'rows' ? filled : packPanels(filled as Float32Array, logicalShape, layout.groups),
    variable: { name, role, dtype, shape, layout, logicalShape, initial: () => held.data },
  };
  return held;
}

/** Copies what `session` holds back to `held`; variables the program does not use keep their data. */
export function pull(session: Session, held: Iterable<Held>): void {
  const slots = new Map(session.program.state.map((slot) => [slot.name, slot]));
  for (const entry of held) {
    const slot = slots.get(entry.variable.name);
    if (slot) entry.data = session.view(slot).slice();
  }
}

/** Writes `held` into `session`. */
export function push(session: Session, held: Iterable<Held>): void {
  const slots = new Map(session.program.state.map((slot) => [slot.name, slot]));
  for (const { variable, data } of held) {
    const slot = slots.get(variable.name);
    if (slot) session.view(slot).set(data);
  }
}

/** The elements of a weight in its logical shape, row-major. */
export const logicalData = ({ variable, data }: Held): TypedArray =>
  variable.layout.kind === 'rows' ? data : unpackPanels(data as Float32Array, variable.logicalShape, variable.layout.groups);
