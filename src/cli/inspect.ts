import type { Command } from 'commander';
import { formatBytes, type InferenceModel, inspect, type MemoryPlan, type ModelDescription, ThimbleError } from '../index.ts';
import { type SourceOptions, shape, withSource } from './options.ts';
import { openModel, readInput } from './source.ts';
import { shortName, tableOf } from './table.ts';

interface InspectOptions extends SourceOptions {
  readonly shapes?: SourceOptions['shape'];
  readonly json?: boolean;
}

/** What `thimble inspect --json` prints; parts that the file or its problem hides are null. */
interface Inspection {
  readonly file: string;
  readonly bytes: number;
  readonly producer: string | null;
  readonly opsets: ModelDescription['opsets'] | null;
  readonly inputs: ModelDescription['inputs'];
  readonly outputs: ModelDescription['outputs'];
  /** Keys of a .tflite file's signatures. */
  readonly signatures: readonly string[];
  readonly parameters: number | null;
  /** Nodes of each operator in the file. */
  readonly operators: ModelDescription['operators'] | null;
  /** Operators of the file that thimble does not have. */
  readonly unsupported: readonly string[];
  /** Why the model cannot be planned. */
  readonly problem: { readonly code: string; readonly message: string } | null;
  readonly macs: number | null;
  /** Nodes and multiply-accumulates by operator after optimization. */
  readonly work: InferenceModel['work'] | null;
  readonly memory: Memory | null;
}

interface Memory extends Pick<MemoryPlan, 'regions' | 'totalBytes' | 'pages'> {
  /** Node at which the most bytes of the arena are alive, and how many. */
  readonly peak: { readonly node: string; readonly bytes: number } | null;
  /** No arena can be smaller. */
  readonly arenaLowerBound: number | null;
}

