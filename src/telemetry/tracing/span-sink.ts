/** Where records become spans, whatever the spans are written to. */
import type { Clock } from '../../core/clock.ts';
import type { KeepReason } from '../recorder/tail-keep.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { LinkedSpans } from './linked-spans.ts';
import { SpanMaker } from './span-maker.ts';
import type { SpanOutput } from './span-output.ts';

/** Where records become spans. */
export interface SpanSink {
  /** Makes the spans of a request that has ended; nothing where it is neither sampled nor kept. */
  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void;
  /** Makes the spans of a batch that has run, soon; nothing where no member is sampled or will be kept. */
  makeBatchSpans(record: BatchRecord): void;
  /** Sends what is left, for at most 5 s. Never rejects; twice is once. */
  shutdown(): Promise<void>;
}

/** @param end sends what is left and closes what was opened; called once, when the last spans are made */
export function spanSink(output: SpanOutput, clock: Clock, end: () => Promise<void>): SpanSink {
  const spans = new LinkedSpans(new SpanMaker({ output, clock }), clock);
  let ended: Promise<void> | undefined;
  return {
    makeRequestSpans: (record, kept) => spans.makeRequestSpans(record, kept),
    makeBatchSpans: (record) => spans.makeBatchSpans(record),
    shutdown() {
      spans.flush();
      ended ??= end();
      return ended;
    },
  };
}
