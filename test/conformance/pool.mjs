// Runs jobs in a process of its own that is ended, and started again, when one job hangs or takes it down.
import { fork } from 'node:child_process';

/**
 * Calls `script` in a child process, which gets `execArgv`, for each of `jobs`, in order; a job that takes longer than `limit` ms, or kills the
 * process, fails.
 */
export async function runJobs(script, jobs, limit, onResult, execArgv = []) {
  let child;
  const results = [];
  for (const job of jobs) {
    child ??= fork(script, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv });
    const result = await answer(child, job, limit);
    if (result.lost) {
      child.kill('SIGKILL');
      child = undefined;
    }
    const { lost: _, ...told } = result;
    results.push(told);
    onResult?.(job, told);
  }
  child?.disconnect();
  return results;
}

function answer(child, job, limit) {
  return new Promise((resolve) => {
    const done = (result) => {
      clearTimeout(timer);
      child.off('message', done);
      child.off('exit', ended);
      resolve(result);
    };
    const ended = (code, signal) => done({ status: 'fail', reason: `the process ended with ${signal ?? code}`, operators: [], lost: true });
    const timer = setTimeout(
      () => done({ status: 'fail', reason: `no result within ${limit / 1000} s`, operators: [], lost: true }),
      limit,
    );
    child.on('message', done);
    child.on('exit', ended);
    child.send(job);
  });
}
