/**
 * Profiles a model op by op while it serves: a second session of its artifact, with the runtime's profiler on, in a thread
 * of its own, or in a process where the model has one. The sessions that serve cannot be profiled: a runtime takes that
 * option when it opens a model, and pays for it in every run.
 */
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../../core/errors.ts';
import type { OpProfile } from '../../op-profile.ts';
import { backendFor } from '../../registry.ts';
import { fromErrorMessage } from '../error-message.ts';
import { profileInProcess } from '../process/profile-in-process.ts';
import { siblingModule } from '../sibling-module.ts';
import type { ReplicaMessage, ReplicaStart } from './replica-protocol.ts';

/** What came of a replica: its message, or why it died without one. */
interface ReplicaEnd {
  readonly message: ReplicaMessage | undefined;
  readonly reason: string;
}

/**
 * `isInProcess`: the model must not run in the server's own process; so it is whatever is said where its backend must not.
 * Rejects with ServingError: `unsupported` where the backend has no profiler, `load_failed`, `backend_failed`, `worker_lost`.
 * It cannot be called off: a thread that is ended inside native code may take the process along.
 */
export async function profileReplica(start: ReplicaStart, isInProcess = false): Promise<OpProfile> {
  const { mustRunIn } = await backendFor(start.versionDirectory, start.backendKind);
  const inProcess = isInProcess || mustRunIn === 'process';
  const { message, reason } = await (inProcess ? profileInProcess(start) : profileInThread(start));
  if (message?.type === 'profiled') return message.profile;
  if (message?.type === 'failed') throw fromErrorMessage(message.error);
  const what = inProcess ? 'process' : 'thread';
  throw new ServingError('worker_lost', `the ${what} that profiled the model died (${reason})`);
}

function profileInThread(start: ReplicaStart): Promise<ReplicaEnd> {
  const worker = new Worker(siblingModule(import.meta.url, './replica-entry'), {
    workerData: start,
    name: 'pillion-replica',
    execArgv: [],
  });
  return new Promise((resolve) => {
    let message: ReplicaMessage | undefined;
    let reason = 'it ended without a word';
    worker.once('message', (sent: ReplicaMessage) => {
      message = sent;
    });
    worker.once('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.once('exit', () => resolve({ message, reason }));
  });
}
