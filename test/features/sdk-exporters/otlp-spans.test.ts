/** OTLP's bytes of any records are read back as the spans that OpenTelemetry's SDK makes of them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import * as sdk from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { bytesField, message, messageField } from '../../../src/codec/protobuf/wire-writer.ts';
import { ERROR_TABLE, type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { SpanEncoder } from '../../../src/features/otlp/span-encoder.ts';
import type { SpanLimits } from '../../../src/features/otlp/span-limits.ts';
import { SpanMaker } from '../../../src/features/otlp/span-maker.ts';
import { type EncodedSpans, SpanQueue } from '../../../src/features/otlp/span-queue.ts';
import { PresetIds, SdkSpans } from '../../../src/features/sdk-exporters/sdk-spans.ts';
import type { BatchRecord, RequestOutcome, RequestRecord } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import type { SpanOutput } from '../../../src/ledger/tracing/span-output.ts';
import type { TraceContext } from '../../../src/ledger/tracing/trace-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { decodeExport, type SpanMessage } from '../../support/otlp-trace-messages.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';
import { spanAttributes } from '../otlp/span-attributes.ts';

const hexId = (digits: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits })
    .map((id) => `${id.slice(1)}1`);
const text = fc.oneof(fc.string({ maxLength: 90 }), fc.string({ unit: 'grapheme', maxLength: 300 }));
const count = fc.oneof(fc.nat({ max: 300 }), fc.nat(), fc.maxSafeNat());
const ms = fc.double({ min: 0, max: 1e10, noNaN: true });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** A `tracestate` comes with a caller's span. */
const caller = fc.record({
  parentSpanId: hexId(16),
  traceState: maybe(fc.constantFrom('v=1', 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7', `k=${'x'.repeat(200)}`)),
});
const context: fc.Arbitrary<TraceContext> = fc
  .record({ traceId: hexId(32), spanId: hexId(16), by: maybe(caller) })
  .map(({ by, ...ids }) => ({ ...ids, parentSpanId: by?.parentSpanId, traceState: by?.traceState, isSampled: true }));

const batch: fc.Arbitrary<BatchRecord> = fc
  .record({
    model: text,
    version: text,
    signatureName: text,
    tasks: count,
    rows: count,
    size: count,
    reason: fc.constantFrom('full' as const, 'slot_free' as const, 'timeout' as const),
    batchStart: ms,
    executeStart: ms,
    splitStart: ms,
    end: ms,
    runStart: maybe(ms),
    runEnd: maybe(ms),
    expectedMs: maybe(fc.double({ noNaN: true, noDefaultInfinity: true })),
    outcome: fc.constantFrom<RequestOutcome>('ok', ...(Object.keys(ERROR_TABLE) as ErrorKind[])),
    members: fc.array(context, { maxLength: 6 }),
    trace: maybe(context),
  })
  .map((changes) => batchRecord(changes));

const stages = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 8 }).map((steps) => {
  let at = 1000;
  const clock = new StageClock(at);
  for (const [i, step] of steps.entries()) {
    at += step;
    if (i + 1 < steps.length) clock.enter(i + 1, at);
  }
  clock.finish(at);
  return clock;
});

