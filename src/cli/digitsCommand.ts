import type { Command } from 'commander';
import { digits } from './digits.ts';
import { wholeNumber } from './options.ts';

export function registerDigits(program: Command): void {
  program
    .command('digits')
    .description('train a small CNN on the embedded UCI digits within a memory budget, test it, save it, and write a report')
    .option('--budget <size>', 'what the whole linear memory may use', '256KB')
    .option('--epochs <n>', 'passes over the training images', wholeNumber, 30)
    .option('--seed <n>', 'draws weights, batches and dropout', wholeNumber, 1)
    .option('--out <dir>', 'folder for the model and the report', 'thimble-digits')
    .option('--json', 'print the results as JSON on standard output')
    .action(digits);
}
