/** The slowest of a minute and of an hour, where no request is slow for its version, and where many are. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { matchesEntry, type RequestQuery } from '../../../src/features/flight-recorder/query/request-query.ts';
import { requestEntry } from '../../../src/features/flight-recorder/requests-report.ts';
import type { RequestRecord } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { SteadyWall } from '../../../src/ledger/steady-wall.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { requestRecord } from '../../support/telemetry-records.ts';
import { TestRecorder } from './test-recorder.ts';

const MINUTE_MS = 60_000;
const ALL = { limit: 10_000 };

/** A request that ended at a time. */
function ended(sequence: number, at: number, tookMs: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(at - tookMs);
  stages.finish(at);
  return requestRecord({ sequence, callerId: undefined, id: sequence.toString(36), stages, ...changes });
}

/** The memory of all requests has the last ten minutes of them. */
const PER_MINUTE = 3000;

/** Fills an hour in which the request in the middle of each minute takes `slowestMs`, and others 1 to 2 ms. */
function hourOf(slowestMs: (minute: number) => number): TestRecorder {
  const recorder = new TestRecorder();
  let sequence = 0;
  for (let minute = 0; minute < 60; minute++) {
    for (let i = 0; i < PER_MINUTE; i++) {
      const at = minute * MINUTE_MS + (i * MINUTE_MS) / PER_MINUTE;
      const tookMs = i === PER_MINUTE / 2 ? slowestMs(minute) : 1 + (i % 100) / 100;
      recorder.record(ended(++sequence, at, tookMs), undefined);
    }
  }
  return recorder;
}

describe('the slowest requests', () => {
  it('of each minute reach back an hour, though none of them is slow for its version', () => {
    const recorder = hourOf((minute) => 3 + minute / 100);
    const found = recorder.list({ ...ALL, limit: 60 }, 'slowest').map(({ durationMs }) => durationMs.toFixed(2));
    assert.deepEqual(
      found,
      Array.from({ length: 60 }, (_, i) => (3 + (59 - i) / 100).toFixed(2)),
    );
  });

  it('are found by kept=slow, and say that they are the slowest of their minute', () => {
    const recorder = hourOf(() => 9);
    const view = { recorder, wall: new SteadyWall(new FakeClock()), payloads: undefined };
    const found = recorder.list({ ...ALL, kept: 'slow' }).map((one) => requestEntry(one, view));
    assert.ok(found.length >= 600);
    assert.deepEqual(new Set(found.map(({ kept }) => kept)), new Set(['slowest']));
    assert.equal(found.filter(({ duration_ms }) => duration_ms === 9).length, 60);
    const query: RequestQuery = { order: 'newest', limit: 1, kept: 'slow' };
    assert.ok(found.every((entry) => matchesEntry(entry, query)));
    assert.ok(!matchesEntry({ ...found[0]!, kept: 'recent' }, query));
  });

  it('of a fast version are not pushed out by a slow one, nor those of a minute by a burst of slow ones', () => {
    const recorder = new TestRecorder({ places: 1, minutesBytes: 2 ** 20 });
    let sequence = 0;
    for (let i = 0; i < 5000; i++) {
      recorder.record(ended(++sequence, i, 500, { model: 'slow' }), i % 2 === 0 ? 'slow' : undefined);
      recorder.record(ended(++sequence, i, i === 700 ? 4 : 1, { model: 'fast' }), undefined);
    }
    recorder.record(ended(++sequence, MINUTE_MS, 900, { model: 'slow' }), undefined);
    const slowestOf = (model: string) => recorder.list({ limit: 1, model }, 'slowest')[0]?.durationMs;
    assert.deepEqual([slowestOf('fast'), slowestOf('slow')], [4, 900]);
  });

  it('have the slowest of those that failed, behind a hundred of their kind', () => {
    const recorder = new TestRecorder({ places: 1, minutesBytes: 2 ** 20 });
    for (let i = 1; i <= 300; i++) {
      const failed = { outcome: 'deadline_exceeded' as const };
      recorder.record(ended(i, i * 10, i === 250 ? 80 : 5, failed), i < 200 ? 'failed' : undefined);
    }
    for (const at of [MINUTE_MS, 2 * MINUTE_MS]) recorder.record(ended(at, at, 1), undefined);
    assert.equal(recorder.list({ limit: 1, outcome: 'failed' }, 'slowest')[0]?.sequence, 250);
    assert.equal(recorder.list({ limit: 1, kept: 'failed' }, 'slowest')[0]?.sequence, 250);
  });

  it('are the same as those of all requests, for every minute and version, whatever comes', () => {
    const request = fc.record({ took: fc.integer({ min: 1, max: 50 }), model: fc.constantFrom('a', 'b', 'c') });
    const minutes = fc.array(fc.array(request, { maxLength: 40 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(minutes, (given) => {
        const recorder = new TestRecorder({ places: 1, minutesBytes: 1 });
        const all: RequestRecord[] = [];
        for (const [minute, requests] of given.entries()) {
          for (const [i, { took, model }] of requests.entries()) {
            all.push(ended(all.length + 1, (minute + 1) * MINUTE_MS + i, took, { model }));
            recorder.record(all.at(-1)!, undefined);
          }
        }
        const lengthOf = ({ stages }: RequestRecord) => stages.finishedAt - stages.startedAt;
        const minuteOf = (at: number) => Math.floor(at / MINUTE_MS);
        for (const [minute] of given.entries()) {
          for (const model of ['a', 'b', 'c']) {
            const wanted = all.filter((one) => one.model === model && minuteOf(one.stages.finishedAt) === minute + 1);
            const found = recorder
              .list({ ...ALL, model }, 'slowest')
              .filter(({ stages }) => minuteOf(stages.finishedAt) === minute + 1)
              .map(({ durationMs }) => durationMs);
            const most = wanted.map(lengthOf).sort((a, b) => b - a);
            assert.deepEqual(found.slice(0, 10), most.slice(0, 10));
          }
        }
      }),
    );
  });

  it('of a hundred versions are one of each at the most, and those of the rest together', () => {
    const recorder = new TestRecorder({ places: 1, minutesBytes: 2 ** 20 });
    for (let i = 1; i <= 1000; i++) {
      recorder.record(ended(i, i, i, { model: `m${i % 100}` }), undefined);
    }
    recorder.record(ended(2000, MINUTE_MS, 1, { model: 'm1' }), undefined);
    const found = recorder.list({ ...ALL, kept: 'slow' });
    assert.ok(found.length <= 31, String(found.length));
    assert.ok(found.some(({ model }) => model === 'm1'));
  });
});
