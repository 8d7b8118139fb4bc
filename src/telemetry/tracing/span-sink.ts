import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../log/log.ts';
import type { KeepReason } from '../recorder/tail-keep.ts';
import type { BatchRecord, RequestRecord } from '../request-record.ts';
import { LinkedSpans } from './linked-spans.ts';
import { SpanMaker } from './span-maker.ts';
import type { SpanOutput } from './span-output.ts';

/** How long a shutdown waits until the collector has taken the last spans. */
const SHUTDOWN_TIMEOUT_MS = 5000;

/** Makes spans from records. */
export interface SpanSink {
  /** Makes the spans of a request that has ended; none if it is neither sampled nor kept. */
  makeRequestSpans(record: RequestRecord, kept: KeepReason | undefined): void;
  /** Makes the spans of a batch that has run, a little later; none if no member is sampled or kept. */
  makeBatchSpans(record: BatchRecord): void;
  /** Sends the remaining spans, for at most 5 s. Never rejects. Idempotent. */
  shutdown(): Promise<void>;
}

export interface SpanSinkOptions {
  readonly output: SpanOutput;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends the remaining spans. Called once, when the last spans are made. */
  readonly sendRest: () => Promise<void>;
  /** Called after that, even if it failed or took too long. */
  readonly close: () => void;
}

export function spanSink(options: SpanSinkOptions): SpanSink {
  const { output, clock } = options;
  const spans = new LinkedSpans(new SpanMaker({ output, clock }), clock);
  let ended: Promise<void> | undefined;
  return {
    makeRequestSpans: (record, kept) => spans.makeRequestSpans(record, kept),
    makeBatchSpans: (record) => spans.makeBatchSpans(record),
    shutdown() {
      spans.flush();
      ended ??= end(options);
      return ended;
    },
  };
}

async function end({ clock, logger, sendRest, close }: SpanSinkOptions): Promise<void> {
  // Our clock's timers hold no process open; the exporter's sockets do while it sends.
  const error = await new Promise<unknown>((resolve) => {
    const timer = clock.setTimer(clock.nowMs() + SHUTDOWN_TIMEOUT_MS, () =>
      resolve(new Error(`the collector did not take them within ${SHUTDOWN_TIMEOUT_MS} ms`)),
    );
    const settle = (reason?: unknown): void => {
      timer.cancel();
      resolve(reason);
    };
    sendRest().then(() => settle(), settle);
  });
  if (error !== undefined) logger.warn({ err: error }, 'the last spans were lost');
  close();
}
