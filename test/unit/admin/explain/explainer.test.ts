import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Explainer, type ExplainerOptions } from '../../../../src/admin/explain/explainer.ts';
import { forecastWords } from '../../../../src/admin/explain/forecast-words.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../../../src/core/signature.ts';
import { Servable } from '../../../../src/models/serving/servable.ts';
import { RecentWork } from '../../../../src/telemetry/recent/recent-work.ts';
import { STAGE_BATCH, STAGE_QUEUE, StageClock } from '../../../../src/telemetry/stage-clock.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { echo, PuppetRunner } from '../../../support/puppet-models.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

const SIGNATURE: Signature = {
  inputs: new Map(),
  outputs: new Map(),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'dynamic' },
};

function servableOf(name: string): Servable {
  return new Servable(name, 1n, new Map([['serving_default', SIGNATURE]]), new PuppetRunner(echo));
}

/** Each model's share of the time for which a core runs it; every request waits for 50 ms and runs for 10. */
function explainerOf(busy: Readonly<Record<string, number>>, options: Partial<ExplainerOptions> = {}) {
  const clock = new FakeClock();
  const recent = new RecentWork(() => ({ idle: 0, active: 0 }));
  const servables = Object.keys(busy).map(servableOf);
  for (let i = 0; i < 50; i++) {
    for (const [model, share] of Object.entries(busy)) {
      const [now, version] = [clock.nowMs(), '1'];
      const stages = new StageClock(now);
      stages.enter(STAGE_QUEUE, now);
      stages.enter(STAGE_BATCH, now + 50);
      stages.finish(now + 60);
      recent.recordRequest(requestRecord({ model, version, stages, deadline: now + 100, expectedEnd: now + 55 }));
      recent.recordBatch(batchRecord({ model, version, batchStart: now, executeStart: now, end: now + 100 * share }));
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
    const broad = new Servable('a', 1n, new Map(), Object.assign(new PuppetRunner(echo), { threads: 2 }));
    const threads = explainerOf({ a: 0.95 }, { servables: () => [broad] }).explain([broad]);
    assert.match(threads[0]!.bound!.sentence, /^cores: both cores for runs are busy 9\d %/);
    const servable = servableOf('a');
    servable.host = { kind: 'inline', reason: 'it is small' };
    const inline = explainerOf({ a: 0.95 }, { servables: () => [servable], runCores: () => 1 }).explain([servable]);
    assert.match(inline[0]!.bound!.sentence, /^nothing: the event loop, on which it runs, is busy 0 % of the time/);
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
    assert.match(forecastWords({ admitted: 0, late_share: 0, forecasts: 9, error_ms }), /12 ms after it$/);
    assert.equal(forecastWords({ admitted: 0, late_share: 0, forecasts: 0 }), 'no request had a forecast');
    assert.match(forecastWords({ admitted: 3, late_share: 1, forecasts: 0 }), /^100 % of 3 admitted/);
  });
});
