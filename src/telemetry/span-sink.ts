/** Where records become spans, whatever the spans are written to. */
import type { Clock } from '../core/clock.ts';
import { LinkedSpans } from './linked-spans.ts';
import { SpanMaker } from './span-maker.ts';
import type { SpanOutput } from './span-output.ts';
import type { SpanSink } from './tracing.ts';

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
