import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { matchesEntry, readRequestQuery } from '../../../../src/features/flight-recorder/query/request-query.ts';
import { RequestsEndpoint } from '../../../../src/features/flight-recorder/requests-endpoint.ts';
import { StageClock } from '../../../../src/ledger/stage-clock.ts';
import { bodyOf, startAdmin } from '../../../support/admin-harness.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { requestRecord, traceOf } from '../../../support/telemetry-records.ts';
import { TestRecorder } from '../test-recorder.ts';

const HOUR_MS = 3600_000;

function between(startedAt: number, finishedAt: number): StageClock {
  const stages = new StageClock(startedAt);
  stages.finish(finishedAt);
  return stages;
}

/** Three requests, 1 h, 30 min and 1 min before now. */
async function harness(t: TestContext) {
  const clock = new FakeClock();
  clock.advance(HOUR_MS);
  const recorder = new TestRecorder();
  const shape = new ServingError('invalid_request', 'input "x" has the Shape [3]');
  const at = clock.nowMs();
  const records = [
    requestRecord({
      callerId: 'old',
      sequence: 1,
      stages: between(at - HOUR_MS, at - HOUR_MS + 9),
      trace: traceOf('b'),
    }),
    requestRecord({
      ...{ callerId: 'bad', sequence: 2, stages: between(at - HOUR_MS / 2, at - HOUR_MS / 2 + 2) },
      ...{ outcome: 'invalid_request', error: shape, peer: '10.9.9.9:4711' },
    }),
    requestRecord({ callerId: 'new', sequence: 3, version: '4', stages: between(at - 60_000, at - 60_000 + 30) }),
  ] as const;
  for (const record of records) recorder.record(record, record.outcome === 'ok' ? 'slow' : 'failed');
  const ask = await startAdmin(t, new RequestsEndpoint({ recorder, clock }).paths());
  const list = async (query: string): Promise<readonly RequestEntry[]> => {
    const answer = await ask(`/requests?${query}`);
    const body = (await bodyOf(answer)).toString();
    assert.equal(answer.statusCode, 200, body);
    return (JSON.parse(body) as { requests: RequestEntry[] }).requests;
  };
  return { ask, list, clock };
}

describe('the filters of GET /requests', () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'version=4': ['new'],
    'outcome=failed': ['bad'],
    'outcome=ok': ['new', 'old'],
    'caller=10.9.9.9': ['bad'],
    'caller=10.9.9.9:4711': ['bad'],
    'caller=10.9.9': [],
    'error=shape': ['bad'],
    'error=SHAPE': ['bad'],
    'error=nothing': [],
    'id=old': ['old'],
    [`trace=${'b'.repeat(32)}`]: ['old'],
    [`trace=${'B'.repeat(32)}`]: ['old'],
    'since=31m': ['new', 'bad'],
    'since=31m&until=15m': ['bad'],
    'until=31m': ['old'],
    'since=15m&until=31m': [],
    'order=slowest': ['new', 'old', 'bad'],
    'order=slowest&limit=1': ['new'],
    'order=newest&caller=&error=&since=': ['new', 'bad', 'old'],
  };
  for (const [query, ids] of Object.entries(cases)) {
    it(`${query} finds [${ids}], in memory and in what was written`, async (t) => {
      const { list, clock } = await harness(t);
      const found = (await list(query)).map(({ id }) => id);
      assert.deepEqual(found, ids);
      const asked = readRequestQuery(new URLSearchParams(query), clock.wallMs());
      assert.ok('order' in asked);
      const written = (await list('')).filter((entry) => matchesEntry(entry, asked)).map(({ id }) => id);
      for (const id of ids) assert.ok(written.includes(id), id);
      if (asked.limit > 1) assert.equal(written.length, ids.length);
    });
  }

  it('names every mistake', async (t) => {
    const { ask } = await harness(t);
    const answer = await ask('/requests?limit=0&since=soon&order=size&colour=red');
    assert.equal(answer.statusCode, 400);
    const text = (await bodyOf(answer)).toString();
    for (const part of [
      'limit=0 wants a whole number from 1',
      'since=soon wants an age (15m',
      'order=size wants',
      'unknown parameter "colour"',
    ]) {
      assert.ok(text.includes(part), text);
    }
  });
});
