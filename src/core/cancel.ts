/**
 * One request's cancel signal: set at most once, by the client's leaving or by the deadline, whichever comes first.
 *
 * It is much cheaper than an AbortController because it has one listener, the stage that holds the request: the surface
 * while a body arrives, the lane while the request waits. A stage takes over from the one before by assignment.
 */
import { ServingError } from './errors.ts';

/** The stage that holds the request. */
export interface CancelListener {
  /** Called once, synchronously, when the request is no longer wanted. */
  onCancel(reason: ServingError): void;
}

export class CancelSignal {
  /** `cancelled` or `deadline_exceeded`; undefined while the request is wanted. */
  reason: ServingError | undefined;
  /** The stage that holds the request now; undefined between stages. */
  listener: CancelListener | undefined;

  get isCancelled(): boolean {
    return this.reason !== undefined;
  }

  /** The first call wins; later ones do nothing. */
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
