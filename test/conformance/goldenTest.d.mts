import type * as thimble from '../../src/index.ts';
import type { TestResult } from './status.ts';

export function runGoldenTest(library: typeof thimble, folder: string, flavour?: thimble.Flavour): Promise<TestResult>;
