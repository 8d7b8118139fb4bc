/** The codec thread: does one job after another. */
import { parentPort } from 'node:worker_threads';
import { toErrorMessage } from '../backends/host/error-message.ts';
import { yieldToEventLoop } from '../backends/host/thread-priority.ts';
import { CodecJobs } from './codec-jobs.ts';
import { buffersIn, type JobAnswer, type JobMessage } from './codec-protocol.ts';

const port = parentPort!;
const jobs = new CodecJobs();

yieldToEventLoop();
port.on('message', ({ name, args }: JobMessage) => {
  const answer = answerTo(name, args);
  port.postMessage(answer, [...buffersIn(answer)]);
});

function answerTo(name: JobMessage['name'], args: unknown[]): JobAnswer {
  try {
    return { result: (jobs[name] as (...args: unknown[]) => unknown).apply(jobs, args) };
  } catch (thrown) {
    return { error: toErrorMessage(thrown) };
  }
}
