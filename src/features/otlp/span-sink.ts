import type { Clock } from '../../core/clock.ts';
import { lastFlush } from '../../ledger/last-flush.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../../ledger/request-record.ts';
import { LinkedSpans } from './linked-spans.ts';
import { SpanMaker } from './span-maker.ts';
import type { SpanOutput } from '../../ledger/tracing/span-output.ts';

/** Makes spans from records. */
export interface SpanSink {
  /** Makes the spans of a request that has ended; none if it is neither sampled nor kept. */
  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void;
  /** Makes the spans of a batch that has run, a little later; none if no member is sampled or kept. */
  makeBatchSpans(record: BatchRecord): void;
  /** Has others make spans, of records of their own. */
  makeSpans(make: (output: SpanOutput) => void): void;
  /** Sends the remaining spans (lastFlush) and tells how many were lost. Never rejects. Idempotent. */
  shutdown(): Promise<number | 'unknown'>;
}

export interface SpanSinkOptions {
  readonly output: SpanOutput;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends the remaining spans. Called once, when the last spans are made. */
  readonly sendRest: () => Promise<void>;
  /** Called after that, with the error if it failed or took too long. Returns how many of the spans were lost. */
  readonly close: (error: unknown) => number | 'unknown';
}

export function spanSink(options: SpanSinkOptions): SpanSink {
  const { output, clock } = options;
  const spans = new LinkedSpans(new SpanMaker({ output, clock }), clock);
  let ended: Promise<number | 'unknown'> | undefined;
  return {
    makeRequestSpans: (record, kept) => spans.makeRequestSpans(record, kept),
    makeBatchSpans: (record) => spans.makeBatchSpans(record),
    makeSpans: (make) => make(output),
    shutdown() {
      spans.flush();
      ended ??= end(options);
      return ended;
    },
  };
}

async function end({ clock, logger, sendRest, close }: SpanSinkOptions): Promise<number | 'unknown'> {
  const error = await lastFlush(clock, sendRest);
  if (error !== undefined) logger.warn({ err: error }, 'the last spans were lost');
  return close(error);
}
