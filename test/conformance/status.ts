/** What a test of a suite came to. */
export interface TestResult {
  readonly status: 'pass' | 'fail' | 'unsupported';
  readonly reason?: string;
}

/** The state of a suite as the repository has it: how many tests there are, and every one that does not pass, with its reason. */
export interface SuiteStatus {
  /** Folder of the tests, below ../shared. */
  readonly suite: string;
  readonly total: number;
  readonly exceptions: Readonly<Record<string, { readonly status: 'fail' | 'unsupported'; readonly reason: string }>>;
}

/** Where results depart from the recorded state, for better or worse; empty when they agree. */
export function departures({ total, exceptions }: SuiteStatus, results: ReadonlyMap<string, TestResult>): string[] {
  const found = [...results].flatMap(([name, { status, reason }]) => {
    const expected = exceptions[name]?.status ?? 'pass';
    return status === expected ? [] : [`${name}: ${status}, recorded as ${expected}${reason ? ` (${reason})` : ''}`];
  });
  const missing = Object.keys(exceptions).filter((name) => !results.has(name));
  return [
    ...found,
    ...missing.map((name) => `${name}: recorded, but there is no such test`),
    ...(results.size === total ? [] : [`there are ${results.size} tests, recorded are ${total}`]),
  ];
}
