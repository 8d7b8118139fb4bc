/** A request of a connection that node:http reads, as long as it has no answer. */
import type { ServingError } from '../../core/errors.ts';

export interface OpenRequest {
  /** The connection has closed. */
  onClientGone(): void;
  /** The client takes nothing of the answer, and the connection is about to be closed. */
  onStalled?(): void;
  /** No more bytes can be read. */
  onUnreadable(error: ServingError): void;
}
