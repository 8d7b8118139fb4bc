import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLogger } from '../../../src/ledger/log/log.ts';
import type { BatchRecord, RequestRecord } from '../../../src/ledger/request-record.ts';
import { createTelemetry } from '../../../src/ledger/telemetry.ts';
import { samplerFromEnv } from '../../../src/ledger/tracing/sampler.ts';
import { Sampling } from '../../../src/ledger/tracing/sampling.ts';
import type { Exporter, FlushLosses, Tracing } from '../../../src/ledger/tracing/tracing.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';
import { batchRecord, requestRecord, traceOf } from '../../support/telemetry-records.ts';

class FakeTracing implements Tracing, Exporter {
  readonly made: (RequestRecord | BatchRecord)[] = [];
  isShutDown = false;
  fault: Error | undefined;

  sampling = new Sampling({
    ...samplerFromEnv({}),
    sampler: (traceId) => traceId.endsWith('1'),
  });

  makeRequestSpans(record: RequestRecord): void {
    if (this.fault !== undefined) throw this.fault;
    this.made.push(record);
  }

  makeBatchSpans(record: BatchRecord): void {
    if (this.fault !== undefined) throw this.fault;
    this.made.push(record);
  }

  makeSpans(): void {}

  async start(): Promise<void> {}

  async shutdown(): Promise<FlushLosses> {
    this.isShutDown = true;
    return {};
  }
}

function telemetry(tracing?: FakeTracing) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', clock, destination: { write: (line) => lines.push(line) } });
  const all = createTelemetry({ clock, logger });
  if (tracing !== undefined) {
    all.traceBy(tracing);
    all.exportBy(tracing);
  }
  return { clock, lines, all };
}

const caller = {
  traceId: `${'a'.repeat(31)}1`,
  spanId: 'b'.repeat(16),
  isSampled: true,
  traceState: 'v=1',
  baggage: 'a=b',
};

describe('without a tracer', () => {
  it('no ids are made', () => assert.equal(telemetry().all.startTrace(undefined), undefined));

  it("the caller's context goes on as it came, batches included", () => {
    const { all } = telemetry();
    const context = all.startTrace(caller);
    assert.deepEqual(context, { ...caller, parentSpanId: undefined });
    assert.equal(all.startBatchTrace(context!), context);
  });

  it('requests and batches are still counted', async () => {
    const { all } = telemetry();
    all.recordRequest(requestRecord());
    all.recordBatch(batchRecord());
    const text = await textOf(all.metrics);
    assert.match(text, /pillion_request_duration_seconds_count\{.*\} 1\n/);
    assert.match(text, /pillion_batches_total\{.*\} 1\n/);
  });

  it('sixteen batches of one request are read after the turn, not in it', async () => {
    const { all } = telemetry();
    let read = 0;
    all.follow({ recordBatch: () => (read += 1) });
    for (let i = 0; i < 16; i++) {
      all.recordBatch(batchRecord());
      all.recordRequest(requestRecord());
    }
    assert.equal(read, 0);
    await nextTurn();
    assert.equal(read, 16);
  });
});

describe('with a tracer', () => {
  it("a request goes on in its caller's trace, with a span id of its own and the sampler's decision", () => {
    const { all } = telemetry(new FakeTracing());
    const said = { ...caller, isRandom: true, extra: { isDebug: true } };
    const context = all.startTrace(said);
    assert.deepEqual({ ...context, spanId: '' }, { ...said, spanId: '', parentSpanId: caller.spanId });
    assert.notEqual(context?.spanId, caller.spanId);
    assert.equal(all.startTrace({ ...caller, traceId: `${'a'.repeat(31)}2` })?.isSampled, false);
  });

  it('a trace begins here by the decision of a caller that has no span', () => {
    const { all } = telemetry(new FakeTracing());
    const context = all.startTrace({ ...caller, traceId: undefined, spanId: undefined });
    assert.match(context?.traceId ?? '', /^[0-9a-f]{32}$/);
    assert.equal(context?.parentSpanId, undefined);
    // Without a tracer there is nothing to decide.
    assert.equal(telemetry().all.startTrace({ ...caller, traceId: undefined, spanId: undefined }), undefined);
  });

  it('a trace begins where there is no caller', () => {
    const context = telemetry(new FakeTracing()).all.startTrace(undefined);
    assert.match(context?.traceId ?? '', /^[0-9a-f]{32}$/);
    assert.equal(context?.parentSpanId, undefined);
  });

  it("a batch's context is a child of its owner's", () => {
    const batch = telemetry(new FakeTracing()).all.startBatchTrace(traceOf('a'));
    assert.equal(batch.parentSpanId, 'a'.repeat(16));
  });

  it('records reach it, those that are worth keeping with the reason', () => {
    const tracing = new FakeTracing();
    const { all } = telemetry(tracing);
    const records = [requestRecord(), batchRecord()] as const;
    all.recordRequest(records[0]);
    all.recordBatch(records[1]);
    assert.deepEqual(tracing.made, records);
  });

  it('its faults never reach a request, and are logged once a second', () => {
    const tracing = new FakeTracing();
    tracing.fault = new Error('no spans today');
    const { all, lines } = telemetry(tracing);
    for (let i = 0; i < 100; i++) all.recordRequest(requestRecord());
    all.recordBatch(batchRecord());
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? '', /no spans today/);
  });

  it('it is shut down at the end, and no timer is left', async () => {
    const tracing = new FakeTracing();
    const { all, clock } = telemetry(tracing);
    for (let i = 0; i < 20; i++) all.recordRequest(requestRecord({ outcome: 'overloaded' }));
    all.metrics.forgetVersion('digits', '3');
    await all.close();
    assert.ok(tracing.isShutDown);
    assert.equal(clock.armed, 0);
  });
});
