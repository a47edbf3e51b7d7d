import { expect, it } from 'vitest';
import { Random } from '../../../src/core/random.ts';
import { runJobs } from '../../conformance/pool.mjs';
import { corpus } from './corpus.ts';
import { mutated } from './mutate.ts';

/** Files of one run, a share of the 10,000 that `npm run fuzz` takes, and the seed of the first. */
const COUNT = Number(process.env.FUZZ_FILES ?? 1000);
const FIRST = Number(process.env.FUZZ_SEED ?? 0);
/** Ten times what the slowest takes on a busy machine. */
const LIMIT_MS = 5000;
/** What `load` says that it allocates at most, all in all: this much, and this much for each byte of the file. */
const BASE_BYTES = 256 * 2 ** 20;
const BYTES_PER_BYTE = 1024;

const REFUSALS = ['FORMAT', 'UNSUPPORTED_OP', 'UNSUPPORTED_ATTR', 'SHAPE'];

interface Answer {
  readonly outcome?: string;
  readonly reason?: string;
  readonly allocated?: number;
}

it(`${COUNT} mutated models: each loads and runs, or gives an error that says why, in bounded time and memory`, {
  timeout: 600_000,
}, async () => {
  const models = corpus(new URL('../../../../shared/', import.meta.url));
  const files = Array.from({ length: COUNT }, (_, i) => mutated(models, new Random(FIRST + i)));
  const jobs = files.map((bytes) => ({ file: Buffer.from(bytes).toString('base64') }));
  const script = new URL('./worker.mjs', import.meta.url);
  const answers = await runJobs<(typeof jobs)[0], Answer>(script, jobs, LIMIT_MS, undefined, ['--max-old-space-size=512']);
  const bad = answers.flatMap(({ outcome = 'lost', reason = '', allocated = 0 }: Answer, i) => {
    const room = BASE_BYTES + BYTES_PER_BYTE * (files[i]?.length ?? 0);
    if (!['ran', 'planned', ...REFUSALS].includes(outcome)) return [`seed ${FIRST + i}: ${outcome}: ${reason}`];
    return allocated > room ? [`seed ${FIRST + i}: allocates ${allocated} bytes for ${files[i]?.length} (${outcome})`] : [];
  });
  expect(bad).toEqual([]);
  // Mutations that all break the first length would prove little.
  const share = (outcomes: readonly string[]) => answers.filter(({ outcome = '' }: Answer) => outcomes.includes(outcome)).length / COUNT;
  expect(share(['ran'])).toBeGreaterThan(0.2);
  expect(share(REFUSALS)).toBeGreaterThan(0.3);
  expect(share(['SHAPE', 'UNSUPPORTED_OP', 'UNSUPPORTED_ATTR'])).toBeGreaterThan(0.05);
});
