/**
 * Profiles a model op by op while it serves: a replica, which is a second session of its artifact with the runtime's
 * profiler on, runs in a thread or process of its own. The serving sessions cannot be profiled: a runtime takes that
 * option when it opens a model, and every run pays for it.
 */
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { ServingError } from '../../../core/errors.ts';
import { importBackend } from '../../import-backend.ts';
import type { OpProfile } from '../../op-profile.ts';
import { fromErrorMessage } from '../error-message.ts';
import { hostNeeds } from '../host-choice.ts';
import { filesOf } from '../host-worker.ts';
import { FRAME, FRAME_FD, readValue, valueFrame } from '../process/frame.ts';
import type { Sandbox } from '../process/sandbox.ts';
import { describeEnd, startChild } from '../process/start-child.ts';
import { StreamFrames } from '../process/stream-frames.ts';
import { siblingModule } from '../sibling-module.ts';
import type { ReplicaMessage, ReplicaStart } from './replica-run.ts';

/** The replica's message; undefined when it died, for that reason. */
interface ReplicaEnd {
  readonly message: ReplicaMessage | undefined;
  readonly reason: string;
}

export interface ReplicaPlace {
  /** The model must not run in the server's process; a backend that must run in a process does so anyway. */
  readonly isInProcess?: boolean;
  /** The sandbox of its process. */
  readonly sandbox?: Sandbox | undefined;
}

/**
 * Rejects with ServingError: `unsupported` when the backend has no profiler, `load_failed`, `backend_failed`,
 * `worker_lost`. It cannot be cancelled: ending a thread inside native code may end the process.
 */
export async function profileReplica(
  start: ReplicaStart,
  { isInProcess = false, sandbox }: ReplicaPlace = {},
): Promise<OpProfile> {
  const backend = await importBackend(start.backendModule);
  const { mustRunIn } = hostNeeds(backend, start.loadOptions.executionProvider);
  const inProcess = isInProcess || mustRunIn === 'process';
  const { message, reason } = await (inProcess ? profileInProcess(start, sandbox) : profileInThread(start));
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
    let reason = 'it ended without a message';
    worker.once('message', (sent: ReplicaMessage) => {
      message = sent;
    });
    worker.once('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    worker.once('exit', () => resolve({ message, reason }));
  });
}

/** Rejects with `load_failed` when the system cannot start a process. */
async function profileInProcess(start: ReplicaStart, sandbox: Sandbox | undefined): Promise<ReplicaEnd> {
  const { loadOptions } = start;
  const { child, confined } = startChild('./replica-entry', {
    name: 'replica',
    files: filesOf(start),
    loadOptions,
    sandbox,
  });
  let message: ReplicaMessage | undefined;
  let reason = 'it did not start';
  // The child ends when it finds our ends closed.
  const end = (): void => {
    for (const stream of child.stdio) stream?.destroy();
  };
  const frames = new StreamFrames(child.stdio[FRAME_FD] as Socket, {
    onFrame: (frame) => {
      message = readValue(frame) as ReplicaMessage;
      end();
    },
    onBroken: end,
  });
  for (const stream of child.stdio) {
    stream?.on('error', () => undefined);
    if (stream !== child.stdio[FRAME_FD]) (stream as Socket | null)?.resume();
  }
  child.on('error', (error) => {
    reason = error.message;
  });
  frames.write([valueFrame(FRAME.start, 1, start)]);
  await new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      reason = describeEnd(code, signal, confined);
    });
    child.on('close', () => resolve());
  });
  return { message, reason };
}
