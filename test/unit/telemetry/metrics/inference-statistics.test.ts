import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { InferenceStatistics } from '../../../../src/telemetry/metrics/inference-statistics.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

const failed = { outcome: 'overloaded', error: new ServingError('overloaded', 'full') } as const;

describe('the statistics of a version', () => {
  it('are unknown before its first request', () => {
    assert.equal(new InferenceStatistics(new FakeClock()).of('digits', '3'), undefined);
  });

  it('add up requests by outcome and stage, rows, and runs by their size', () => {
    const statistics = new InferenceStatistics(new FakeClock());
    for (const rows of [2, 3]) statistics.recordRequest(requestRecord({ rows }));
    statistics.recordRequest(requestRecord(failed));
    statistics.recordBatch(batchRecord());
    statistics.recordBatch(batchRecord({ rows: 1 }));
    statistics.recordBatch(batchRecord());
    statistics.recordBatch(batchRecord({ outcome: 'backend_failed' }));
    const found = statistics.of('digits', '3')!;
    const time = (count: number, ms: number) => ({ count, ms });
    const plain = (total: { count: number; ms: number }) => time(total.count, total.ms);
    assert.deepEqual([found.inferenceCount, found.executionCount], [5, 3]);
    assert.deepEqual(plain(found.success), time(2, 72));
    assert.deepEqual(plain(found.fail), time(1, 36));
    assert.deepEqual([found.queue, found.computeInput, found.computeInfer, found.computeOutput].map(plain), [
      time(2, 8),
      time(2, 10),
      time(2, 12),
      time(2, 14),
    ]);
    assert.deepEqual([...found.runs.keys()], [5, 1]);
    const { computeInput, computeInfer, computeOutput } = found.runs.get(5)!;
    assert.deepEqual([computeInput, computeInfer, computeOutput].map(plain), [time(2, 10), time(2, 12), time(2, 2)]);
  });

  it('tell the wall-clock time of the last request', () => {
    const clock = new FakeClock();
    const statistics = new InferenceStatistics(clock);
    statistics.recordBatch(batchRecord());
    assert.equal(statistics.of('digits', '3')!.lastInferenceMs, 0);
    statistics.recordRequest(requestRecord());
    assert.equal(statistics.of('digits', '3')!.lastInferenceMs, clock.wallOffsetMs + 136);
  });

  it('are kept apart by version, and forgotten with it', () => {
    const statistics = new InferenceStatistics(new FakeClock());
    statistics.recordRequest(requestRecord());
    statistics.recordRequest(requestRecord({ version: '4' }));
    statistics.recordRequest(requestRecord({ model: '', version: '' }));
    statistics.forgetVersion('digits', '3');
    assert.equal(statistics.of('digits', '3'), undefined);
    assert.equal(statistics.of('digits', '4')!.success.count, 1);
    assert.equal(statistics.of('', ''), undefined);
    statistics.recordRequest(requestRecord());
    assert.equal(statistics.of('digits', '3')!.success.count, 1);
  });
});
