/**
 * Decides which finished requests are kept, independent of the sampling: failed ones, and those that are slower than 99
 * of 100 of their model version's requests.
 *
 * In overload nearly all requests may fail. So at most `perSecond` requests a second are kept of each kind of failure,
 * and of the slow ones of each model version: many of one kind do not hide another.
 *
 * Only requests with rows (inferences) can be slow. Judging allocates nothing.
 */
import type { Instant } from '../../core/clock.ts';
import type { RequestOutcome, RequestRecord } from '../request-record.ts';
import { TailThreshold } from './tail-threshold.ts';

/** Why a request is kept. */
export type KeepReason = 'slow' | 'failed';

/** Requests kept of each kind, a second. */
export const DEFAULT_KEPT_PER_SECOND = 10;

const WINDOW_MS = 1000;

export class TailKeep {
  readonly #perSecond: number;
  readonly #failures = new Map<RequestOutcome, RateCap>();
  readonly #versions = new Map<string, Map<string, VersionTail>>();
  /** The last request's tail, which is mostly the next one's too. */
  #last: VersionTail = { model: '', version: '', threshold: new TailThreshold(), cap: new RateCap(0) };

  /** @param perSecond 0 = nothing is kept */
  constructor(perSecond: number = DEFAULT_KEPT_PER_SECOND) {
    this.#perSecond = perSecond;
  }

  /** Counts the request; returns why it is kept, undefined if it is not. Call once for each request. */
  judge(record: RequestRecord): KeepReason | undefined {
    const { stages, outcome } = record;
    const at = stages.finishedAt;
    if (outcome !== 'ok') return this.#capOf(outcome).allow(at) ? 'failed' : undefined;
    if (record.rows === 0) return undefined;
    const tail = this.#tailOf(record.model, record.version);
    return tail.threshold.isOver(at - stages.startedAt) && tail.cap.allow(at) ? 'slow' : undefined;
  }

  /** The latency in ms above which requests of a version are slow; undefined while too few were seen. */
  slowFromMs(model: string, version: string): number | undefined {
    const limit = this.#versions.get(model)?.get(version)?.threshold.limitMs;
    return limit === Infinity ? undefined : limit;
  }

  /** Forgets an unloaded version: after its next load it starts anew. */
  forgetVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    if (this.#last.model === model && this.#last.version === version) this.#last = this.#newTail('', '');
  }

  #tailOf(model: string, version: string): VersionTail {
    const last = this.#last;
    if (last.model === model && last.version === version) return last;
    const versions = this.#versions.get(model) ?? new Map<string, VersionTail>();
    const tail = versions.get(version) ?? this.#newTail(model, version);
    versions.set(version, tail);
    this.#versions.set(model, versions);
    this.#last = tail;
    return tail;
  }

  #newTail(model: string, version: string): VersionTail {
    return { model, version, threshold: new TailThreshold(), cap: new RateCap(this.#perSecond) };
  }

  #capOf(outcome: RequestOutcome): RateCap {
    const found = this.#failures.get(outcome);
    if (found !== undefined) return found;
    const cap = new RateCap(this.#perSecond);
    this.#failures.set(outcome, cap);
    return cap;
  }
}

interface VersionTail {
  readonly model: string;
  readonly version: string;
  readonly threshold: TailThreshold;
  readonly cap: RateCap;
}

/** Allows the first `perWindow` calls of a second. A second begins with the first call after the last second's end. */
class RateCap {
  readonly #perWindow: number;
  #endsAt: Instant = -Infinity;
  #left = 0;

  constructor(perWindow: number) {
    this.#perWindow = perWindow;
  }

  allow(at: Instant): boolean {
    if (at >= this.#endsAt) {
      this.#endsAt = at + WINDOW_MS;
      this.#left = this.#perWindow;
    }
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}
