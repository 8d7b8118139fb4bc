import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { type BatchVerdict, Breaker, verdictOf } from '../../../../src/models/serving/breaker.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function harness(failures = 3) {
  const clock = new FakeClock();
  const changes: string[] = [];
  const breaker = new Breaker({
    failures,
    windowMs: 1000,
    resetMs: 200,
    clock,
    what: 'model "m" version 1',
    onChange: (state, reason) => changes.push(`${state}: ${reason}`),
  });
  /** Runs one batch to its end; false: it was not let through. */
  const run = (verdict: BatchVerdict): boolean => {
    const epoch = breaker.begin();
    if (epoch !== undefined) breaker.settle(epoch, verdict, 'no route');
    return epoch !== undefined;
  };
  const runAll = (...verdicts: BatchVerdict[]): void => verdicts.forEach(run);
  return { clock, breaker, changes, run, runAll };
}

describe('a circuit breaker', () => {
  it('opens after so many failures, and says why and when to come again', () => {
    const { breaker, run, runAll, changes } = harness();
    runAll('failed', 'failed');
    assert.equal(breaker.state, 'closed');
    run('failed');
    assert.equal(breaker.state, 'open');
    assert.equal(run('alive'), false);
    const refusal = breaker.refusal();
    assert.equal(refusal.kind, 'backend_unavailable');
    assert.equal(refusal.retryAfterMs, 250);
    assert.match(refusal.message, /^model "m" version 1 has failed too often and is not run for now: no route; retry/);
    assert.deepEqual(changes, [
      'open: model "m" version 1 is not run for 200 ms: 3 of 3 batches failed within 1000 ms, the last with: no route',
    ]);
  });

  it('stays closed while fewer than half of the batches fail', () => {
    const { breaker, runAll } = harness();
    runAll('failed', 'alive', 'alive', 'alive', 'failed', 'alive', 'failed', 'alive');
    assert.equal(breaker.state, 'closed');
    runAll('failed', 'failed');
    assert.equal(breaker.state, 'open');
  });

  it('forgets failures that lie further back than its window', () => {
    const { breaker, clock, runAll } = harness();
    runAll('failed', 'failed');
    clock.advance(1001);
    runAll('failed', 'failed');
    assert.equal(breaker.state, 'closed');
    runAll('failed');
    assert.equal(breaker.state, 'open');
  });

  it('tries one batch after its time, and closes when that succeeds', () => {
    const { breaker, clock, runAll, run, changes } = harness();
    runAll('failed', 'failed', 'failed');
    clock.advance(199);
    assert.equal(breaker.isRefusing, true);
    clock.advance(1);
    assert.equal(breaker.isRefusing, false);
    const probe = breaker.begin();
    assert.equal(breaker.state, 'half_open');
    assert.equal(breaker.isRefusing, true);
    assert.equal(run('alive'), false);
    breaker.settle(probe!, 'alive');
    assert.equal(breaker.state, 'closed');
    assert.equal(run('alive'), true);
    assert.match(changes.at(-1)!, /^closed: model "m" version 1 answers again/);
  });

  it('opens again when the batch that it tries fails', () => {
    const { breaker, clock, runAll, run } = harness();
    runAll('failed', 'failed', 'failed');
    clock.advance(200);
    run('failed');
    assert.equal(breaker.state, 'open');
    clock.advance(199);
    assert.equal(run('alive'), false);
    clock.advance(1);
    assert.equal(run('alive'), true);
    assert.equal(breaker.state, 'closed');
  });

  it('tries another batch when the first one says nothing of the backend', () => {
    const { breaker, clock, runAll, run } = harness();
    runAll('failed', 'failed', 'failed');
    clock.advance(200);
    run('unknown');
    assert.equal(breaker.state, 'half_open');
    run('alive');
    assert.equal(breaker.state, 'closed');
  });

  it('does not count what was begun before its last change', () => {
    const { breaker, clock, runAll } = harness();
    const early = [breaker.begin()!, breaker.begin()!];
    runAll('failed', 'failed', 'failed');
    clock.advance(200);
    const probe = breaker.begin()!;
    breaker.settle(early[0]!, 'failed');
    assert.equal(breaker.state, 'half_open');
    breaker.settle(early[1]!, 'alive');
    assert.equal(breaker.state, 'half_open');
    breaker.settle(probe, 'alive');
    assert.equal(breaker.state, 'closed');
  });

  it('waits for its probe, or the next one, whatever comes late beside them', () => {
    const { breaker, clock, runAll, run } = harness();
    const early = Array.from({ length: 4 }, () => breaker.begin()!);
    runAll('failed', 'failed', 'failed');
    clock.advance(200);
    const silent = breaker.begin()!;
    breaker.settle(early[0]!, 'alive');
    breaker.settle(early[1]!, 'unknown');
    assert.equal(breaker.isRefusing, true);
    breaker.settle(silent, 'unknown');
    assert.equal(breaker.isRefusing, false);
    breaker.settle(early[2]!, 'alive');
    assert.equal(breaker.state, 'half_open');
    run('failed');
    assert.equal(breaker.state, 'open');
    clock.advance(200);
    run('alive');
    breaker.settle(early[3]!, 'failed');
    assert.equal(breaker.state, 'closed');
  });

  it('is open no longer, and for no other reason, when more batches fail that ran already', () => {
    const { breaker, clock, runAll, changes } = harness();
    const early = breaker.begin()!;
    runAll('failed', 'failed', 'failed');
    clock.advance(199);
    breaker.settle(early, 'failed', 'reset by peer');
    clock.advance(1);
    assert.equal(breaker.isRefusing, false);
    assert.equal(breaker.reason, 'no route');
    assert.equal(changes.length, 1);
  });
});

it('a failed run counts as the backend’s failure, as a sign of life, or as neither', () => {
  const verdict = (...args: ConstructorParameters<typeof ServingError>): BatchVerdict =>
    verdictOf(new ServingError(...args));
  for (const kind of ['backend_failed', 'backend_unavailable', 'worker_lost', 'internal'] as const) {
    assert.equal(verdict(kind, 'x'), 'failed', kind);
  }
  for (const kind of ['invalid_request', 'unsupported', 'too_large'] as const) {
    assert.equal(verdict(kind, 'x'), 'alive', kind);
  }
  for (const kind of ['deadline_exceeded', 'cancelled', 'overloaded', 'draining'] as const) {
    assert.equal(verdict(kind, 'x'), 'unknown', kind);
  }
  assert.equal(verdict('worker_lost', 'its workers are being replaced', { retryAfterMs: 100 }), 'unknown');
});
