/** The scheduler's errors. Each text says what was sent, which limit holds, and one fix. */
import type { Instant } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import { showMs } from '../../ledger/quantities.ts';
import type { ShedReason } from '../policy/batch-policy.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskContext } from '../task.ts';
import { CALLER_SPAN_MS, DRAINING_RETRY_AFTER_MS, RERUN_TIME_SHARE } from '../tuning.ts';

/** The queue is full. It should have room after `retryAfterMs`. */
export function overloaded(plan: SignaturePlan, rows: number, retryAfterMs: number): ServingError {
  const limit = `${plan.maxQueuedRows} (${plan.maxQueuedRows / plan.maxBatchSize} batches of ${plan.maxBatchSize})`;
  return new ServingError(
    'overloaded',
    `${plan.queuedRows} rows of signature "${plan.name}" wait; ${rows} more would pass the limit of ${limit}; ` +
      `retry after ${retryAfterMs} ms or raise max_enqueued_batches`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'queue_full' } },
  );
}

/** The servable takes no new requests. Another replica may, or this one after its restart. */
export function draining(): ServingError {
  return new ServingError('draining', 'the model version is being unloaded; send the request again', {
    retryAfterMs: DRAINING_RETRY_AFTER_MS,
    attributes: { stage: 'admit' },
  });
}

/** The deadline had passed before the request could be queued. */
export function expiredOnArrival(context: TaskContext): ServingError {
  return expired(context, 'before the request was queued; send a longer one', { stage: 'admit', reason: 'expired' });
}

/** The deadline had passed when the task's turn came. */
export function expiredInQueue(context: TaskContext): ServingError {
  const where = 'while the request waited for a free slot; send a longer deadline or fewer requests';
  return expired(context, where, { stage: 'queue', reason: 'expired' });
}

/** The executor stopped the batch because its deadline had passed, and the request's has passed too. */
export function expiredInRun(context: TaskContext): ServingError {
  return expired(context, 'while the model ran; send a longer deadline or fewer rows', { stage: 'execute' });
}

/** The same text as that of the request's deadline timer: either may notice first that the deadline has passed. */
function expired(context: TaskContext, where: string, attributes: Readonly<Record<string, string>>): ServingError {
  const budgetMs = context.deadline - context.stages.startedAt;
  return new ServingError('deadline_exceeded', `deadline of ${showMs(budgetMs)} passed ${where}`, { attributes });
}

export function unknownSignature(name: string, known: Iterable<string>): ServingError {
  const text = `the model has no signature ${quoteName(name)}; it has: ${listNames(known)}`;
  return new ServingError('signature_not_found', text);
}

/** There is no row to pad a fixed batch with, and no known output shape to answer with. */
export function emptyFixedBatch(plan: SignaturePlan): ServingError {
  return new ServingError(
    'invalid_request',
    `the request has 0 rows, but signature "${plan.name}" runs exactly ${plan.maxBatchSize}; send at least one row`,
  );
}

/** The request was shed while it waited: see ShedReason. */
export function shedInQueue(reason: ShedReason, task: Task, now: Instant, runMs: number): ServingError {
  const waitedMs = now - task.enqueuedAt;
  const attributes = { stage: 'queue', reason, waited_ms: waitedMs, expected_run_ms: runMs };
  const waited = `the request waited ${showMs(waitedMs)} for a free slot`;
  if (reason === 'standing_queue') {
    const retryAfterMs = Math.max(1, Math.ceil(waitedMs));
    const text =
      `${waited}, beyond the model's objective, and the queue does not get shorter; ` +
      `retry after ${retryAfterMs} ms or send fewer requests`;
    return new ServingError('overloaded', text, { retryAfterMs, attributes });
  }
  const left = `${showMs(Math.max(0, task.due - now))} of its deadline are left`;
  const why =
    reason === 'expired'
      ? `a run takes about ${showMs(runMs)}`
      : 'a batch as small as that allows would make all others late';
  return new ServingError(
    'deadline_exceeded',
    `${waited}; ${left}, and ${why}; send a longer deadline or fewer requests`,
    { attributes },
  );
}

/** The run alone takes longer than the deadline allows. */
export function deadlineTooShort(rows: number, budgetMs: number, needMs: number): ServingError {
  return new ServingError(
    'deadline_exceeded',
    `deadline of ${showMs(budgetMs)} would have passed while the model ran: ` +
      `about ${showMs(needMs)} for ${rows} row${rows === 1 ? '' : 's'}; send a longer deadline or fewer rows`,
    { attributes: { stage: 'admit', reason: 'deadline_too_short', expected_ms: needMs } },
  );
}

/** The answer would come `lateMs` too late; whole ms. */
export function predictedLate(lateMs: number, retryAfterMs: number, isSoft: boolean): ServingError {
  // ASCII: anything else is escaped byte by byte on its way into a header.
  const bound = isSoft ? "the model's objective" : "the request's deadline";
  return new ServingError(
    'overloaded',
    `the answer is expected ${lateMs} ms after ${bound}; ` +
      `retry after ${retryAfterMs} ms, ${isSoft ? '' : 'send a longer deadline, '}or send fewer requests`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'predicted_late', late_ms: lateMs } },
  );
}

/** Enough rows for the next runs wait, in a queue that has not drained for longer than the request has time. */
export function standingOverload(retryAfterMs: number): ServingError {
  return new ServingError(
    'overloaded',
    'more rows wait than the next runs take, and the queue does not get shorter; ' +
      `retry after ${retryAfterMs} ms or send fewer requests`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'standing_queue' } },
  );
}

/** The requests that wait hold as many bytes as they may, over all models. */
export function memoryFull(queuedBytes: number, limitBytes: number, retryAfterMs: number): ServingError {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  return new ServingError(
    'overloaded',
    `requests that wait hold ${mib(queuedBytes)} MiB of inputs, and the limit is ${mib(limitBytes)} MiB; ` +
      `retry after ${retryAfterMs} ms or raise max_queued_mib`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'queue_memory' } },
  );
}

/** The caller's values have cost the others more than they may: `overMs` of worker time. */
export function overCallerBudget(overMs: number): ServingError {
  const retryAfterMs = Math.max(1, Math.ceil(overMs / RERUN_TIME_SHARE));
  return new ServingError(
    'overloaded',
    "this caller's requests had values that the model failed for, and it has used up the time for them; " +
      `retry after ${retryAfterMs} ms, with values that the model takes`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'caller_budget' } },
  );
}

/** The caller takes `share` of the slots' time, more than `limit`, while others wait or are refused. */
export function overCoreShare(share: number, limit: number): ServingError {
  // The caller's past use leaves the span at about an even pace.
  const retryAfterMs = Math.max(1, Math.ceil(CALLER_SPAN_MS * (1 - limit / share)));
  const percent = (part: number): string => `${Math.round(100 * part)} %`;
  return new ServingError(
    'overloaded',
    `this caller's requests took ${percent(share)} of the cores' time of late, and while others wait it may take ` +
      `${percent(limit)}; retry after ${retryAfterMs} ms, send less, or raise --caller_core_share`,
    { retryAfterMs, attributes: { stage: 'admit', reason: 'caller_core_share' } },
  );
}

/** A sheddable request made room for a more important one. */
export function evicted(retryAfterMs: number): ServingError {
  return new ServingError(
    'overloaded',
    `the request is sheddable and made room for a more important one; retry after ${retryAfterMs} ms`,
    { retryAfterMs, attributes: { stage: 'queue', reason: 'evicted' } },
  );
}
