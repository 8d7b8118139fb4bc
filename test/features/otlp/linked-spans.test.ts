import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOLD_MS, LinkedSpans } from '../../../src/features/otlp/linked-spans.ts';
import type { SpanMaker } from '../../../src/features/otlp/span-maker.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../../../src/ledger/request-record.ts';
import type { TraceContext } from '../../../src/ledger/tracing/trace-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord, traceOf } from '../../support/telemetry-records.ts';

interface Made {
  readonly record: RequestRecord;
  readonly context: TraceContext;
  readonly kept: KeepReason | undefined;
}

function harness() {
  const clock = new FakeClock();
  const requests: Made[] = [];
  const batches: BatchRecord[] = [];
  const maker = {
    makeRequestSpans: (record: RequestRecord, context: TraceContext, kept?: KeepReason) =>
      requests.push({ record, context, kept }),
    makeBatchSpans: (batch: BatchRecord) => batches.push(batch),
  };
  return { clock, requests, batches, spans: new LinkedSpans(maker as never as SpanMaker, clock) };
}

const unsampled = (digit: string): TraceContext => ({ ...traceOf(digit), isSampled: false });

describe('a request', () => {
  it('has spans where it is sampled, at once', () => {
    const { spans, requests } = harness();
    const record = requestRecord({ trace: traceOf('a') });
    spans.makeRequestSpans(record, undefined);
    assert.deepEqual(requests, [{ record, context: record.trace, kept: undefined }]);
  });

  it('has none where it is neither sampled nor kept, or has no trace', () => {
    const { spans, requests, clock } = harness();
    spans.makeRequestSpans(requestRecord({ trace: unsampled('a') }), undefined);
    spans.makeRequestSpans(requestRecord({ trace: undefined }), 'slow');
    assert.deepEqual([requests.length, clock.armed], [0, 0]);
  });

  it('has spans where it is kept, with the ids that it had all along', () => {
    const { spans, requests } = harness();
    const record = requestRecord({ trace: unsampled('a') });
    spans.makeRequestSpans(record, 'failed');
    assert.deepEqual(requests, [{ record, context: traceOf('a'), kept: 'failed' }]);
  });
});

describe('a batch', () => {
  it('of which nobody is sampled has a span in the trace of the first that is kept, linked to all that are', () => {
    const { spans, requests, batches, clock } = harness();
    const batch = batchRecord();
    spans.makeBatchSpans(batch);
    for (const [digit, kept] of [
      ['a', undefined],
      ['b', 'slow'],
      ['c', 'slow'],
    ] as const) {
      spans.makeRequestSpans(requestRecord({ trace: unsampled(digit), batch }), kept);
    }
    assert.equal(requests.length, 2);
    assert.deepEqual(batches, []);
    clock.advance(HOLD_MS);
    assert.deepEqual(batches, [batch]);
    assert.deepEqual(batch.members, [traceOf('b'), traceOf('c')]);
    assert.equal(batch.trace?.traceId, traceOf('b').traceId);
    assert.equal(batch.trace?.parentSpanId, traceOf('b').spanId);
    assert.equal(batch.trace?.isSampled, true);
    assert.equal(clock.armed, 0);
  });

  it('of which one is sampled stays in its trace, and is linked to those that are kept too', () => {
    const { spans, batches, clock } = harness();
    const trace = { ...traceOf('a'), spanId: 'd'.repeat(16), parentSpanId: traceOf('a').spanId };
    const batch = batchRecord({ members: [traceOf('a')], trace });
    spans.makeBatchSpans(batch);
    spans.makeRequestSpans(requestRecord({ trace: unsampled('b'), batch }), 'slow');
    clock.advance(HOLD_MS);
    assert.deepEqual(batches, [batch]);
    assert.deepEqual(batch.members, [traceOf('a'), traceOf('b')]);
    assert.equal(batch.trace, trace);
  });

  it('waits no longer than it must, beside others and at the end', () => {
    const { spans, batches, clock } = harness();
    const sampled = () => batchRecord({ members: [traceOf('a')], trace: traceOf('a') });
    spans.makeBatchSpans(sampled());
    clock.advance(HOLD_MS - 1);
    spans.makeBatchSpans(sampled());
    assert.equal(batches.length, 0);
    clock.advance(1);
    assert.equal(batches.length, 1);
    clock.advance(HOLD_MS - 2);
    assert.equal(batches.length, 1);
    spans.flush();
    assert.deepEqual([batches.length, clock.armed], [2, 0]);
  });
});
