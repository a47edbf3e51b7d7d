import type { Command } from 'commander';
import { verdicts } from '../data/classify.ts';
import { imageFolder } from '../data/imageFolder.ts';
import { ThimbleError, writeFileAtomically } from '../index.ts';
import { asJson, judgementOf, printJudgement } from './judged.ts';
import { flavourOption, type SourceOptions } from './options.ts';
import { judge, printBroken, resized, shown } from './pictures.ts';
import { checkWritable, openModel } from './source.ts';

interface EvaluateOptions extends SourceOptions {
  readonly report?: string;
  readonly json?: boolean;
}

export function registerEvaluate(program: Command): void {
  program
    .command('evaluate')
    .description('test a model on a folder of photographs: one sub-folder a class')
    .argument('<model>', 'a model that carries labels and preprocessing, as `thimble train` writes')
    .argument('<folder>', 'the photographs, PNG, JPEG or BMP')
    .addOption(flavourOption())
    .option('--report <file>', 'a page with the confusion matrix, the mistakes and the memory')
    .option('--json', 'print the results as JSON')
    .action(evaluateModel);
}

async function evaluateModel(path: string, folder: string, options: EvaluateOptions): Promise<void> {
  checkWritable(options.report);
  const model = await openModel(path, options);
  const { task } = model;
  if (!task?.preprocessing) {
    throw new ThimbleError('INPUT', 'the model does not say what its pictures go through', {
      node: path,
      hint: 'evaluate what `thimble train` wrote',
    });
  }
  const spec = task.preprocessing;
  const photographs = await imageFolder(folder, { channels: spec.channels });
  const { samples, classes: found } = photographs;
  const unknown = found.filter((name) => !task.labels.includes(name));
  if (unknown.length)
    throw new ThimbleError('INPUT', `the model does not know the class "${unknown[0]}"`, {
      node: folder,
      expected: task.labels.join(', '),
    });
  const pictures = resized(
    samples.map((sample) => ({ ...sample, y: task.labels.indexOf(found[sample.y] as string) })),
    spec,
  );
  const started = performance.now();
  const judged = await judge(pictures, spec, (x) => {
    const scores = model.run({ [task.input]: x })[task.output]?.data ?? [];
    const probabilities = new Array<number>(task.labels.length).fill(0);
    for (const { index, probability } of verdicts(task, scores)) probabilities[index] = probability;
    return probabilities;
  });
  const seconds = (performance.now() - started) / 1000;
  if (judged.length === 0) throw new ThimbleError('INPUT', 'none of the files could be read', { node: folder });
  const judgement = judgementOf(task.labels, judged);
  if (options.report !== undefined) {
    const { renderPhotographs } = await import('../report/photographs.ts');
    const page = renderPhotographs({
      title: `${task.labels.join(', ')}: tested`,
      subtitle: `${path} on ${judged.length} photographs of ${folder}`,
      ...judgement,
      cards: [[`${((seconds * 1000) / judged.length).toFixed(1)} ms`, 'a photograph, decoding included']],
      memory: [{ title: 'the model', plan: model.memory }],
      samples: await shown(judgement, pictures),
    });
    await writeFileAtomically(options.report, page);
  }
  if (options.json) console.log(JSON.stringify({ ...asJson(judgement), seconds, broken: photographs.broken }));
  else {
    printJudgement(judgement);
    printBroken(photographs.broken);
    if (options.report !== undefined) console.log(`report: ${options.report}`);
  }
}
