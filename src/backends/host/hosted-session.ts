/** What every host gives back, and the refusals that all of them have in common. */
import { ServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';

/** A loaded model: what it takes, how to run it, how to be rid of it. */
export interface HostedSession {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly executor: Executor;
  /** What of the model is not served, and why: one text each. */
  readonly warnings: readonly string[];
  /** Memory of processes of its own, in bytes, as last heard; absent or undefined = it has none. */
  readonly residentBytes?: () => number | undefined;
  /** Waits for the batches that were accepted, then ends every thread. Twice is once. Never rejects. */
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
