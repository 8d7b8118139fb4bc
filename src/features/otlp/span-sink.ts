import { RpcAttributes } from '../../ledger/tracing/rpc-attributes.ts';
import type { SpanOutput } from '../../ledger/tracing/span-output.ts';
import type { SpanSink } from '../../ledger/tracing/tracing.ts';
import { SpanAttributes } from './attributes/span-attributes.ts';
import { lastFlush } from './last-flush.ts';
import { LinkedSpans } from './linked-spans.ts';
import { SpanMaker } from './span-maker.ts';
import type { TracingOptions } from './tracing-options.ts';

/** A sink that has an exporter. */
export interface StartedSink extends SpanSink {
  /** Sends the remaining spans (lastFlush) and tells how many were lost. Never rejects. Idempotent. */
  shutdown(): Promise<number | 'unknown'>;
}

export interface SpanSinkOptions extends Pick<TracingOptions, 'env' | 'clock' | 'logger' | 'names'> {
  readonly output: SpanOutput;
  /** Sends the remaining spans. Called once, when the last spans are made. */
  readonly sendRest: () => Promise<void>;
  /** Called after that, with the error if it failed or took too long. Returns how many of the spans were lost. */
  readonly close: (error: unknown) => number | 'unknown';
}

export function spanSink(options: SpanSinkOptions): StartedSink {
  const { output, clock, env, names } = options;
  const attributes = new SpanAttributes({ rpc: new RpcAttributes(env), names });
  const spans = new LinkedSpans(new SpanMaker({ output, clock, attributes }), clock);
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
