/**
 * Each caller's use of the cores, over all models: the time of the runs that its requests were in, each by its part
 * of the rows. One table for each process. It knows MAX_CALLERS at most; those beyond count as one.
 */
import type { Instant } from '../../core/clock.ts';
import { RecentTable } from '../../core/collections/recent-table.ts';
import { RateWindow } from '../rate-window.ts';
import { CALLER_SPAN_MS, HEAVY_CALLER_RATIO, HEAVY_CALLER_SHARE, MAX_CALLERS, OVERLOAD_MS } from '../tuning.ts';

/** The part of a Task that is needed here. */
interface Member {
  readonly rows: number;
  readonly owner: { readonly holding: { readonly use: CallerUse } | undefined };
}

/** The name of the callers that the table has no place for, taken together. */
const OTHERS = 'others';

export class CallerUse {
  /** The caller's name, as proxy/caller.ts writes it. */
  readonly caller: string;
  /** Requests that reached a scheduler. */
  requests = 0;
  /** Time of runs in ms, since the caller is known. */
  coreMs = 0;
  /** Rows that wait, over all models. */
  waitingRows = 0;
  /** When its last request came. */
  lastAt: Instant;
  /** Worker ms per ms lately. */
  readonly #core: RateWindow;

  constructor(caller: string, now: Instant) {
    this.caller = caller;
    this.lastAt = now;
    this.#core = new RateWindow(CALLER_SPAN_MS, now);
  }

  /** Cores that its requests took lately, on average: 0.5 = half of one. */
  cores(now: Instant): number {
    return this.#core.perMs(now);
  }

  /** Only the table calls it. */
  charge(ms: number, now: Instant): void {
    this.coreMs += ms;
    this.#core.add(ms, now);
  }
}

export class CallerTable {
  readonly #spare = new CallerUse(OTHERS, 0);
  readonly #table = new RecentTable<CallerUse>({
    most: MAX_CALLERS,
    make: (caller, now) => new CallerUse(caller, now),
    mayForget: ({ waitingRows, lastAt }, now) => waitingRows === 0 && now - lastAt > CALLER_SPAN_MS,
    spare: this.#spare,
  });
  /** The caller that took most of the cores when a batch last ended. */
  #heaviest = this.#spare;
  /** The caller that was last refused, and when it and any other was. */
  #refused = this.#spare;
  #refusedAt: Instant = -Infinity;
  #otherRefusedAt: Instant = -Infinity;

  /** Callers that are known by name. */
  get size(): number {
    return this.#table.size;
  }

  /** A request of the caller has come. */
  onRequest(caller: string, now: Instant): CallerUse {
    const use = this.#table.of(caller, now);
    use.lastAt = now;
    use.requests += 1;
    return use;
  }

  /** The caller's request was refused because there is too much to do. */
  onRefusal(use: CallerUse, now: Instant): void {
    if (use !== this.#refused) {
      this.#otherRefusedAt = this.#refusedAt;
      this.#refused = use;
    }
    this.#refusedAt = now;
  }

  /** Another caller's request was refused lately. */
  wasOtherRefused(use: CallerUse, now: Instant): boolean {
    return now - (use === this.#refused ? this.#otherRefusedAt : this.#refusedAt) < OVERLOAD_MS;
  }

  /** A batch of these has run for `ms`. */
  onRun(members: readonly Member[], ms: number, now: Instant): void {
    let rows = 0;
    for (const member of members) rows += member.rows;
    let sum = 0;
    for (let i = 0; i < members.length; i++) {
      const use = members[i]!.owner.holding?.use;
      sum += members[i]!.rows;
      // Neighbours in a batch are often of one caller.
      if (use === members[i + 1]?.owner.holding?.use && i + 1 < members.length) continue;
      if (use !== undefined) this.#charge(use, (ms * sum) / Math.max(1, rows), now);
      sum = 0;
    }
  }

  /**
   * Another caller takes HEAVY_CALLER_RATIO times as much as this one, and more than HEAVY_CALLER_SHARE of the slots, or
   * more than there is: another's request was refused lately.
   */
  isLight(use: CallerUse, slots: number, now: Instant): boolean {
    if (use === this.#heaviest) return false;
    const most = this.#heaviest.cores(now);
    if (most === 0 || most < HEAVY_CALLER_RATIO * use.cores(now)) return false;
    return most > HEAVY_CALLER_SHARE * slots || this.wasOtherRefused(use, now);
  }

  /** The callers that took most of the cores lately, the first one most of all. */
  top(count: number, now: Instant): readonly CallerUse[] {
    const all = [...this.#table.values(), this.#spare].filter(({ requests }) => requests > 0);
    return all.sort((a, b) => b.cores(now) - a.cores(now) || b.coreMs - a.coreMs).slice(0, count);
  }

  #charge(use: CallerUse, ms: number, now: Instant): void {
    use.charge(ms, now);
    if (use !== this.#heaviest && use.cores(now) > this.#heaviest.cores(now)) this.#heaviest = use;
  }
}
