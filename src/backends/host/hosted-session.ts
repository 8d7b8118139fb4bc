/** The result of starting any host, and the errors that all hosts share. */
import { ServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { Session } from '../backend.ts';
import type { SandboxState } from './process/sandbox.ts';

/** A loaded model in its host. */
export interface HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly executor: Executor;
  /** One text for each part of the model that is not served, with the reason. */
  readonly warnings: readonly string[];
  /** Resident memory of its own processes, in bytes, as last reported; absent or undefined = it has none. */
  readonly residentBytes?: () => number | undefined;
  /** The sandbox of its processes; absent or undefined = it has none. */
  readonly sandbox?: () => SandboxState | undefined;
  /** Session.watchSignatures; absent or undefined = `signatures` holds for good. */
  readonly watchSignatures?: Session['watchSignatures'] | undefined;
  /** Waits for accepted batches, then ends all workers. Idempotent. Never rejects. */
  close(): Promise<void>;
}

export function unloaded(model: string): ServingError {
  return new ServingError('backend_failed', `model "${model}" has been unloaded`);
}

export function expiredBeforeRun(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed before the batch could start', {
    attributes: { stage: 'execute' },
  });
}
