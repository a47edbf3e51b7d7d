import { ThimbleError } from '../../core/errors.ts';
import type { Imported } from '../imported.ts';
import { Importer, type ImportOptions } from './importer.ts';
import type { SignatureSpec, TfliteModel } from './schema.ts';
import { SharedVariables } from './variables.ts';

/**
 * The signatures `keys` of a model, one graph each; they share their variables. The first graph is the method `infer`, the others are `signature:KEY`.
 * Without keys it is the first subgraph alone, with the names of its tensors.
 * @throws INPUT for a signature or an input that the model does not have.
 */
export function importSignatures(model: TfliteModel, fileBytes: number, keys: readonly string[], options: ImportOptions): Imported[] {
  const repeated = keys.find((key, i) => keys.indexOf(key) < i);
  if (repeated !== undefined) throw new ThimbleError('INPUT', `signature "${repeated}" is asked for twice`);
  const shared = new SharedVariables();
  const specs = keys.length ? keys.map((key) => signatureNamed(model, key)) : [undefined];
  const importers = specs.map((spec, i) => new Importer(model, fileBytes, spec, i === 0 ? 'infer' : `signature:${spec?.key}`, shared));
  const names = [...new Set(importers.flatMap((importer) => importer.names.inputs))];
  checkNames('shapes', options.shapes, names);
  checkNames('constants', options.constants, names);
  const imported = importers.map((importer) => importer.run(options));
  for (const { variables } of importers) variables.update();
  return imported;
}

function signatureNamed({ signatures }: TfliteModel, key: string): SignatureSpec {
  const found = signatures.find((signature) => signature.key === key);
  if (found) return found;
  throw new ThimbleError('INPUT', `the model has no signature "${key}"`, { expected: signatures.map((s) => s.key).join(', ') || 'none' });
}

function checkNames(option: string, given: Readonly<Record<string, unknown>> = {}, names: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      throw new ThimbleError('INPUT', `${option}: the model has no input "${name}"`, { expected: names.join(', ') || 'none' });
  }
}
