import type { Program, Slot } from '../program/format.ts';
import { defaultOf, type Exported } from './abi.ts';

/** Texts of the WASI command, in the order of the ids in assembly/wasi/host.ts. */
export const messages = (usage: string): readonly string[] => [
  usage,
  'unknown option; see --help',
  'needs a file',
  'cannot be opened; the host must open its folder (wasmtime: --dir)',
  'cannot be read',
  'standard output cannot be written',
  'the data ends early',
  'not a .npy header',
  'the elements have another type or order than the input; see --help',
  'the shape does not fit the input; see --help',
  'a 64-bit integer is outside the 32-bit integers thimble computes with',
  'one file too many',
  'no file for this input',
  'the model has no training step',
  'the arguments are too long',
  'no data on standard input',
  'not a state of this model: it has another size',
  'step ',
  ': loss ',
  "{'descr': '%', 'fortran_order': False, 'shape': (#), }",
  "'descr'",
  "'shape'",
  // NumPy's kinds by code of the element type: float, int, int, unsigned, bool.
  'fiiub',
  '--help',
  '--train',
  '--state',
  '--raw',
  '--npy',
  "'fortran_order': True",
  'thimble: ',
];

/** What `--help` says. */
export function usageOf({ name, training }: Program, methods: readonly Exported[]): string {
  const list = (slots: readonly Slot[]) => slots.map((slot) => `${slot.name} ${slot.dtype}[${slot.shape.join(',')}]`).join(', ');
  const steps = training?.accumulationSteps ?? 1;
  const groups = steps > 1 ? `; each group of ${steps} sets makes one update` : '';
  const lines = methods.flatMap(({ name: method, method: { inputs, outputs } }) => {
    if (method === 'infer') return [`reads ${list(inputs)}`, `writes ${list(outputs)}`];
    const fed = inputs.filter((slot) => defaultOf(slot.name, training) === undefined);
    return method === 'train_step' ? [`--train reads ${list(fed)}${groups}`] : [];
  });
  return [
    `${name}: a model compiled by thimble`,
    '',
    'usage: model.wasm [--raw | --npy] [--state FILE] [--train] [FILE ...] < inputs > outputs',
    ...lines,
    '',
    'Inputs come from files, or one set after the other from standard input: as .npy or as raw bytes, row by row.',
    'Outputs go to standard output in the format of the inputs. --train takes one step a set, says its loss on standard',
    'error, and writes the state at the end; --state FILE starts with such a state.',
    '',
  ].join('\n');
}
