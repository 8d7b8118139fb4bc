/**
 * The scheduler's refusals, in one place: what was sent, what holds, one fix.
 */
import { ServingError } from '../core/errors.ts';
import type { SignaturePlan } from './signature-plan.ts';

/** The queue is full. `retryAfterMs` is when it should have room. */
export function overloaded(plan: SignaturePlan, rows: number, retryAfterMs: number): ServingError {
  const limit = `${plan.maxQueuedRows} (${plan.maxQueuedRows / plan.maxBatchSize} batches of ${plan.maxBatchSize})`;
  return new ServingError(
    'overloaded',
    `${plan.queuedRows} rows of signature "${plan.name}" wait; ${rows} more would pass the limit of ${limit}; ` +
      `retry after ${retryAfterMs} ms or raise max_enqueued_batches`,
    { retryAfterMs, attributes: { stage: 'admit' } },
  );
}

/** The servable takes nothing new. Another replica, or this one after its restart, may. */
export function draining(): ServingError {
  return new ServingError('draining', 'the model version is being unloaded; send the request again', {
    retryAfterMs: 1000,
    attributes: { stage: 'admit' },
  });
}

/** The deadline had passed before the request could be queued. */
export function expiredOnArrival(): ServingError {
  return new ServingError(
    'deadline_exceeded',
    'the deadline had passed before the request was queued; send a longer one',
    {
      attributes: { stage: 'admit' },
    },
  );
}

/** The deadline was found passed when the task's turn came. */
export function expiredInQueue(): ServingError {
  return new ServingError(
    'deadline_exceeded',
    'the deadline passed while the request waited for a free slot; send a longer deadline or fewer requests',
    { attributes: { stage: 'queue' } },
  );
}

export function unknownSignature(name: string, known: Iterable<string>): ServingError {
  const names = [...known].map((n) => `"${n}"`).join(', ');
  return new ServingError('signature_not_found', `the model has no signature "${name}"; it has: ${names}`);
}

/** No row to pad a fixed batch with, and no known output shape to answer with. */
export function emptyFixedBatch(plan: SignaturePlan): ServingError {
  return new ServingError(
    'invalid_request',
    `the request has 0 rows, but signature "${plan.name}" runs exactly ${plan.maxBatchSize}; send at least one row`,
  );
}
