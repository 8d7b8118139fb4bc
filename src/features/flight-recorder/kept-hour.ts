/**
 * Remembers slow and failed requests for about an hour: some of each minute, so that a busy minute leaves room for the
 * others.
 *
 *   slow:     the first 40 of a minute that are slow for their version, as the RequestJudge says
 *   slowest:  the 10 that took longest, of each version, also where none is slow; 30 of all versions
 *   failed:   the first 30 of a minute of each kind of error, 100 in all, and the slowest of them in the same way
 *
 * So they are at most 2,400, 1,800 and 7,800 in an hour. All have a bound in bytes, too: then the oldest go first.
 */

import type { Instant } from '../../core/clock.ts';
import { WindowCap } from '../../core/collections/window-cap.ts';
import type { RequestKind } from '../../ledger/metrics/signature-totals.ts';
import type { RequestRing } from '../../ledger/recorder/request-ring.ts';
import type { FlightFilter } from '../../ledger/recorder/request-snapshot.ts';
import { INFERENCE_METHODS, type KeepReason, type RequestOutcome } from '../../ledger/request-record.ts';
import { type KeptSnapshot, newestOf, type RequestSource } from './kept-snapshot.ts';
import { MinutesRing } from './minutes-ring.ts';
import { SlowestOfMinute } from './slowest-of-minute.ts';

const MINUTE_MS = 60_000;
const SLOW_PER_MINUTE = 40;
const FAILED_PER_MINUTE = 100;
const ALIKE_PER_MINUTE = 30;
/** Failed requests have a text, and are more. */
const SLOW_SHARE = 1 / 6;

export class KeptHour {
  readonly #slow: MinutesRing;
  readonly #slowest: MinutesRing;
  readonly #failed: MinutesRing;
  readonly #slowCap = new WindowCap(SLOW_PER_MINUTE, MINUTE_MS);
  readonly #failedCap = new WindowCap(FAILED_PER_MINUTE, MINUTE_MS);
  readonly #alikeCaps = new Map<RequestOutcome, WindowCap>();
  /** The slowest so far, of those that were answered and of those that failed. */
  readonly #answeredNow = new SlowestOfMinute();
  readonly #failedNow = new SlowestOfMinute();
  /** Sequences of requests of this minute that are in `slow` or `failed`. */
  readonly #keptNow = new Set<number>();
  #minuteEnd: Instant = -Infinity;
  /** Requests that were added to each ring since they were taken. */
  readonly #added = new Map<MinutesRing, number>();
  /** Called when one is added. */
  onAdded: () => void = () => undefined;

  /** @param maxBytes by the rings' own estimate; the three newest rings of 512 come on top */
  constructor(maxBytes: number) {
    this.#slow = new MinutesRing(maxBytes * SLOW_SHARE);
    this.#slowest = new MinutesRing(maxBytes * SLOW_SHARE);
    this.#failed = new MinutesRing(maxBytes * (1 - 2 * SLOW_SHARE));
  }

  /** Copies those to keep of the requests of one kind at places `from` to `to` − 1. */
  recordColumns({ outcome }: Pick<RequestKind, 'outcome'>, ring: RequestRing, from: number, to: number): void {
    const { model, version, method } = ring.origins[from]!;
    const now = outcome === 'ok' ? this.#answeredNow : this.#failedNow;
    const isListed = model !== '' && INFERENCE_METHODS.has(method);
    for (let place = from; place < to; place++) {
      if (ring.endedAt(place) >= this.#minuteEnd) this.#turn(ring.endedAt(place));
      const kept = ring.keptAt(place);
      if (kept !== undefined) this.#keep(ring, place, kept);
      if (!isListed) continue;
      const list = now.listOf(model, version);
      if (ring.tookAt(place) > list.leastMs) list.add(ring, place);
    }
  }

  /** Lists the rings in which requests that match may be. */
  sources(filter: FlightFilter): readonly RequestSource[] {
    const { kept } = filter;
    // A ring's requests are kept for its reason, also those that the judge did not keep.
    const slowest = kept === 'slow' ? { ...filter, kept: undefined } : filter;
    const failed = kept === 'failed' ? { ...filter, kept: undefined } : filter;
    return [
      { ring: this.#slow, filter },
      ...[this.#slowest, ...this.#answeredNow.rings].map((ring) => ({
        ring,
        filter: slowest,
        keptAs: 'slowest' as const,
      })),
      ...[this.#failed, ...this.#failedNow.rings].map((ring) => ({ ring, filter: failed, keptAs: 'failed' as const })),
    ];
  }

  /** The requests since the last call, oldest first, as far as they are still remembered. */
  take(): KeptSnapshot[] {
    const found = this.sources({ limit: 0 }).flatMap(({ ring, keptAs }) => {
      const limit = ring instanceof MinutesRing ? (this.#added.get(ring) ?? 0) : 0;
      return newestOf({ ring, filter: { limit }, keptAs });
    });
    this.#added.clear();
    return found.sort((a, b) => a.stages.finishedAt - b.stages.finishedAt);
  }

  /** Takes the slowest of the minute in progress as if it were over. */
  endMinute(): void {
    this.#turn(-Infinity);
  }

  /** Requests that ended until then may have been dropped; undefined = none has. */
  get droppedUntil(): Instant | undefined {
    const ends = [this.#slow, this.#slowest, this.#failed].flatMap((ring) => ring.droppedUntil ?? []);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Minutes are those of the clock, so that all versions turn at once. */
  #turn(ended: Instant): void {
    this.#minuteEnd = (Math.floor(ended / MINUTE_MS) + 1) * MINUTE_MS;
    for (const [now, into] of [[this.#answeredNow, this.#slowest] as const, [this.#failedNow, this.#failed] as const]) {
      for (const { ring, place } of now.slowest()) {
        if (!this.#keptNow.has(ring.sequenceAt(place))) this.#add(into, ring, place);
      }
      now.clear();
    }
    this.#keptNow.clear();
  }

  #keep(ring: RequestRing, place: number, kept: KeepReason): void {
    const ended = ring.endedAt(place);
    if (kept === 'slow' && !this.#slowCap.allow(ended)) return;
    if (kept === 'failed' && !this.#allowsFailed(ring.outcomeAt(place), ended)) return;
    this.#keptNow.add(ring.sequenceAt(place));
    this.#add(kept === 'slow' ? this.#slow : this.#failed, ring, place);
  }

  #add(into: MinutesRing, ring: RequestRing, place: number): void {
    into.copy(ring, place);
    this.#added.set(into, (this.#added.get(into) ?? 0) + 1);
    this.onAdded();
  }

  #allowsFailed(outcome: RequestOutcome, ended: Instant): boolean {
    let cap = this.#alikeCaps.get(outcome);
    if (cap === undefined) {
      cap = new WindowCap(ALIKE_PER_MINUTE, MINUTE_MS);
      this.#alikeCaps.set(outcome, cap);
    }
    return cap.allow(ended) && this.#failedCap.allow(ended);
  }
}
