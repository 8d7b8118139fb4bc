/**
 * Limits of callers, as the path of a request knows them. A server has at most one set, which a feature brings; what
 * callers owe each other is the scheduler's (scheduler/callers/).
 *
 *   body arrived ──▶ takeRequest ──▶ decoded, checked ──▶ takeRows ──▶ … ──▶ finished: giveBack
 *                         └ refused                           └ refused
 */
import type { Instant } from '../core/clock.ts';

/** The part of a request's context that is needed here. */
export interface LimitedRequest {
  readonly caller: string;
  readonly requestBytes: number;
  readonly rows: number;
  /** The quota that counts the request, and the rows that it counts. Only the limits write these. */
  quota: object | undefined;
  quotaRows: number;
  now(): Instant;
}

export interface CallerLimits {
  /** Takes one request and `requestBytes`. Throws ServingError if the caller may not; then nothing is taken. */
  takeRequest(context: LimitedRequest): void;
  /** Takes the request's `rows`, behind `takeRequest`. Throws ServingError if the caller may not. */
  takeRows(context: LimitedRequest): void;
  /** The request has finished: what it took is given back. */
  giveBack(context: LimitedRequest): void;
}
