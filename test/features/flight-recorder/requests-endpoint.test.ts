import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { RequestEntry } from '../../../src/admin/request-entry.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { RequestsEndpoint } from '../../../src/features/flight-recorder/requests-endpoint.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { bodyOf, startAdmin } from '../../support/admin-harness.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, requestRecord, traceOf } from '../../support/telemetry-records.ts';
import { TestRecorder } from './test-recorder.ts';

async function harness(t: TestContext) {
  const clock = new FakeClock();
  const recorder = new TestRecorder();
  const ask = await startAdmin(t, new RequestsEndpoint({ recorder, clock }).paths());
  const list = async (query = ''): Promise<RequestEntry[]> => {
    const answer = await ask(`/requests${query}`);
    assert.equal(answer.headers['content-type'], 'application/json');
    return (JSON.parse((await bodyOf(answer)).toString()) as { requests: RequestEntry[] }).requests;
  };
  return { ask, list, recorder, clock };
}

const refused = new ServingError('overloaded', 'the queue is full', { retryAfterMs: 5 });

describe('GET /requests', () => {
  it('shows a request whole', async (t) => {
    const { list, recorder } = await harness(t);
    const batch = batchRecord({ expectedMs: 3 });
    recorder.record(requestRecord({ batch, trace: traceOf('a') }), 'slow');
    recorder.record(requestRecord({ batch, id: 'mate', callerId: 'mate', sequence: 2 }), undefined);
    const entry = (await list('?kept=slow')).find(({ kept }) => kept === 'slow');
    assert.deepEqual(entry, {
      id: 'request-1',
      trace_id: 'a'.repeat(32),
      surface: 'grpc',
      method: 'Predict',
      model: 'digits',
      version: '3',
      signature: 'serving_default',
      rows: 2,
      request_bytes: 640,
      response_bytes: 80,
      outcome: 'ok',
      peer: '10.1.2.3:50123',
      received_at: '2023-11-14T22:13:20.100Z',
      duration_ms: 36,
      stages: [
        { name: 'receive', start_ms: 0, duration_ms: 1 },
        { name: 'decode', start_ms: 1, duration_ms: 2 },
        { name: 'admit', start_ms: 3, duration_ms: 3 },
        { name: 'queue', start_ms: 6, duration_ms: 4 },
        { name: 'batch', start_ms: 10, duration_ms: 5 },
        { name: 'execute', start_ms: 15, duration_ms: 6 },
        { name: 'split', start_ms: 21, duration_ms: 7 },
        { name: 'encode', start_ms: 28, duration_ms: 8 },
      ],
      kept: 'slow',
      batch: {
        id: 'b1',
        rows: 5,
        size: 8,
        tasks: 2,
        reason: 'slot_free',
        expected_ms: 3,
        run_ms: 4,
        mates: ['mate'],
      },
      has_payload: false,
    });
  });

  it('shows the cache and the steps', async (t) => {
    const { list, recorder } = await harness(t);
    const stages = new StageClock(112);
    stages.finish(120);
    const step = { model: 'm', version: '1', signatureName: 's', stages, trace: undefined, outcome: 'ok' } as const;
    recorder.record(requestRecord({ cache: 'miss', steps: [{ ...step, batch: batchRecord() }] }), undefined);
    const [entry] = await list();
    assert.equal(entry!.cache, 'miss');
    assert.deepEqual(entry!.steps, [
      { model: 'm', version: '1', outcome: 'ok', rows: 5, start_ms: 12, duration_ms: 8 },
    ]);
  });

  it('shows what happened on the way, and when', async (t) => {
    const { list, recorder } = await harness(t);
    const attributes = { 'inference.reason': 'pushback' };
    recorder.record(requestRecord({ events: [{ name: 'inference.retry', at: 112.5, attributes }] }), undefined);
    const [entry] = await list();
    assert.deepEqual(entry!.events, [{ name: 'inference.retry', at_ms: 12.5, attributes }]);
  });

  it('shows how one failed, and the stage that it ended in', async (t) => {
    const { list, recorder } = await harness(t);
    const stages = new StageClock(0);
    stages.enter(2, 4);
    stages.finish(4);
    recorder.record(requestRecord({ stages, outcome: 'overloaded', error: refused }), 'failed');
    const [entry] = await list('?outcome=overloaded');
    assert.deepEqual(entry!.error, { kind: 'overloaded', message: 'the queue is full' });
    assert.deepEqual(entry!.stages, [
      { name: 'receive', start_ms: 0, duration_ms: 4 },
      { name: 'admit', start_ms: 4, duration_ms: 0 },
    ]);
    assert.equal('batch' in entry!, false);
  });

  it('picks', async (t) => {
    const { list, recorder } = await harness(t);
    for (let i = 1; i <= 150; i++) {
      recorder.record(requestRecord({ sequence: i, callerId: `r${i}`, model: i % 2 ? 'odd' : 'even' }), undefined);
    }
    const ids = async (query: string) => (await list(query)).map(({ id }) => id);
    assert.equal((await list()).length, 100);
    assert.deepEqual(await ids('?model=even&limit=2'), ['r150', 'r148']);
    assert.equal((await list('?limit=1000&model=')).length, 150);
    assert.deepEqual(await ids('?model=none'), []);
  });

  it('says what is wrong with what it was asked', async (t) => {
    const { ask } = await harness(t);
    const answer = await ask('/requests?limit=0&outcome=bad&kept=long&sort=size');
    assert.equal(answer.statusCode, 400);
    const text = (await bodyOf(answer)).toString();
    for (const part of ['unknown parameter "sort"', 'limit=0 wants', 'outcome=bad wants one of ok,', 'kept=long']) {
      assert.ok(text.includes(part), text);
    }
  });

  it('is for this machine alone', async (t) => {
    const { ask } = await harness(t);
    assert.equal((await ask('/requests', { host: 'evil.example' })).statusCode, 403);
  });
});

describe('GET /requests/ID', () => {
  it('shows one, whatever is in its id', async (t) => {
    const { ask, recorder } = await harness(t);
    recorder.record(requestRecord({ callerId: 'a b/ü', sequence: 1 }), undefined);
    const answer = await ask(`/requests/${encodeURIComponent('a b/ü')}`);
    assert.equal((JSON.parse((await bodyOf(answer)).toString()) as RequestEntry).id, 'a b/ü');
  });

  it('says so where there is none', async (t) => {
    const { ask } = await harness(t);
    for (const path of ['/requests/x', '/requests/', '/requests/%zz']) assert.equal((await ask(path)).statusCode, 404);
  });
});
