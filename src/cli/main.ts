#!/usr/bin/env node
import { Command } from 'commander';
import { ThimbleError } from '../index.ts';
import { digits } from './digits.ts';

const VERSION = '0.1.0';

const program = new Command('thimble')
  .description('Train and run neural networks in a fixed thimbleful of memory')
  .version(VERSION)
  .showHelpAfterError();

program
  .command('digits')
  .description('train a small CNN on the embedded UCI digits within a memory budget, test it, save it, and write a report')
  .option('--budget <size>', 'what the whole linear memory may use', '256KB')
  .option('--epochs <n>', 'passes over the training images', wholeNumber, 30)
  .option('--seed <n>', 'draws weights, batches and dropout', wholeNumber, 1)
  .option('--out <dir>', 'folder for the model and the report', 'thimble-digits')
  .option('--json', 'print the results as JSON on standard output')
  .action(digits);

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new ThimbleError('INPUT', `"${text}" is not a whole number of at least 1`);
  }
  return value;
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof ThimbleError)) throw error;
  console.error(`thimble: ${error.code}: ${error.message}`);
  process.exitCode = 1;
}
