import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { type CallerLimitOptions, CallerQuotas } from '../../../src/features/caller-limits/caller-quotas.ts';
import { RequestContext } from '../../../src/proxy/request-context.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const NONE = { inFlight: Infinity, perSecond: Infinity };

function setUp(options: Partial<CallerLimitOptions>) {
  const clock = new FakeClock();
  const limits = new CallerQuotas({ requests: NONE, bytes: NONE, rows: NONE, ...options });
  const begin = (caller = 'a', bytes = 1): RequestContext => {
    const sender = { requestId: undefined, peer: 'p', caller, callerTrace: undefined };
    const arrival = { method: 'Predict', receivedAt: 0, timeoutMs: undefined, ...sender };
    const context = new RequestContext({
      ...{ clock, arrival: { surface: 'grpc', ...arrival }, deadline: Infinity, sequence: 1, trace: undefined },
    });
    context.requestBytes = bytes;
    return context;
  };
  const take = (context = begin(), rows = 1): RequestContext => {
    limits.takeRequest(context);
    context.rows = rows;
    limits.takeRows(context);
    return context;
  };
  return { clock, limits, begin, take };
}

function refusal(run: () => void): ServingError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ServingError);
    assert.equal(error.attributes?.['reason'], 'caller_limit');
    return error;
  }
  return assert.fail('it was not refused');
}

describe('CallerLimits', () => {
  it('bounds the requests of one caller in flight, and of no other', () => {
    const { limits, begin, take } = setUp({ requests: { inFlight: 2, perSecond: Infinity } });
    const first = take();
    take();
    const error = refusal(() => take());
    assert.equal(error.kind, 'overloaded');
    assert.match(error.message, /2 requests in flight.* limit of 2 \(--caller_max_requests\)/);
    take(begin('b'));
    limits.giveBack(first);
    limits.giveBack(first);
    take();
    refusal(() => take());
  });

  it('bounds rows and bytes in flight, and tells what can never fit from what cannot fit now', () => {
    const { begin, take } = setUp({
      rows: { inFlight: 100, perSecond: Infinity },
      bytes: { inFlight: 50, perSecond: Infinity },
    });
    assert.match(
      refusal(() => take(begin(), 101)).message,
      /has 101 rows, and a caller may send 100 \(--caller_max_rows\)/,
    );
    assert.equal(refusal(() => take(begin('c', 51))).kind, 'too_large');
    const b = begin('b');
    take(b, 60);
    assert.equal(refusal(() => take(begin('b'), 41)).kind, 'overloaded');
    assert.equal(refusal(() => take(begin('b', 50))).kind, 'overloaded');
  });

  it('gives back what a refused request had taken', () => {
    const { limits, begin, take } = setUp({
      rows: { inFlight: 10, perSecond: Infinity },
      requests: { inFlight: 1, perSecond: Infinity },
    });
    const refused = begin();
    refusal(() => take(refused, 11));
    refusal(() => take());
    limits.giveBack(refused);
    take(begin(), 10);
  });

  it('bounds what comes in a second, and names the time until the next fits', () => {
    const { clock, take } = setUp({ rows: { inFlight: Infinity, perSecond: 1000 } });
    take(undefined, 1000);
    const { retryAfterMs, message } = refusal(() => take(undefined, 200));
    assert.equal(retryAfterMs, 200);
    assert.match(message, /more than 1000 rows a second \(--caller_rows_per_s\); retry after 200 ms/);
    clock.advance(199);
    refusal(() => take(undefined, 200));
    clock.advance(1);
    take(undefined, 200);
    clock.advance(60_000);
    take(undefined, 1000);
    assert.equal(refusal(() => take(undefined, 1)).retryAfterMs, 1, 'a minute’s silence is worth one second');
    assert.equal(refusal(() => take(undefined, 1001)).kind, 'too_large');
  });

  it('holds for callers with invented names together, once there are too many', () => {
    const { begin, take } = setUp({ requests: { inFlight: 2, perSecond: Infinity } });
    const known = take(begin('known'));
    for (let i = 0; i < 1023; i++) take(begin(`name ${i}`));
    take(begin('new 1'));
    take(begin('new 2'));
    refusal(() => take(begin('new 3')));
    take(begin('known'));
    refusal(() => take(begin('known')));
    assert.notEqual(known.quota, undefined);
  });
});