const facts = fc.dictionary(
  fc.constantFrom('stage', 'reason', 'message', 'late_ms', 'workerEnded'),
  fc.oneof(text, count, fc.double({ noNaN: true }), fc.boolean()),
);
const error = fc
  .record({
    kind: fc.constantFrom(...(Object.keys(ERROR_TABLE) as ErrorKind[])),
    text,
    facts,
    retryAfterMs: maybe(count),
  })
  .map(({ kind, text: said, facts: attributes, retryAfterMs }) => {
    return new ServingError(kind, said, { attributes, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  });
const event = fc.record({
  name: fc.constantFrom('inference.retry' as const, 'inference.breaker' as const),
  at: ms,
  attributes: maybe(fc.dictionary(fc.constantFrom('a', 'inference.reason', 'ü'), fc.oneof(text, count, fc.boolean()))),
});

const request: fc.Arbitrary<RequestRecord> = fc
  .record({
    surface: fc.constantFrom('grpc' as const, 'rest' as const),
    method: fc.constantFrom('Predict', 'GetModelStatus', 'unknown'),
    id: text,
    peer: fc.oneof(fc.constantFrom('10.0.0.1:80', '[::1]:65535', '/run/socket', ''), text),
    stages,
    deadline: fc.oneof(fc.constant(Infinity), ms),
    model: text,
    version: text,
    signatureName: text,
    rows: count,
    requestBytes: count,
    responseBytes: count,
    error: maybe(error),
    batch: maybe(batch),
    events: maybe(fc.array(event, { maxLength: 5 })),
    trace: context,
  })
  .map(({ error: failure, ...changes }) =>
    requestRecord({ ...changes, error: failure, outcome: failure === undefined ? 'ok' : failure.kind }),
  );

const limits: fc.Arbitrary<SpanLimits> = fc.record({
  attributes: fc.constantFrom(128, 3),
  attributesPerEvent: fc.constantFrom(128, 1),
  textLength: fc.constantFrom(Infinity, 7),
  events: fc.constantFrom(128, 2),
  links: fc.constantFrom(128, 0, 2),
});

const clock = new FakeClock();
clock.wallOffsetMs = 1_753_000_000_123.75;

const resource = { 'service.name': 'pillion' };
const resourceBytes = messageField(
  1,
  messageField(1, message(bytesField(1, 'service.name'), messageField(2, bytesField(1, 'pillion')))),
);
const scopeBytes = messageField(1, message(bytesField(1, 'pillion'), bytesField(2, '1')));

function made(output: SpanOutput, records: readonly RequestRecord[]): void {
  const maker = new SpanMaker({ output, clock, attributes: spanAttributes() });
  for (const record of records) {
    maker.makeRequestSpans(record, record.trace!, record.rows % 2 === 0 ? 'slow' : undefined);
    if (record.batch !== undefined) maker.makeBatchSpans(record.batch);
  }
}

/** What the queue sends, in one export. */
async function ours(records: readonly RequestRecord[], within: SpanLimits): Promise<Uint8Array> {
  const sent: Uint8Array[] = [];
  const queue = new SpanQueue({
    clock,
    limits: { maxQueued: 1e6, maxExported: 1e6, delayMs: 1, exportTimeoutMs: 1 },
    resource: resourceBytes,
    scope: scopeBytes,
    send: async ({ bytes }: EncodedSpans) => {
      sent.push(Buffer.from(bytes));
    },
    onLost: () => assert.fail('there is room'),
  });
  made(new SpanEncoder({ queue, limits: within }), records);
  await queue.shutdown();
  assert.equal(sent.length, 1);
  return sent[0]!;
}

function theirs(records: readonly RequestRecord[], within: SpanLimits): Uint8Array {
  const exporter = new sdk.InMemorySpanExporter();
  const ids = new PresetIds();
  const provider = new sdk.BasicTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes(resource),
    spanProcessors: [new sdk.SimpleSpanProcessor(exporter)],
    spanLimits: {
      attributeCountLimit: within.attributes,
      attributeValueLengthLimit: within.textLength,
      attributePerEventCountLimit: within.attributesPerEvent,
      eventCountLimit: within.events,
      linkCountLimit: within.links,
    },
  });
  made(new SdkSpans({ tracer: provider.getTracer('pillion', '1'), ids }), records);
  return ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans())!;
}

/** Ids that nobody gave out are each their own; a status that says nothing may as well be left out. */
function comparable(bytes: Uint8Array, given: ReadonlySet<string>) {
  const { resourceSpans } = decodeExport(Buffer.from(bytes));
  assert.equal(resourceSpans?.length, 1);
  const { resource: from, scopeSpans } = resourceSpans[0]!;
  assert.equal(scopeSpans?.length, 1);
  const spans = scopeSpans[0]!.spans!.map(({ spanId, status, ...span }: SpanMessage) => {
    const id = (spanId as Buffer).toString('hex');
    const said = status?.code === 0 ? null : status;
    return { ...span, spanId: given.has(id) ? id : `${(spanId as Buffer).length} bytes`, status: said };
  });
  return { from, scope: scopeSpans[0]!.scope, spans };
}

test('any records are the same spans as bytes of ours and by the SDK', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 4 }), limits, async (records, within) => {
      const given = new Set(records.flatMap(({ trace, batch: ran }) => [trace!.spanId, ran?.trace?.spanId ?? '']));
      assert.deepEqual(comparable(await ours(records, within), given), comparable(theirs(records, within), given));
    }),
    { numRuns: 150 },
  );
});
