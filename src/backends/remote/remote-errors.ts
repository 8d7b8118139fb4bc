/**
 * A call's fault → the error that our caller hears, in the table of core/errors.ts. Whose fault it is decides what
 * becomes of it: requests at fault stay theirs, a server that is away or failing is a backend's failure.
 */
import type { Instant } from '../../core/clock.ts';
import { type ErrorKind, GrpcStatus, ServingError } from '../../core/errors.ts';
import type { RemoteFault } from './remote-channel.ts';

/** What is known of the call beside its fault. */
export interface CallFacts {
  /** "digits at inference.internal:8500" */
  readonly remote: string;
  readonly now: Instant;
  /** The requests' own, which may be Infinity. */
  readonly deadline: Instant;
  /** The call's. */
  readonly callDeadline: Instant;
  readonly timeoutMs: number;
}

/** gRPC's timers and ours differ by so much, in ms. */
const SLACK_MS = 5;
/** Of a server's text. */
const MAX_TEXT = 400;

export function toRunError(fault: RemoteFault, facts: CallFacts): ServingError {
  if (fault.code === GrpcStatus.DEADLINE_EXCEEDED) return tooLate(fault, facts);
  const text = `${facts.remote}: ${fault.message.slice(0, MAX_TEXT)}`;
  const { retryAfterMs } = fault;
  return new ServingError(kindOf(fault), text, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The same for a load: `backend_unavailable`, which is tried again, or `load_failed`. */
export function toLoadError(fault: RemoteFault, file: string, remote: string): ServingError {
  const isAway = fault.code === GrpcStatus.UNAVAILABLE || fault.code === GrpcStatus.DEADLINE_EXCEEDED;
  const text = `"${file}": ${remote}: ${fault.message.slice(0, MAX_TEXT)}`;
  return new ServingError(isAway ? 'backend_unavailable' : 'load_failed', text);
}

/** The call took as long as it may, though its requests would have waited. */
export function isUnanswered({ code }: RemoteFault, { now, deadline, callDeadline }: CallFacts): boolean {
  const isLate = code === GrpcStatus.DEADLINE_EXCEEDED && now >= callDeadline - SLACK_MS;
  return isLate && deadline > callDeadline + SLACK_MS;
}

/** The server may have refused at once what it could not finish in time; or it did not answer. */
function tooLate(fault: RemoteFault, facts: CallFacts): ServingError {
  const { remote, timeoutMs } = facts;
  if (!isUnanswered(fault, facts)) {
    return new ServingError(
      'deadline_exceeded',
      `${remote}: ${fault.message.slice(0, MAX_TEXT)}; send a longer deadline`,
      {
        attributes: { stage: 'execute' },
      },
    );
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
      // The same code for a message over a limit, which does not pass by waiting.
      return /larger than/i.test(message) ? 'too_large' : 'overloaded';
    case GrpcStatus.CANCELLED:
      return 'cancelled';
    case GrpcStatus.UNAVAILABLE:
      return 'backend_unavailable';
    default:
      return 'backend_failed';
  }
}
