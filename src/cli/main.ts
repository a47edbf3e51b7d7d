#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { ThimbleError } from '../index.ts';
import { registerBench } from './bench.ts';
import { registerCompile } from './compile.ts';
import { registerDigits } from './digitsCommand.ts';
import { registerExplain } from './explain.ts';
import { registerInspect } from './inspect.ts';
import { registerProfile } from './profile.ts';
import { registerQuantize } from './quantize.ts';
import { registerRun } from './run.ts';
import { registerTrain } from './train.ts';

// Whoever reads the output may stop reading; a full disk is an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`thimble: cannot print: ${error.message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : FAILED);
});

/** Exit codes: 1 for what went wrong, 2 for a wrong command line. */
const [FAILED, MISUSED] = [1, 2];

const program = new Command('thimble')
  .description('Train and run neural networks in a fixed thimbleful of memory')
  .version(version)
  .option('--verbose', 'print the stack of an error')
  .exitOverride()
  .showHelpAfterError('(--help says more)');

const commands = [
  registerDigits,
  registerInspect,
  registerRun,
  registerCompile,
  registerProfile,
  registerQuantize,
  registerBench,
  registerExplain,
];
for (const register of commands) register(program);
registerTrain(program);

/** Whether the command line was understood. */
let isUnderstood = false;
program.hook('preAction', () => {
  isUnderstood = true;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : MISUSED;
  else {
    process.exitCode = isUnderstood ? FAILED : MISUSED;
    const known = error instanceof ThimbleError;
    console.error(`thimble: ${known ? `${error.code}: ` : ''}${(error as Error).message}`);
    if (program.opts().verbose) console.error((error as Error).stack);
    else if (!known) console.error('thimble: this is a mistake of thimble; --verbose shows where');
  }
}
