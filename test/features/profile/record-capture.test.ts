import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecordCapture } from '../../../src/features/profile/record-capture.ts';
import { STAGES, StageClock } from '../../../src/ledger/stage-clock.ts';
import { batchRecord, requestRecord, traceOf } from '../../support/telemetry-records.ts';

const capture = (options: Partial<ConstructorParameters<typeof RecordCapture>[0]> = {}): RecordCapture =>
  new RecordCapture({ model: undefined, maxRequests: 3, maxBatches: 2, random: () => 0.5, ...options });

describe('what is captured of records', () => {
  it('is each request with its stages and each batch with its steps', () => {
    const records = capture();
    records.recordRequest(requestRecord({ trace: traceOf('a'), batch: batchRecord() }));
    records.recordBatch(batchRecord({ expectedMs: 4 }));
    const [request] = records.requests;
    assert.deepEqual([request!.name, request!.startMs, request!.endMs], ['Predict digits', 100, 136]);
    assert.deepEqual(
      request!.children.map(({ name, startMs }) => [name, startMs]),
      STAGES.map((name, i) => [name, [100, 101, 103, 106, 110, 115, 121, 128][i]]),
    );
    assert.equal(request!.args!['trace_id'], 'a'.repeat(32));
    const [batch] = records.batches;
    assert.deepEqual(
      batch!.children.map(({ name, startMs, endMs }) => [name, startMs, endMs]),
      [
        ['batch', 110, 115],
        ['execute', 115, 121],
        ['run', 116, 120],
        ['split', 121, 122],
      ],
    );
    assert.deepEqual([batch!.rows, batch!.size, batch!.args!['expected_ms']], [5, 8, 4]);
  });

  it('leaves out stages that lasted no time, and steps that a failed batch did not reach', () => {
    const records = capture();
    const stages = new StageClock(10);
    stages.enter(3, 12);
    stages.finish(15);
    records.recordRequest(requestRecord({ stages, model: '', outcome: 'invalid_request' }));
    records.recordBatch(batchRecord({ executeStart: 115, splitStart: 0, end: 130, outcome: 'backend_failed' }));
    assert.deepEqual(
      records.requests[0]!.children.map(({ name }) => name),
      ['receive', 'queue'],
    );
    assert.equal(records.requests[0]!.name, 'Predict');
    assert.deepEqual(
      records.batches[0]!.children.map(({ name, endMs }) => [name, endMs]),
      [
        ['batch', 115],
        ['execute', 130],
        ['run', 120],
      ],
    );
  });

  it('keeps a run inside execute, though the host’s clock is another', () => {
    const records = capture();
    records.recordBatch(batchRecord({ runStart: 114.9, runEnd: 121.3 }));
    const run = records.batches[0]!.children.find(({ name }) => name === 'run');
    assert.deepEqual([run!.startMs, run!.endMs], [115, 121]);
  });

  it('counts all, keeps a sample of many, and copies: a record may be used again', () => {
    const dice = [0.9, 0, 0.5];
    const records = capture({ random: () => dice.shift()! });
    for (let i = 0; i < 6; i++) records.recordRequest(requestRecord({ id: `${i}` }));
    assert.equal(records.seenRequests, 6);
    // The 4th is not taken (0.9 × 4), the 5th replaces the first, the 6th does not fit (0.5 × 6).
    assert.deepEqual(
      records.requests.map(({ args }) => args!['id']),
      ['4', '1', '2'],
    );
    for (let i = 0; i < 5; i++) records.recordBatch(batchRecord());
    assert.deepEqual([records.seenBatches, records.batches.length], [5, 2]);
  });

  it('is of one model where one is asked for', () => {
    const records = capture({ model: 'other' });
    records.recordRequest(requestRecord());
    records.recordBatch(batchRecord());
    records.recordRequest(requestRecord({ model: 'other' }));
    assert.deepEqual([records.seenRequests, records.seenBatches], [1, 0]);
  });
});
