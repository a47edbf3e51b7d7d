/** A job that hung, or took its process down, comes back as `status: 'fail'` with the reason. */
export function runJobs<Job, Result>(
  script: URL,
  jobs: readonly Job[],
  limit: number,
  onResult?: (job: Job, result: Result) => void,
  execArgv?: readonly string[],
): Promise<(Result | { readonly status: 'fail'; readonly reason: string })[]>;
