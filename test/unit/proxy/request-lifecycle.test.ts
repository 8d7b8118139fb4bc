import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { ArrivalClock } from '../../../src/ledger/arrival-clock.ts';
import { noTelemetry } from '../../../src/ledger/request-record.ts';
import { RequestLifecycle } from '../../../src/proxy/request-lifecycle.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A lifecycle on an event loop whose last turn took so long, without sleep since. */
function behind(turnMs: number) {
  const clock = new FakeClock();
  let endTurn = (): void => undefined;
  const defer = (run: () => void): void => {
    endTurn = run;
  };
  const arrivals = new ArrivalClock({ sleptMs: () => 0, defer });
  const lifecycle = new RequestLifecycle({
    clock,
    deadlines: new DeadlineTimer(clock),
    telemetry: noTelemetry,
    maxTimeoutMs: { grpc: Infinity, rest: 1000 },
    arrivals,
  });
  arrivals.arrivedAt(clock.nowMs());
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

describe('a timeout that comes with the message', () => {
  const make = (timeoutMs: number | undefined) => {
    const clock = new FakeClock();
    const deadlines = new DeadlineTimer(clock);
    const maxTimeoutMs = { grpc: Infinity, rest: 1000 };
    const lifecycle = new RequestLifecycle({ clock, deadlines, telemetry: noTelemetry, maxTimeoutMs });
    const context = lifecycle.begin({
      ...{ surface: 'grpc', method: 'ModelInfer', receivedAt: clock.nowMs(), timeoutMs },
      ...{ requestId: undefined, peer: 'test', caller: 'test', callerTrace: undefined },
    });
    return { clock, deadlines, lifecycle, context };
  };

  it('counts from the request’s arrival, and is its client’s own deadline', () => {
    const { clock, deadlines, lifecycle, context } = make(undefined);
    assert.deepEqual([context.deadline, context.hasOwnDeadline, deadlines.size], [Infinity, false, 0]);
    clock.advance(3);
    lifecycle.shorten(context, 10);
    assert.deepEqual([context.deadline, context.hasOwnDeadline, deadlines.size], [clock.nowMs() + 7, true, 1]);
    clock.advance(7);
    assert.match(context.cancel.reason!.message, /^deadline of 10 ms passed/);
    lifecycle.finish(context, context.cancel.reason);
    assert.equal(deadlines.size, 0);
  });

  it('takes the place of a later one, and leaves an earlier one', () => {
    const { clock, deadlines, lifecycle, context } = make(20);
    lifecycle.shorten(context, 30);
    assert.equal(context.deadline, clock.nowMs() + 20);
    lifecycle.shorten(context, 5);
    assert.deepEqual([context.deadline, deadlines.size], [clock.nowMs() + 5, 1]);
    lifecycle.finish(context);
    assert.equal(deadlines.size, 0);
  });

  it('ends a request at once that has taken as long', () => {
    const { clock, deadlines, lifecycle, context } = make(20);
    clock.advance(2);
    lifecycle.shorten(context, 1);
    assert.equal(context.cancel.reason?.kind, 'deadline_exceeded');
    assert.equal(deadlines.size, 0);
    lifecycle.finish(context, context.cancel.reason);
    assert.equal(lifecycle.inFlight, 0);
  });
});

/** An event loop that the test drives: turns that read, work and end, with sleep between them. */
class Loop {
  readonly clock = new FakeClock();
  readonly startedAt = this.clock.nowMs();
  #sleptMs = 0;
  #deferred: (() => void)[] = [];
  readonly arrivals = new ArrivalClock({
    sleptMs: () => this.#sleptMs,
    defer: (run) => void this.#deferred.push(run),
  });

  work(ms: number): void {
    this.clock.advance(ms);
  }

  sleep(ms: number): void {
    this.#sleptMs += ms;
    this.clock.advance(ms);
  }

  endTurn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }

  /** Time since the start. */
  read(): number {
    return this.arrivals.arrivedAt(this.clock.nowMs()) - this.startedAt;
  }
}

describe('ArrivalClock', () => {
  it('takes what woke the loop as having come now', () => {
    const loop = new Loop();
    assert.equal(loop.read(), 0);
    loop.work(3);
    loop.endTurn();
    loop.sleep(20);
    assert.equal(loop.read(), 23);
  });

  it('has all that is read in one turn come when it began, however long reading takes', () => {
    const loop = new Loop();
    loop.read();
    loop.work(40);
    assert.equal(loop.read(), 0);
  });

  it('has what a busy loop reads come halfway through its last turn', () => {
    const loop = new Loop();
    loop.read();
    loop.work(100);
    loop.endTurn();
    assert.equal(loop.read(), 50);
    loop.work(10);
    loop.endTurn();
    assert.equal(loop.read(), 105);
  });

  it('does not count the blink between two turns as sleep', () => {
    const loop = new Loop();
    loop.read();
    loop.work(100);
    loop.endTurn();
    loop.sleep(0.01);
    assert.ok(loop.read() < 60);
  });
});
