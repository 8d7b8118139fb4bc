import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { ArrivalClock } from '../../../src/proxy/arrival-clock.ts';
import { RequestLifecycle } from '../../../src/proxy/request-lifecycle.ts';
import { noTelemetry } from '../../../src/telemetry/request-record.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A lifecycle on an event loop whose last turn took so long, without sleep since. */
function behind(turnMs: number) {
  const clock = new FakeClock();
  let endTurn = (): void => undefined;
  const defer = (run: () => void): void => {
    endTurn = run;
  };
  const arrivals = new ArrivalClock({ clock, sleptMs: () => 0, defer });
  const lifecycle = new RequestLifecycle({
    clock,
    deadlines: new DeadlineTimer(clock),
    telemetry: noTelemetry,
    maxTimeoutMs: { grpc: Infinity, rest: 1000 },
    arrivals,
  });
  arrivals.arrivedAt();
  clock.advance(turnMs);
  endTurn();
  const begin = (timeoutMs: number | undefined) =>
    lifecycle.begin({
      ...{ surface: 'grpc', method: 'Predict', receivedAt: clock.nowMs(), timeoutMs },
      ...{ requestId: undefined, peer: 'test', caller: 'test', callerTrace: undefined },
    });
  return { clock, begin };
}

describe('RequestLifecycle, behind a busy event loop', () => {
  it('counts a deadline, and the stages, from when the request came', () => {
    const { clock, begin } = behind(60);
    const context = begin(50);
    assert.equal(context.cancel.isCancelled, false);
    assert.equal(context.stages.startedAt, clock.nowMs() - 30);
    assert.equal(context.deadline, clock.nowMs() + 20);
  });

  it('refuses at once what was over its deadline before it was read, and says why', () => {
    const { reason } = behind(120).begin(50).cancel;
    assert.equal(reason?.kind, 'deadline_exceeded');
    assert.match(reason!.message, /^deadline of 50 ms passed before the request was read; send a longer deadline, or/);
    assert.deepEqual(reason?.attributes, { stage: 'receive', reason: 'unread' });
  });

  it('takes what has no deadline, however late', () => {
    assert.equal(behind(10_000).begin(undefined).cancel.isCancelled, false);
  });
});
