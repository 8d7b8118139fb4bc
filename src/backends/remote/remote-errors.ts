/**
 * Converts a failed call to a ServingError. An error of the request stays one; a server that is unreachable or fails is
 * a failure of the backend.
 */
import type { Instant } from '../../core/clock.ts';
import { type ErrorKind, GrpcStatus, ServingError } from '../../core/errors.ts';
import type { RemoteFault } from './remote-channel.ts';

export interface CallFacts {
  /** "digits at inference.internal:8500" */
  readonly remote: string;
  readonly now: Instant;
  /** Deadline of the requests, which may be Infinity. */
  readonly deadline: Instant;
  /** Deadline of the call. */
  readonly callDeadline: Instant;
  readonly timeoutMs: number;
}

/** Tolerance between gRPC's timers and ours, in milliseconds. */
const SLACK_MS = 5;
/** Longest text of a server in an error, in characters. */
const MAX_TEXT = 400;

export function toRunError(fault: RemoteFault, facts: CallFacts): ServingError {
  if (fault.code === GrpcStatus.DEADLINE_EXCEEDED) return tooLate(fault, facts);
  const text = `${facts.remote}: ${textOf(fault)}`;
  const { retryAfterMs } = fault;
  return new ServingError(kindOf(fault), text, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The error of a load: `backend_unavailable`, which is retried, or `load_failed`. */
export function toLoadError(fault: RemoteFault, file: string, remote: string): ServingError {
  const isAway = fault.code === GrpcStatus.UNAVAILABLE || fault.code === GrpcStatus.DEADLINE_EXCEEDED;
  const text = `"${file}": ${remote}: ${textOf(fault)}`;
  return new ServingError(isAway ? 'backend_unavailable' : 'load_failed', text);
}

function textOf({ message, isOverLimit }: RemoteFault): string {
  const text = message.slice(0, MAX_TEXT);
  return isOverLimit ? `its answer is too large (${text}); send fewer rows, or raise --max_message_bytes` : text;
}

/** The call reached its timeout before the deadline of its requests. */
export function isUnanswered({ code }: RemoteFault, { now, deadline, callDeadline }: CallFacts): boolean {
  const isLate = code === GrpcStatus.DEADLINE_EXCEEDED && now >= callDeadline - SLACK_MS;
  return isLate && deadline > callDeadline + SLACK_MS;
}

/** Either the server did not answer, or it rejected a call that it could not finish in time. */
function tooLate(fault: RemoteFault, facts: CallFacts): ServingError {
  const { remote, timeoutMs } = facts;
  if (!isUnanswered(fault, facts)) {
    const text = `${remote}: ${fault.message.slice(0, MAX_TEXT)}; send a longer deadline`;
    return new ServingError('deadline_exceeded', text, { attributes: { stage: 'execute' } });
  }
  const text = `${remote} did not answer within ${Math.round(timeoutMs)} ms (timeout_ms of its remote.yaml)`;
  return new ServingError('backend_unavailable', text);
}

function kindOf({ code, message }: RemoteFault): ErrorKind {
  switch (code) {
    case GrpcStatus.INVALID_ARGUMENT:
    case GrpcStatus.OUT_OF_RANGE:
      return 'invalid_request';
    case GrpcStatus.RESOURCE_EXHAUSTED:
      // A message over a size limit has the same code, and waiting does not help.
      return /larger than/i.test(message) ? 'too_large' : 'overloaded';
    case GrpcStatus.CANCELLED:
      return 'cancelled';
    case GrpcStatus.UNAVAILABLE:
      return 'backend_unavailable';
    default:
      return 'backend_failed';
  }
}
