/**
 * Remembers slow and failed requests for about an hour: some of each minute, so that a busy minute leaves room for the
 * others.
 *
 *   slow:    the first 60 of a minute, and each that is the slowest of its minute so far
 *   failed:  the first 30 of a minute of each kind of error, 120 in all
 *
 * So they are at most about 4,000 and 7,200 in an hour. Both have a bound in bytes, too: then the oldest go first.
 */

import type { Instant } from '../../core/clock.ts';
import { WindowCap } from '../../core/collections/window-cap.ts';
import type { RequestSnapshot } from '../../ledger/recorder/request-snapshot.ts';
import type { KeepReason, RequestOutcome, RequestRecord } from '../../ledger/request-record.ts';
import { MinutesRing } from './minutes-ring.ts';

const MINUTE_MS = 60_000;
const SLOW_PER_MINUTE = 60;
const FAILED_PER_MINUTE = 120;
const ALIKE_PER_MINUTE = 30;
/** Failed requests have a text, and are more. */
const SLOW_SHARE = 1 / 4;

export class KeptHour {
  readonly #slow: MinutesRing;
  readonly #failed: MinutesRing;
  readonly #slowCap = new WindowCap(SLOW_PER_MINUTE, MINUTE_MS);
  readonly #failedCap = new WindowCap(FAILED_PER_MINUTE, MINUTE_MS);
  readonly #alikeCaps = new Map<RequestOutcome, WindowCap>();
  #minuteEnd: Instant = -Infinity;
  #slowestMs = 0;
  /** Requests that were added since they were taken. */
  #newSlow = 0;
  #newFailed = 0;
  /** Called when one is added. */
  onAdded: () => void = () => undefined;

  /** @param maxBytes by the rings' own estimate; the two newest rings of 512 come on top */
  constructor(maxBytes: number) {
    this.#slow = new MinutesRing(maxBytes * SLOW_SHARE);
    this.#failed = new MinutesRing(maxBytes * (1 - SLOW_SHARE));
  }

  /** Copies a request if it is one to keep. Requests that are not kept otherwise may be the slowest of their minute. */
  add(record: RequestRecord, kept: KeepReason | undefined): void {
    const { finishedAt, startedAt } = record.stages;
    if (finishedAt >= this.#minuteEnd) {
      this.#minuteEnd = finishedAt + MINUTE_MS;
      this.#slowestMs = 0;
    }
    if (kept === 'failed') {
      this.#addFailed(record);
      return;
    }
    const tookMs = finishedAt - startedAt;
    const isSlowest = tookMs > this.#slowestMs && record.rows > 0 && record.outcome === 'ok';
    if (isSlowest) this.#slowestMs = tookMs;
    if (!isSlowest && (kept === undefined || !this.#slowCap.allow(finishedAt))) return;
    this.#slow.add(record, kept);
    this.#newSlow += 1;
    this.onAdded();
  }

  get rings(): readonly MinutesRing[] {
    return [this.#slow, this.#failed];
  }

  /** The requests since the last call, oldest first, as far as they are still remembered. */
  take(): RequestSnapshot[] {
    const found = [...this.#slow.newest({ limit: this.#newSlow }), ...this.#failed.newest({ limit: this.#newFailed })];
    this.#newSlow = 0;
    this.#newFailed = 0;
    return found.sort((a, b) => a.stages.finishedAt - b.stages.finishedAt);
  }

  /** Requests that ended until then may have been dropped; undefined = none has. */
  get droppedUntil(): Instant | undefined {
    const ends = this.rings.flatMap((ring) => ring.droppedUntil ?? []);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  #addFailed(record: RequestRecord): void {
    const { finishedAt } = record.stages;
    if (!this.#alikeCap(record.outcome).allow(finishedAt) || !this.#failedCap.allow(finishedAt)) return;
    this.#failed.add(record, 'failed');
    this.#newFailed += 1;
    this.onAdded();
  }

  #alikeCap(outcome: RequestOutcome): WindowCap {
    const found = this.#alikeCaps.get(outcome);
    if (found !== undefined) return found;
    const cap = new WindowCap(ALIKE_PER_MINUTE, MINUTE_MS);
    this.#alikeCaps.set(outcome, cap);
    return cap;
  }
}
