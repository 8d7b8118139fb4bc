/**
 * Limits of what one caller may have in flight and send a second: requests, bytes of their bodies, rows. They hold
 * whether there are others or not, so none is set by default: what callers owe each other is the scheduler's
 * (scheduler/callers/).
 *
 *   body arrived ──▶ request + bytes taken ──▶ decoded, checked ──▶ rows taken ──▶ … ──▶ finished: all given back
 *                         └ refused                                    └ refused
 *
 * A second's limit is a bucket of tokens that holds one second's worth. What was taken of it is not given back. Bounded:
 * of more than MAX_CALLERS callers, the new ones count as one.
 */
import type { Instant } from '../../core/clock.ts';
import { RecentTable } from '../../core/collections/recent-table.ts';
import { TokenBucket } from '../../core/collections/token-bucket.ts';
import { ServingError } from '../../core/errors.ts';
import type { CallerLimits, LimitedRequest } from '../../proxy/caller-limits.ts';

/** A limit of one kind; Infinity = none. */
export interface Limit {
  readonly inFlight: number;
  readonly perSecond: number;
}

export interface CallerLimitOptions {
  readonly requests: Limit;
  readonly bytes: Limit;
  readonly rows: Limit;
}

type Kind = keyof CallerLimitOptions;

const MAX_CALLERS = 1024;
/** An empty bucket is full again after so long. */
const BUCKET_MS = 1000;
/** When to try again where too much is in flight: nobody knows when it ends. */
const IN_FLIGHT_RETRY_MS = 100;

const OPTIONS: Readonly<Record<Kind, { readonly inFlight: string; readonly perSecond: string }>> = {
  requests: { inFlight: '--caller_max_requests', perSecond: '--caller_requests_per_s' },
  bytes: { inFlight: '--caller_max_mib', perSecond: '--caller_mib_per_s' },
  rows: { inFlight: '--caller_max_rows', perSecond: '--caller_rows_per_s' },
};

/** One caller's use of one limit. */
class Meter {
  readonly #kind: Kind;
  readonly #limit: Limit;
  #inFlight = 0;
  readonly #second: TokenBucket;

  constructor(kind: Kind, limit: Limit) {
    this.#kind = kind;
    this.#limit = limit;
    this.#second = new TokenBucket(limit.perSecond, limit.perSecond);
  }

  /** Throws `too_large` for more than a limit allows at any time, `overloaded` for more than it allows now. */
  check(amount: number, now: Instant): void {
    const { inFlight, perSecond } = this.#limit;
    if (amount > inFlight) throw this.#tooLarge(amount, inFlight, OPTIONS[this.#kind].inFlight);
    if (amount > perSecond) throw this.#tooLarge(amount, perSecond, OPTIONS[this.#kind].perSecond);
    if (this.#inFlight + amount > inFlight) throw this.#tooMany(amount);
    if (perSecond === Infinity) return;
    this.#second.fill(now);
    if (this.#second.tokens < amount) throw this.#tooFast(amount);
  }

  take(amount: number): void {
    this.#inFlight += amount;
    this.#second.take(amount);
  }

  giveBack(amount: number): void {
    this.#inFlight -= amount;
  }

  #tooLarge(amount: number, most: number, option: string): ServingError {
    const kind = this.#kind;
    const text = `the request has ${amount} ${kind}, and a caller may send ${most} (${option}); send smaller requests`;
    return new ServingError('too_large', text, { attributes: { stage: 'admit', reason: 'caller_limit' } });
  }

  #tooMany(amount: number): ServingError {
    const kind = this.#kind;
    const held = `this caller has ${this.#inFlight} ${kind} in flight, and with ${amount} more it would pass the limit`;
    const of = `of ${this.#limit.inFlight} (${OPTIONS[kind].inFlight})`;
    return refused(`${held} ${of}; keep fewer in flight, or retry after ${IN_FLIGHT_RETRY_MS} ms`, IN_FLIGHT_RETRY_MS);
  }

  #tooFast(amount: number): ServingError {
    const kind = this.#kind;
    const { perSecond } = this.#limit;
    const retryAfterMs = Math.max(1, Math.ceil((BUCKET_MS * (amount - this.#second.tokens)) / perSecond));
    const limit = `this caller has sent more than ${perSecond} ${kind} a second (${OPTIONS[kind].perSecond})`;
    return refused(`${limit}; retry after ${retryAfterMs} ms, or send fewer`, retryAfterMs);
  }
}

function refused(text: string, retryAfterMs: number): ServingError {
  return new ServingError('overloaded', text, { retryAfterMs, attributes: { stage: 'admit', reason: 'caller_limit' } });
}

/** The requests, bytes and rows that one caller has taken. */
class CallerQuota {
  readonly requests: Meter;
  readonly bytes: Meter;
  readonly rows: Meter;
  inFlight = 0;
  lastAt: Instant = 0;

  constructor({ requests, bytes, rows }: CallerLimitOptions) {
    this.requests = new Meter('requests', requests);
    this.bytes = new Meter('bytes', bytes);
    this.rows = new Meter('rows', rows);
  }
}

export class CallerQuotas implements CallerLimits {
  readonly #quotas: RecentTable<CallerQuota>;

  constructor(options: CallerLimitOptions) {
    this.#quotas = new RecentTable({
      most: MAX_CALLERS,
      make: () => new CallerQuota(options),
      mayForget: ({ inFlight, lastAt }, now) => inFlight === 0 && now - lastAt > BUCKET_MS,
      spare: new CallerQuota(options),
    });
  }

  takeRequest(context: LimitedRequest): void {
    const now = context.now();
    const quota = this.#quotas.of(context.caller, now);
    quota.lastAt = now;
    quota.requests.check(1, now);
    quota.bytes.check(context.requestBytes, now);
    quota.requests.take(1);
    quota.bytes.take(context.requestBytes);
    quota.inFlight += 1;
    context.quota = quota;
  }

  takeRows(context: LimitedRequest): void {
    const { rows } = context;
    const quota = quotaOf(context);
    if (quota === undefined) return;
    quota.rows.check(rows, context.now());
    quota.rows.take(rows);
    context.quotaRows = rows;
  }

  giveBack(context: LimitedRequest): void {
    const quota = quotaOf(context);
    if (quota === undefined) return;
    context.quota = undefined;
    quota.inFlight -= 1;
    quota.requests.giveBack(1);
    quota.bytes.giveBack(context.requestBytes);
    quota.rows.giveBack(context.quotaRows);
  }
}

/** Undefined: nothing was taken for the request. */
function quotaOf({ quota }: LimitedRequest): CallerQuota | undefined {
  return quota as CallerQuota | undefined;
}
