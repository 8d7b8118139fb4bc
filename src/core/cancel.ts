/**
 * One request's cancel signal: set at most once, by the client's leaving or by the deadline, whichever comes first.
 *
 * Much lighter than an AbortController with a listener (measured 3 µs against less than 0.01,
 * bench/micro/request-costs.ts) because it has one listener: the stage that holds the request owns it (the surface while a body arrives, the lane while it waits) and takes it
 * over from the stage before by assignment.
 */
import { ServingError } from './errors.ts';

/** Who holds the request. */
export interface CancelListener {
  /** Called once, synchronously, when the request is no longer wanted. */
  onCancel(reason: ServingError): void;
}

export class CancelSignal {
  /** Why: `cancelled` or `deadline_exceeded`. Undefined while the request is wanted. */
  reason: ServingError | undefined;
  /** Who holds it now: taken over from the stage before by assignment, unset when it lets go. */
  listener: CancelListener | undefined;

  get isCancelled(): boolean {
    return this.reason !== undefined;
  }

  /** First call wins; later ones do nothing. */
  cancel(reason: ServingError): void {
    if (this.reason !== undefined) return;
    this.reason = reason;
    const { listener } = this;
    this.listener = undefined;
    listener?.onCancel(reason);
  }

  throwIfCancelled(): void {
    if (this.reason !== undefined) throw this.reason;
  }
}

export function clientLeft(stage: string): ServingError {
  return new ServingError('cancelled', 'the client closed the request before it was answered', {
    attributes: { stage },
  });
}