export function registerInspect(program: Command): void {
  withSource(
    program
      .command('inspect')
      .description('say what is in a model: operators, parameters, multiply-accumulates, memory by region, what is not supported')
      .argument('<model>', '.onnx, .tflite, .thimble, or a model that was saved (.safetensors)'),
  )
    .option('--shapes <name=extents>', 'the same as --shape', shape)
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
Exit code 1 where the model cannot run; what is known of it is printed all the same.

Examples:
  thimble inspect model.onnx
  thimble inspect model.onnx --shapes image=1,3,224,224 --budget 20MB
  thimble inspect model.onnx --json`,
    )
    .action(inspectModel);
}

async function inspectModel(path: string, { json = false, shapes, ...source }: InspectOptions): Promise<void> {
  const bytes = await readInput(path);
  const described = descriptionOf(bytes);
  const opened = await openModel(path, { ...source, flavour: 'scalar', shape: { ...source.shape, ...shapes } }).catch(asThimbleError);
  // Bytes that are no model of any kind: there is nothing to print.
  if (opened instanceof ThimbleError && !described) throw opened;
  const inspection = inspectionOf(path, bytes, described, opened);
  if (json) console.log(JSON.stringify(inspection, null, 2));
  else print(inspection);
  const { problem } = inspection;
  if (!problem) return;
  console.error(`thimble: ${problem.code}: ${summaryOf(problem)}`);
  process.exitCode = 1;
}

/** What an ONNX file says of itself; undefined for other files. */
function descriptionOf(bytes: Uint8Array): ModelDescription | undefined {
  try {
    return inspect(bytes);
  } catch (error) {
    asThimbleError(error);
    return undefined;
  }
}

function asThimbleError(error: unknown): ThimbleError {
  if (error instanceof ThimbleError) return error;
  throw error;
}

function inspectionOf(
  file: string,
  { length }: Uint8Array,
  described: ModelDescription | undefined,
  opened: InferenceModel | ThimbleError,
): Inspection {
  const model = opened instanceof ThimbleError ? undefined : opened;
  const work = model && workOf(model);
  return {
    file,
    bytes: length,
    producer: described?.producer ?? null,
    opsets: described?.opsets ?? null,
    inputs: model?.inputs ?? described?.inputs ?? [],
    outputs: model?.outputs ?? described?.outputs ?? [],
    signatures: described?.signatures ?? [],
    parameters: described?.parameters ?? null,
    operators: described?.operators ?? null,
    unsupported: described?.unsupported ?? [],
    problem: opened instanceof ThimbleError ? { code: opened.code, message: opened.message } : null,
    macs: work ? Object.values(work).reduce((sum, { macs }) => sum + macs, 0) : null,
    work: work ?? null,
    memory: model ? memoryOf(model.memory) : null,
  };
}

/** A `.thimble` file holds no graph to count in. */
function workOf(model: InferenceModel): InferenceModel['work'] | undefined {
  try {
    return model.work;
  } catch (error) {
    asThimbleError(error);
    return undefined;
  }
}

function memoryOf({ regions, totalBytes, pages, methods }: MemoryPlan): Memory {
  const [method] = methods;
  const bytes = Math.max(0, ...(method?.live ?? []));
  const node = method?.nodes[method.live.indexOf(bytes)];
  return {
    regions,
    totalBytes,
    pages,
    peak: node === undefined ? null : { node, bytes },
    arenaLowerBound: method?.lowerBoundBytes ?? null,
  };
}

/** One line for the end of the output: a list of nodes is in the report. */
function summaryOf({ message }: { readonly message: string }): string {
  const [first = '', ...nodes] = message.split('\n');
  return nodes.length ? `${first.replace(/:$/, '')}, listed above` : first;
}

const number = (n: number): string => n.toLocaleString('en-US');
const share = (part: number, whole: number): string => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '');

const holds: Readonly<Record<string, string>> = {
  static: 'records of kernel calls',
  const: 'weights and other constants',
  state: 'what lasts from call to call',
  io: 'inputs and outputs',
  arena: 'activations and scratch',
};

function print({
  file,
  bytes,
  producer,
  opsets,
  inputs,
  outputs,
  signatures,
  parameters,
  operators,
  unsupported,
  problem,
  ...plan
}: Inspection): void {
  const sets = Object.entries(opsets ?? {}).map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`);
  console.log([file, formatBytes(bytes), producer && `made by ${producer}`, sets.length && sets.join(', ')].filter(Boolean).join(' · '));
  const ports = (list: Inspection['inputs']) => list.map(({ name, type, shape: extents }) => `${name} ${type} [${extents.join(', ')}]`);
  for (const [what, list] of [
    ['inputs', ports(inputs)],
    ['outputs', ports(outputs)],
  ] as const)
    console.log(`${what}  ${list.join('\n        ')}`);
  if (signatures.length) console.log(`signatures, one of which --signature chooses: ${signatures.join(', ')}`);
  const counts = [
    parameters !== null && `${number(parameters)} parameters`,
    plan.macs !== null && `${number(plan.macs)} multiply-accumulates`,
  ];
  console.log(counts.filter(Boolean).join(', '));
  if (operators) {
    const rows = tableOf(['operator', 'nodes', ''], [1]);
    for (const [name, nodes] of Object.entries(operators))
      rows.push([name, number(nodes), unsupported.includes(name) ? 'not supported' : '']);
    console.log(`\nin the file\n${rows}`);
  }
  if (plan.work) printWork(plan.work, plan.macs ?? 0);
  if (plan.memory) printMemory(plan.memory);
  if (problem) console.log(`\nit cannot run\n${problem.message}`);
}

function printWork(work: InferenceModel['work'], macs: number): void {
  const rows = tableOf(['operator', 'nodes', 'multiply-accumulates', ''], [1, 2, 3]);
  const sorted = Object.entries(work).sort(([, a], [, b]) => b.macs - a.macs || b.nodes - a.nodes);
  for (const [name, own] of sorted)
    rows.push([name, number(own.nodes), own.macs ? number(own.macs) : '', own.macs ? share(own.macs, macs) : '']);
  console.log(`\nafter optimization\n${rows}`);
}

function printMemory({ regions, totalBytes, pages, peak, arenaLowerBound }: Memory): void {
  const rows = tableOf(['region', 'bytes', '', 'holds'], [1, 2]);
  for (const [name, own] of Object.entries(regions)) rows.push([name, number(own), share(own, totalBytes), holds[name] ?? '']);
  rows.push(['total', number(totalBytes), '', `${pages} pages of 64 KiB`]);
  console.log(`\nmemory\n${rows}`);
  if (peak && arenaLowerBound)
    console.log(
      `peak at "${shortName(peak.node)}": ${number(peak.bytes)} bytes alive; no arena can be smaller than ${number(arenaLowerBound)}`,
    );
}
