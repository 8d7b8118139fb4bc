import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { HistoryEndpoint } from '../../../../src/features/flight-recorder/history/history-endpoint.ts';
import {
  type HistoryReport,
  type HistoryTick,
  mergeTicks,
} from '../../../../src/features/flight-recorder/history/history-report.ts';
import { TrafficHistory } from '../../../../src/features/flight-recorder/history/traffic-history.ts';
import { percentileMs } from '../../../../src/ledger/latency-buckets.ts';
import type { RequestRecord } from '../../../../src/ledger/request-record.ts';
import { STAGE_EXECUTE, StageClock } from '../../../../src/ledger/stage-clock.ts';
import { bodyOf, startAdmin } from '../../../support/admin-harness.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { requestRecord } from '../../../support/telemetry-records.ts';
import { tell } from '../test-recorder.ts';

const MINUTE_MS = 60_000;

function harness() {
  const clock = new FakeClock();
  let cpuMicros = 0;
  const history = new TrafficHistory({ clock, settle: () => undefined, cpuMicros: () => cpuMicros });
  history.start();
  /** A request that ends now. */
  const add = (tookMs: number, more: Partial<RequestRecord> = {}): void => {
    const stages = new StageClock(clock.nowMs() - tookMs);
    stages.enter(STAGE_EXECUTE, clock.nowMs() - tookMs / 2);
    stages.finish(clock.nowMs());
    tell(history, requestRecord({ stages, deadline: clock.nowMs() + 1, rows: 2, ...more }));
  };
  const advance = (ms: number, cores = 0): void => {
    for (let left = ms; left > 0; left -= 1000) {
      cpuMicros += cores * 1000 * Math.min(1000, left);
      clock.advance(Math.min(1000, left));
    }
  };
  return { clock, history, add, advance };
}

const requestsIn = (ticks: readonly HistoryTick[]): number =>
  ticks.reduce((sum, tick) => sum + tick.versions.reduce((all, { requests }) => all + requests, 0), 0);

