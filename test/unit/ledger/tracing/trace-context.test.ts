import assert from 'node:assert/strict';
import { it } from 'node:test';
import { childContext, isZeroId, newSpanId, newTraceId } from '../../../../src/ledger/tracing/trace-context.ts';
import { traceOf } from '../../../support/telemetry-records.ts';

it('ids have their length, are hex, and do not repeat over many refills of the pool', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 3000; i++) {
    const traceId = newTraceId();
    const spanId = newSpanId();
    assert.match(traceId, /^[0-9a-f]{32}$/);
    assert.match(spanId, /^[0-9a-f]{16}$/);
    seen.add(traceId).add(spanId);
  }
  assert.equal(seen.size, 6000);
});

it('only ids of zeros stand for none', () => {
  assert.ok(isZeroId('0'.repeat(32)));
  assert.ok(isZeroId('0'.repeat(16)));
  assert.ok(!isZeroId(`${'0'.repeat(31)}1`));
});

const SAID = { isRandom: true, isDeferred: true, extra: { isDebug: true } };

it("a child is in its parent's trace, under its parent's span, with its decision and its baggage", () => {
  const parent = { ...traceOf('a', 'b'.repeat(16)), ...{ traceState: 'x=1', baggage: 'a=b' }, ...SAID };
  const child = childContext(parent);
  assert.deepEqual({ ...child, spanId: '' }, { ...parent, spanId: '', parentSpanId: parent.spanId });
  assert.notEqual(child.spanId, parent.spanId);
});
