import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forecastWords } from '../../../src/admin/forecast-words.ts';
import type { SessionPlan } from '../../../src/core/executor.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../../src/core/signature.ts';
import { Explainer, type ExplainerOptions } from '../../../src/features/explain/explainer.ts';
import { RecentWork } from '../../../src/features/explain/recent-work.ts';
import { STAGE_BATCH, STAGE_QUEUE, StageClock } from '../../../src/ledger/stage-clock.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { emptyTotals } from '../../support/columns.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { echo, PuppetRunner } from '../../support/puppet-models.ts';
import { batchRecord, requestRecord } from '../../support/telemetry-records.ts';

const ONE: SessionPlan = { sessions: 1, threads: 1 };
const SIGNATURE: Signature = {
  inputs: new Map(),
  outputs: new Map(),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'dynamic' },
};

function servableOf(name: string, ...sessions: readonly SessionPlan[]): Servable {
  const servable = new Servable(name, 1n, new Map([['serving_default', SIGNATURE]]), new PuppetRunner(echo));
  servable.findings.host = { kind: 'thread', reason: 'default', sessions };
  return servable;
}

/**
 * Each model's share of the time for which a run of it is under way; every request waits for 70 ms and runs for 10. The
 * i-th batch runs on `threads[i % threads.length]` threads.
 */
function explainerOf(
  busy: Readonly<Record<string, number>>,
  options: Partial<ExplainerOptions> = {},
  threads: readonly number[] = [1],
) {
  const clock = new FakeClock();
  const totals = emptyTotals();
  const recent = new RecentWork(totals, () => ({ idle: 0, active: 0 }));
  const servables = Object.keys(busy).map((name) => servableOf(name, ONE));
  for (let i = 0; i < 50; i++) {
    for (const [model, share] of Object.entries(busy)) {
      const [now, version] = [clock.nowMs(), '1'];
      const stages = new StageClock(now);
      stages.enter(STAGE_QUEUE, now);
      stages.enter(STAGE_BATCH, now + 70);
      stages.finish(now + 80);
      recent.recordRequest(requestRecord({ model, version, stages, deadline: now + 100, expectedEnd: now + 75 }));
      const run = { batchStart: now, executeStart: now, end: now + 100 * share, threads: threads[i % threads.length]! };
      totals.recordBatch(batchRecord({ model, version, ...run }));
    }
    clock.advance(100);
  }
  const plan = { sloMsOf: () => undefined, runCores: () => 2, cores: 3, isBatching: true };
  const explainer = new Explainer({ clock, recent, servables: () => servables, ...plan, ...options });
  return { clock, explain: (of: readonly Servable[] = servables) => of.map(explainer.look()) };
}

describe('the explainer', () => {
  it('adds up what all models take of the cores', () => {
    const [first, second] = explainerOf({ a: 1, b: 0.9 }).explain();
    for (const { bound } of [first!, second!]) {
      assert.match(bound!.sentence, /^cores: both cores for runs are busy 9\d % of the time; /);
      assert.match(bound!.sentence, /`pillion what-if --cores=4`/);
    }
  });

  it('counts the threads of a run, and not the runs on the event loop', () => {
    const [broad] = explainerOf({ a: 0.95 }, {}, [2]).explain();
    assert.match(broad!.bound!.sentence, /^cores: both cores for runs are busy 9\d %/);
    const servable = servableOf('a');
    servable.findings.host = { kind: 'inline', reason: 'it is small' };
    const inline = explainerOf({ a: 0.95 }, { servables: () => [servable], runCores: () => 1 }).explain([servable]);
    assert.match(inline[0]!.bound!.sentence, /^nothing: the event loop, on which it runs, is busy 0 % of the time/);
  });

  it('counts each run with the threads that it had, whichever plan is in use now', () => {
    const servable = servableOf('a', { sessions: 2, threads: 1 }, { sessions: 1, threads: 2 });
    const of = (runCores: number, threads: readonly number[]): string => {
      const options = { servables: () => [servable], runCores: () => runCores };
      return explainerOf({ a: 0.6 }, options, threads).explain([servable])[0]!.bound!.sentence;
    };
    // Runs take 0.6 of the time: 0.6 cores, 1.2, and 0.9 where every second one has two threads.
    assert.match(of(2, [1]), /^nothing: both cores for runs are busy 3\d % of the time/);
    assert.match(of(2, [2]), /^nothing: both cores for runs are busy 6\d % of the time/);
    assert.match(of(2, [1, 2]), /^nothing: both cores for runs are busy 4\d % of the time/);
  });

  it('calls its sessions full where the largest plan is', () => {
    const of = (share: number, threads: readonly number[], ...sessions: readonly SessionPlan[]): string => {
      const servable = servableOf('a', ...sessions);
      const options = { servables: () => [servable], runCores: () => 8 };
      return explainerOf({ a: share }, options, threads).explain([servable])[0]!.bound!.sentence;
    };
    const wide = { sessions: 1, threads: 2 };
    assert.match(of(0.95, [1], ONE), /^cores: the core that its sessions can take is busy 9\d %/);
    assert.match(of(0.95, [2], ONE, wide), /^cores: the 2 cores that its sessions can take are busy 9\d %/);
    assert.match(of(0.95, [1, 2], ONE, wide), /^nothing: the 8 cores for runs are busy 1\d %/, 'busy for 0.71');
    // Half of its batches run on two threads, and the others two at a time.
    assert.match(of(1.3, [1, 2], { sessions: 2, threads: 1 }, wide), /^cores: the 2 cores .* are busy 9\d %/);
  });

  it('has the errors of forecasts in words, and nothing after a rest', () => {
    const { clock, explain } = explainerOf({ a: 0.1 });
    const { forecast } = explain()[0]!;
    assert.deepEqual([forecast!.admitted, forecast!.forecasts, forecast!.late_share], [50, 50, 0]);
    assert.match(
      forecastWords(forecast!),
      /^half of 50 answers came at most 5(\.\d)? ms after their forecast, 99 % at most /,
    );
    clock.advance(600_000);
    assert.deepEqual(explain(), [{}]);
  });
});

describe('forecasts in words', () => {
  const error_ms = { p50: -2.13, p90: -1, p99: 0.31, p99_5: 12.3 };

  it('say what was early and what was late', () => {
    assert.equal(
      forecastWords({ admitted: 200, late_share: 0.015, forecasts: 199, error_ms }),
      'half of 199 answers came 2.1 ms or more before their forecast, 99 % at most 0.31 ms after it, 99.5 % at most 12 ms after it; ' +
        '1.5 % of 200 admitted requests with a deadline were late',
    );
  });

  it('say less where less is known', () => {
    assert.match(forecastWords({ admitted: 0, late_share: 0, forecasts: 19, error_ms }), /12 ms after it$/);
    assert.equal(
      forecastWords({ admitted: 0, late_share: 0, forecasts: 1, error_ms }),
      'there are too few yet to say how far they are off',
    );
    assert.equal(forecastWords({ admitted: 0, late_share: 0, forecasts: 0 }), 'no request had a forecast');
    assert.match(forecastWords({ admitted: 3, late_share: 1, forecasts: 0 }), /^100 % of 3 admitted/);
  });
});
