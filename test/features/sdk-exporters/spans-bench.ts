/**
 * What it costs to make the spans of one request at full sampling, nine of them with a batch for every sixteenth: as
 * OTLP's bytes, and as the SDK's objects and its serializer, both up to the bytes that would be sent.
 */

import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { runSubject } from '../../../bench/micro/interleave.ts';
import { GrowingWriter } from '../../../src/codec/protobuf/growing-writer.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { SpanEncoder, type SpanRoom } from '../../../src/features/otlp/span-encoder.ts';
import { SpanMaker } from '../../../src/features/otlp/span-maker.ts';
import { PresetIds, SdkSpans } from '../../../src/features/sdk-exporters/sdk-spans.ts';
import type { BatchRecord, RequestRecord } from '../../../src/ledger/request-record.ts';
import type { SpanOutput } from '../../../src/ledger/tracing/span-output.ts';
import { childContext, newSpanId, newTraceId, type TraceContext } from '../../../src/ledger/tracing/trace-context.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';
import { spanAttributes } from '../otlp/span-attributes.ts';

const REQUESTS_A_BATCH = 16;
const SPANS_AN_EXPORT = 512;

let bytesMade = 0;

/** A queue that is emptied at once: what is measured runs without a turn of the event loop. */
class CountedRoom implements SpanRoom {
  readonly #writer = new GrowingWriter(1 << 16);
  #end = 0;
  #count = 0;

  open(): GrowingWriter {
    this.#writer.position = this.#end;
    return this.#writer;
  }

  close(): void {
    this.#end = this.#writer.position;
    this.#count += 1;
    if (this.#count % SPANS_AN_EXPORT !== 0) return;
    bytesMade += this.#end;
    this.#end = 0;
  }
}

function encoder(): SpanOutput {
  const limits = { attributes: 128, attributesPerEvent: 128, textLength: Infinity, events: 128, links: 128 };
  return new SpanEncoder({ queue: new CountedRoom(), limits });
}

class Serializing implements SpanProcessor {
  #spans: ReadableSpan[] = [];

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.#spans.push(span);
    if (this.#spans.length < SPANS_AN_EXPORT) return;
    bytesMade += ProtobufTraceSerializer.serializeRequest(this.#spans)!.length;
    this.#spans = [];
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

function sdk(): SpanOutput {
  const ids = new PresetIds();
  const provider = new BasicTracerProvider({ idGenerator: ids, spanProcessors: [new Serializing()] });
  return new SdkSpans({ tracer: provider.getTracer('pillion'), ids });
}

function context(): TraceContext {
  return {
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: undefined,
    isSampled: true,
    traceState: undefined,
  };
}

/** Requests that have ended, each with its batch, as a server at work hands them over. */
function records(): { requests: RequestRecord[]; batch: BatchRecord }[] {
  return Array.from({ length: 64 }, () => {
    const members = Array.from({ length: REQUESTS_A_BATCH }, context);
    const batch = batchRecord({ members, trace: childContext(members[0]!), runStart: undefined, expectedMs: 1.25 });
    return { requests: members.map((trace) => requestRecord({ trace, batch })), batch };
  });
}

function maker(output: SpanOutput): () => void {
  const spans = new SpanMaker({ output, clock: systemClock, attributes: spanAttributes() });
  const turns = records();
  let turn = 0;
  return () => {
    const { requests, batch } = turns[Math.floor(turn / REQUESTS_A_BATCH) % turns.length]!;
    const request = requests[turn % REQUESTS_A_BATCH]!;
    spans.makeRequestSpans(request, request.trace!);
    if (turn % REQUESTS_A_BATCH === 0) spans.makeBatchSpans(batch);
    turn += 1;
  };
}

await runSubject([
  {
    title: "a request's nine spans, and a sixteenth of its batch's",
    contestants: { "OTLP's bytes from the record": maker(encoder()), "the SDK's spans and serializer": maker(sdk()) },
  },
]);
if (bytesMade === 0) throw new Error('no bytes were made');