describe('the traffic that is remembered', () => {
  it('has counts, ends, durations and stages by version', () => {
    const { history, add, advance } = harness();
    advance(5000);
    for (let i = 0; i < 99; i++) add(10);
    add(1000, { deadline: 0 });
    add(3, { outcome: 'overloaded', error: new ServingError('overloaded', 'x', { attributes: { reason: 'memory' } }) });
    add(3, {
      outcome: 'overloaded',
      error: new ServingError('overloaded', 'x', { attributes: { reason: 'queue_full' } }),
    });
    add(1, { outcome: 'backend_failed', version: '4' });
    const [tick] = mergeTicks(history.ticks(-Infinity), 0, Infinity);
    assert.equal(tick!.span_ms, 5000);
    const [third, fourth] = tick!.versions;
    assert.equal(third!.requests, 102);
    assert.equal(third!.in_time, 99);
    assert.equal(third!.rows, 204);
    assert.deepEqual(third!.failures, { overloaded: 2 });
    assert.deepEqual(third!.refusals, { memory: 1 });
    assert.ok(Math.abs(percentileMs([third!.latency], 0.5)! - 10) < 1);
    assert.ok(Math.abs(percentileMs([third!.latency], 1)! - 1000) < 100);
    assert.ok(Math.abs(third!.stages_ms[STAGE_EXECUTE]! - (99 * 5 + 500) / 100) < 0.01);
    assert.deepEqual(fourth, {
      ...{ model: 'digits', version: '4', requests: 1, in_time: 0, rows: 2 },
      ...{ failures: { backend_failed: 1 }, latency: [], stages_ms: [] },
    });
  });

  it('reaches a quarter of an hour back, and no further', () => {
    const { history, add, advance } = harness();
    for (let minute = 0; minute < 20; minute++) {
      add(1);
      advance(MINUTE_MS);
    }
    assert.equal(requestsIn(history.ticks(-Infinity)), 15);
    assert.equal(history.ticks(-Infinity).length, 91);
  });

  it('has stretches without a gap, also where nothing came, and the cores that were busy', () => {
    const { history, advance } = harness();
    advance(30_000, 0.5);
    advance(30_000, 1.5);
    const ticks = history.ticks(-Infinity);
    for (const [i, { at_ms, span_ms }] of ticks.entries()) {
      if (i > 0) assert.equal(at_ms - span_ms, ticks[i - 1]!.at_ms);
    }
    const merged = mergeTicks(ticks, ticks[0]!.at_ms - ticks[0]!.span_ms, 30_000);
    for (const [i, cores] of [0.5, 1.5].entries()) assert.ok(Math.abs(merged[i]!.cpu_cores - cores) < 0.1);
  });

  it('gives each slot once to the writer, the last one when the server ends', () => {
    const { history, add, advance } = harness();
    let taken = 0;
    for (let turn = 0; turn < 50; turn++) {
      add(1);
      advance(4000);
      if (turn % 7 === 0) taken += requestsIn(history.take());
    }
    taken += requestsIn(history.take(true));
    assert.equal(taken, 50);
    assert.deepEqual(history.take(true), []);
  });

  it('bounds the versions: the quiet ones go first, and what has no place is counted together', () => {
    const { history, add, advance } = harness();
    advance(1000);
    for (let version = 1; version <= 70; version++) add(1, { version: String(version) });
    const names = (): readonly string[] =>
      history.ticks(-Infinity).flatMap(({ versions }) => versions.map(({ model }) => model));
    assert.equal(names().length, 65);
    assert.equal(requestsIn(history.ticks(-Infinity)), 70);
    assert.equal(names().at(-1), '(others)');
    advance(16 * MINUTE_MS);
    add(1, { version: 'new' });
    assert.deepEqual(names(), ['digits']);
  });

  it('adds up to the same, however it is cut', () => {
    const { history, add, advance } = harness();
    for (let i = 0; i < 200; i++) {
      add(1 + (i % 17), i % 5 === 0 ? { outcome: 'cancelled' } : {});
      advance(1300);
    }
    const ticks = history.ticks(-Infinity);
    const [whole] = mergeTicks(ticks, 0, Infinity);
    const [twice] = mergeTicks(mergeTicks(ticks, 0, 70_000), 0, Infinity);
    const stages = ({ versions }: HistoryTick) => versions[0]!.stages_ms;
    for (const [i, ms] of stages(whole!).entries()) assert.ok(Math.abs(ms - stages(twice!)[i]!) < 0.01);
    const rest = ({ versions, cpu_cores: _, ...tick }: HistoryTick) => ({ ...tick, ...versions[0], stages_ms: [] });
    assert.deepEqual(rest(twice!), rest(whole!));
  });
});

describe('GET /history', () => {
  async function endpoint(t: TestContext) {
    const { clock, history, add, advance } = harness();
    for (let i = 0; i < 60; i++) {
      add(1);
      add(1, { model: 'other' });
      advance(5000);
    }
    const ask = await startAdmin(t, new HistoryEndpoint({ history, clock }).paths());
    return async (query: string) => {
      const answer = await ask(`/history${query}`);
      const body = (await bodyOf(answer)).toString();
      return {
        status: answer.statusCode,
        body,
        report: answer.statusCode === 200 && (JSON.parse(body) as HistoryReport),
      };
    };
  }

  it('answers in as many steps as it is asked for, of all models or of one', async (t) => {
    const ask = await endpoint(t);
    const { report } = await ask('?since=4m&steps=4');
    assert.ok(report);
    assert.equal(report.step_ms, MINUTE_MS);
    assert.equal(report.ticks.length, 4);
    assert.deepEqual(report.restarts, []);
    const { report: whole } = await ask('?since=1h&steps=1&model=other');
    assert.ok(whole);
    assert.equal(requestsIn(whole.ticks), 60);
    const { report: before } = await ask('?since=4m&until=3m');
    assert.ok(before && requestsIn(before.ticks) >= 20 && requestsIn(before.ticks) <= 28);
  });

  it('says what is wrong with what it was asked', async (t) => {
    const ask = await endpoint(t);
    for (const [query, text] of [
      ['?since=soon', 'since=soon wants an age'],
      ['?steps=181', 'steps=181 wants a whole number from 1 to 180'],
      ['?since=1m&until=2m', 'since must be before until'],
      ['?colour=red', 'unknown parameter "colour"'],
    ] as const) {
      const { status, body } = await ask(query);
      assert.equal(status, 400);
      assert.ok(body.includes(text), body);
    }
  });
});
