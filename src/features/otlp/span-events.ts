/** The events of a request's server span. */
import type { ServingError } from '../../core/errors.ts';
import type {
  EventName,
  FallbackRecord,
  IsolationRecord,
  RequestEvent,
  RequestRecord,
} from '../../ledger/request-record.ts';

const NONE: readonly RequestEvent[] = [];

/** The record's own events; one if another model answered, if the request was run again, if it ended without a run. */
export function eventsOf(record: RequestRecord): readonly RequestEvent[] {
  const { events: noted, fallback, isolation, error } = record;
  if ((noted ?? fallback ?? isolation ?? error) === undefined) return NONE;
  const events = [...(noted ?? NONE)];
  if (fallback !== undefined) events.push(fallbackEvent(record, fallback));
  if (isolation !== undefined) events.push(isolateEvent(isolation));
  const name = error === undefined ? undefined : endingOf(error);
  if (error !== undefined && name !== undefined) events.push(endingEvent(name, record, error));
  return events;
}

function endingEvent(name: EventName, { stages }: RequestRecord, error: ServingError): RequestEvent {
  const { reason } = error.attributes ?? {};
  const attributes = {
    'inference.stage': stages.reached,
    ...(reason !== undefined && { 'inference.reason': reason }),
    ...(error.retryAfterMs !== undefined && { 'inference.retry_after_ms': error.retryAfterMs }),
  };
  return { name, at: stages.finishedAt, attributes };
}

/** The event of the moment at which the request was given to another model. */
function fallbackEvent({ model, version }: RequestRecord, { asked, reason, at }: FallbackRecord): RequestEvent {
  const attributes = {
    'inference.model.requested': asked,
    'inference.model.name': model,
    'inference.model.version': version,
    'inference.alternate.reason': reason,
  };
  return { name: 'inference.alternate', at, attributes };
}

/** The event of the moment at which the request's batch failed. */
function isolateEvent({ at, kind, tasks }: IsolationRecord): RequestEvent {
  return { name: 'inference.isolate', at, attributes: { 'error.type': kind, 'inference.batch.tasks': tasks } };
}

/** The event of a request that was refused, shed while it waited, expired or cancelled; else undefined. */
function endingOf({ kind, attributes }: ServingError): EventName | undefined {
  switch (kind) {
    case 'cancelled':
      return 'inference.cancel';
    case 'deadline_exceeded':
      if (attributes?.['reason'] === 'deadline_too_short') return 'inference.refuse';
      return attributes?.['waited_ms'] === undefined ? 'inference.expire' : 'inference.early_drop';
    case 'overloaded':
    case 'draining':
    case 'model_not_ready':
      return attributes?.['stage'] === 'queue' ? 'inference.early_drop' : 'inference.refuse';
    default:
      return undefined;
  }
}
