/** Recorded requests that are sent to a version before it is served. */
import { setImmediate } from 'node:timers/promises';
import { ServingError } from '../../core/errors.ts';
import type { LoadedVersion } from '../loading/load-steps.ts';
import type { Servable } from '../serving/servable.ts';

/** Sends the requests of records (PredictionLog) to a version that nobody else sees yet. */
export interface RecordReplayer {
  /** Rejects with the request's ServingError. Skips a record without a request. */
  replay(servable: Servable, record: Uint8Array): Promise<void>;
  /** The same, and rejects with `invalid_request` if the answer differs from the record's. */
  check(servable: Servable, record: Uint8Array): Promise<void>;
}

/**
 * Replays a record once for each slot, all at the same time. Each replay begins in a turn of its own, when the previous
 * one has left the queue: in one turn they would share a batch, and only one slot would be warm.
 */
export async function replayOnEverySlot(
  replayer: Pick<RecordReplayer, 'replay'>,
  { servable, executor }: LoadedVersion,
  data: Uint8Array,
): Promise<void> {
  // Failures are kept as values: a rejection during the wait for the next turn would be unhandled.
  const failures = [failureOf(replayer.replay(servable, data))];
  while (failures.length < executor.slots) {
    await setImmediate();
    failures.push(failureOf(replayer.replay(servable, data).catch(ignoreFullQueue)));
  }
  for (const failure of await Promise.all(failures)) if (failure !== undefined) throw failure;
}

/** Resolves with the error that `work` rejects with, or with undefined. */
function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A request larger than the queue is accepted only while nothing waits: the refusal of its copies is no failure. */
function ignoreFullQueue(error: unknown): void {
  if (!(error instanceof ServingError) || error.kind !== 'overloaded') throw error;
}
