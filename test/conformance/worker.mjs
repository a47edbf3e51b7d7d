// Answers each job it is sent with the result of its test.
import * as thimble from '../../dist/index.js';
import { runBackendTest } from './backendTest.mjs';
import { runGoldenTest } from './goldenTest.mjs';

const run = { backend: runBackendTest, golden: runGoldenTest };

process.on('message', async ({ kind, folder, flavour }) => {
  process.send(await run[kind](thimble, folder, flavour));
});
