import { ThimbleError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Shaped } from '../../core/tensor.ts';
import type { ValueInfo } from './proto.ts';
import { damaged } from './protobuf.ts';

export interface ImportOptions {
  /** Extents of inputs whose dimensions the model leaves open: by input, or a number for a named dimension. An open first axis is 1. */
  readonly shapes?: Readonly<Record<string, readonly number[] | number>> | undefined;
  /** Inputs that never change, by name: they become part of the program. Shape operands of operators have to be. */
  readonly constants?: Readonly<Record<string, Shaped>> | undefined;
}

export function checkDistinct(what: string, ports: readonly ValueInfo[]): void {
  const twice = ports.find(({ name }, i) => ports.findIndex((port) => port.name === name) !== i);
  if (twice) throw damaged(`two ${what} are named "${twice.name}"`);
}

/** Keys of the option `shapes` are inputs or open dimensions. */
export function checkShapeNames(shapes: Readonly<Record<string, unknown>>, inputs: readonly ValueInfo[]): void {
  const known = inputs.flatMap(({ name, dims }) => [name, ...dims.filter((extent) => typeof extent === 'string')]);
  const unknown = Object.keys(shapes).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new ThimbleError('INPUT', `shapes: the model has no input or open dimension "${unknown}"`, {
      expected: [...new Set(known)].join(', '),
    });
  }
}

/** Whether a tensor of `shape` may stand where the model declares `dims`. */
export const fits = (dims: ValueInfo['dims'], shape: readonly number[]): boolean =>
  dims.length === 0 || (shape.length === dims.length && dims.every((n, i) => typeof n === 'string' || n <= 0 || n === shape[i]));

export function checkNames(option: string, given: Readonly<Record<string, unknown>>, inputs: readonly ValueInfo[]): void {
  const names = inputs.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      throw new ThimbleError('INPUT', `${option}: the model has no input "${name}"`, { expected: names.join(', ') });
  }
}

export function shapeOf({ name, dims }: ValueInfo, shapes: NonNullable<ImportOptions['shapes']>): number[] {
  const given = shapes[name];
  if (Array.isArray(given)) {
    if (!fits(dims, given)) {
      throw new ThimbleError('SHAPE', `shapes: input "${name}" cannot have shape ${formatShape(given)}`, {
        expected: `[${dims.join(', ')}]`,
      });
    }
    return [...given];
  }
  return dims.map((n, axis) => {
    if (typeof n === 'number' && n >= 0) return n;
    const extent = shapes[n];
    if (typeof extent === 'number') return extent;
    if (axis === 0) return 1;
    throw new ThimbleError('SHAPE', `input "${name}" leaves an extent open`, {
      got: `[${dims.join(', ')}]`,
      hint: `give load the option \`shapes: { "${name}": [...] }\`, or --shape ${name}=… on the command line`,
    });
  });
}
