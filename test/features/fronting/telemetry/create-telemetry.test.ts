import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger } from '../../../../src/ledger/log/log.ts';
import { createTelemetry } from '../../../../src/ledger/telemetry.ts';
import { samplerFromEnv } from '../../../../src/ledger/tracing/sampler.ts';
import { Sampling } from '../../../../src/ledger/tracing/sampling.ts';
import type { SpanOutput } from '../../../../src/ledger/tracing/span-output.ts';
import type { Tracing } from '../../../../src/ledger/tracing/tracing.ts';
import { createFrontedTelemetry } from '../../../../src/proxy/fronting/telemetry/create-telemetry.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { textOf } from '../../../support/metrics-text.ts';
import { FRONTED_ARRIVAL } from '../fronted-record.ts';

/** Notes which spans are begun. */
class FakeTracing implements Tracing {
  readonly begun: string[] = [];
  fault: Error | undefined;
  readonly sampling = new Sampling({ ...samplerFromEnv({}), sampler: (traceId) => traceId.endsWith('1') });
  readonly #output: SpanOutput = {
    startAt: () => undefined,
    begin: (_trace, kind) => this.begun.push(kind),
    set: () => undefined,
    fail: () => undefined,
    end: () => undefined,
  } as Partial<SpanOutput> as SpanOutput;

  makeRequestSpans(): void {}

  makeBatchSpans(): void {}

  makeSpans(make: (output: SpanOutput) => void): void {
    if (this.fault !== undefined) throw this.fault;
    make(this.#output);
  }
}

function telemetry(tracing?: Tracing) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = createLogger({ level: 'info', clock, destination: { write: (line) => lines.push(line) } });
  const all = createTelemetry({ clock, logger });
  if (tracing !== undefined) all.traceBy(tracing);
  return { lines, all, fronted: createFrontedTelemetry({ clock, logger, telemetry: all, environment: {} }).telemetry };
}

const caller = {
  traceId: `${'a'.repeat(31)}1`,
  spanId: 'b'.repeat(16),
  isSampled: true,
  traceState: 'v=1',
  baggage: 'a=b',
};

describe('a request for the application', () => {
  const arrival = { ...FRONTED_ARRIVAL, callerTrace: undefined };

  it('is counted, has spans if its trace is sampled, and is told to listeners', async () => {
    const tracing = new FakeTracing();
    const { all, fronted } = telemetry(tracing);
    const heard: unknown[] = [];
    const ignore = (): void => undefined;
    all.listen({ recordRequest: ignore, recordBatch: ignore, recordForwarded: (record) => heard.push(record) });
    all.listen({ recordRequest: ignore, recordBatch: ignore });
    const record = fronted.begin({ ...arrival, callerTrace: caller });
    assert.equal(fronted.inFlight, 1);
    const { trace, sentTrace } = record;
    assert.deepEqual([trace?.traceId, trace?.parentSpanId], [caller.traceId, caller.spanId]);
    assert.deepEqual([sentTrace?.traceId, sentTrace?.parentSpanId], [caller.traceId, trace?.spanId]);
    record.sent('1.1');
    record.onHead(200);
    record.over('ok');
    record.over('client_left');
    assert.deepEqual([heard, tracing.begun, fronted.inFlight], [[record], ['server', 'client'], 0]);
    assert.match(await textOf(all.metrics), /pillion_app_requests_total\{.*outcome="ok"\} 1/);
  });

  it('that cannot be recorded is logged, and is over', () => {
    const tracing = new FakeTracing();
    const { fronted, lines } = telemetry(tracing);
    tracing.fault = new Error('no');
    fronted.begin(arrival).over('ok');
    assert.equal(fronted.inFlight, 0);
    assert.match(lines.join(''), /a request for the application could not be recorded/);
  });

  it('has its caller’s trace where no spans are made, and makes none', () => {
    const { fronted } = telemetry();
    const record = fronted.begin({ ...arrival, callerTrace: caller });
    assert.deepEqual([record.trace?.spanId, record.sentTrace], [caller.spanId, undefined]);
    assert.equal(fronted.begin(arrival).trace, undefined);
  });
});
