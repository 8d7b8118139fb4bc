/** Tells what was lost on its way to the collector, in a metric and in the log. */
import type { Clock } from '../../core/clock.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Registry } from '../../ledger/metrics/registry.ts';
import type { LostSpansListener, SpanLoss } from './tracing-options.ts';

/** Counts losses in a new counter, by why they were lost. */
export function lossCounter(registry: Registry, name: string, help: string): LostSpansListener {
  const family = registry.counter(name, help);
  const series = {
    queue_full: family.open({ reason: 'queue_full' }),
    export_failed: family.open({ reason: 'export_failed' }),
  };
  return (count, why) => series[why].add(count);
}

/** A field of the log's lines. */
export type LostThings = 'spans' | 'log_records';

/** Reports losses to `onLost`, and to the log with a few lines a minute. */
export class LossLog {
  readonly #logger: Logger;
  readonly #what: LostThings;
  readonly #onLost: LostSpansListener;
  readonly #limiter: LineLimiter;
  /** Losses so far. */
  count = 0;

  constructor(
    { logger, clock }: { readonly logger: Logger; readonly clock: Clock },
    what: LostThings,
    onLost: LostSpansListener,
  ) {
    this.#logger = logger;
    this.#what = what;
    this.#onLost = onLost;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: 60_000,
      linesPerWindow: 1,
      onSuppressed: (why, times) => logger.warn({ why, times }, `more ${nounOf(what)} were lost in the last minute`),
    });
  }

  add(count: number, why: SpanLoss, error: unknown): void {
    this.count += count;
    this.#onLost(count, why);
    if (!this.#limiter.allow(why)) return;
    const noun = nounOf(this.#what);
    if (why === 'queue_full') this.#logger.warn({}, `${noun} are lost: too many wait for the collector`);
    else this.#logger.warn({ err: error, [this.#what]: count }, `${noun} were lost: the collector did not take them`);
  }

  close(): void {
    this.#limiter.close();
  }
}

function nounOf(what: LostThings): string {
  return what.replace('_', ' ');
}
