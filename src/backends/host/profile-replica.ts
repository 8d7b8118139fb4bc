/**
 * Profiles a model op by op while it serves: a second session of its artifact, in a thread of its own, with the runtime's
 * profiler on. The sessions that serve cannot be profiled: a runtime takes that option when it opens a model, and pays for
 * it in every run.
 */
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../core/errors.ts';
import type { OpProfile } from '../op-profile.ts';
import { fromErrorMessage } from './error-message.ts';
import type { ReplicaMessage, ReplicaStart } from './replica-protocol.ts';
import { siblingModule } from './sibling-module.ts';

/**
 * Rejects with ServingError: `unsupported` where the backend has no profiler, `load_failed`, `backend_failed`, `worker_lost`.
 * It cannot be called off: a thread that is ended inside native code may take the process along.
 */
export function profileReplica(start: ReplicaStart): Promise<OpProfile> {
  const worker = new Worker(siblingModule(import.meta.url, './replica-entry'), {
    workerData: start,
    name: 'pillion-replica',
    execArgv: [],
  });
  return new Promise((resolve, reject) => {
    let message: ReplicaMessage | undefined;
    let reason = 'it ended without a word';
    worker.once('message', (sent: ReplicaMessage) => {
      message = sent;
    });
    worker.once('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.once('exit', () => {
      if (message?.type === 'profiled') resolve(message.profile);
      else if (message?.type === 'failed') reject(fromErrorMessage(message.error));
      else reject(new ServingError('worker_lost', `the thread that profiled the model died (${reason})`));
    });
  });
}
