import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { InferenceStatistics } from '../../../src/features/open-inference/statistics/inference-statistics.ts';
import type { StepRecord } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { batchRecord, fullStages, requestRecord } from '../../support/telemetry-records.ts';

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

  it('tell why requests failed, in the words of Triton', () => {
    const statistics = new InferenceStatistics(new FakeClock());
    const kinds = ['overloaded', 'deadline_exceeded', 'cancelled', 'backend_failed', 'worker_lost', 'invalid_request'];
    for (const outcome of kinds as readonly ErrorKind[]) statistics.recordRequest(requestRecord({ outcome }));
    assert.deepEqual(Object.fromEntries(statistics.of('digits', '3')!.failures), {
      ...{ REJECTED: 2, CANCELED: 1, BACKEND: 2, OTHER: 1 },
    });
  });

  it('count a kept answer as a success that has run nothing', () => {
    const statistics = new InferenceStatistics(new FakeClock());
    statistics.recordRequest(requestRecord({ cache: 'miss', cacheMs: 1 }));
    statistics.recordRequest(requestRecord({ cache: 'hit', cacheMs: 2 }));
    statistics.recordRequest(requestRecord({ cache: 'coalesced', cacheMs: 4 }));
    statistics.recordRequest(requestRecord({ cache: 'miss', cacheMs: 8, outcome: 'backend_failed' }));
    const { success, inferenceCount, queue, computeInfer, cacheHit, cacheMiss } = statistics.of('digits', '3')!;
    assert.deepEqual([success.count, inferenceCount, queue.count, computeInfer.count], [3, 2, 3, 1]);
    assert.deepEqual([cacheHit.count, cacheHit.ms, cacheMiss.count, cacheMiss.ms], [2, 6, 1, 1]);
  });

  it('count an ensemble’s steps with their models, and its request as a run with their times', () => {
    const statistics = new InferenceStatistics(new FakeClock());
    const step = (model: string, changes: Partial<StepRecord> = {}): StepRecord => ({
      ...{ model, version: '1', signatureName: 'serving_default', stages: fullStages(), trace: undefined },
      ...{ outcome: 'ok', batch: undefined, ...changes },
    });
    const inner = step('inner', { steps: [step('leaf')] });
    const givenUp = step('late', { stages: new StageClock(100) });
    const failing = step('weak', { outcome: 'backend_failed' });
    const steps = [step('first'), inner, step('kept', { cache: 'hit', cacheMs: 1 })];
    statistics.recordRequest(requestRecord({ model: 'all', rows: 3, steps }));
    statistics.recordRequest(requestRecord({ model: 'all', outcome: 'backend_failed', steps: [givenUp, failing] }));
    const counts = (model: string, version = '1') => {
      const found = statistics.of(model, version);
      return found && [found.success.count, found.fail.count, found.inferenceCount, found.executionCount];
    };
    assert.deepEqual(counts('all', '3'), [1, 1, 3, 1]);
    assert.deepEqual(
      [counts('first'), counts('inner'), counts('leaf')],
      [
        [1, 0, 3, 0],
        [1, 0, 3, 1],
        [1, 0, 3, 0],
      ],
    );
    assert.deepEqual([counts('kept'), counts('weak'), counts('late')], [[1, 0, 0, 0], [0, 1, 0, 0], undefined]);
    const all = statistics.of('all', '3')!;
    // Of `first`, `leaf` and `kept`, whose record here has its stages.
    assert.equal(all.computeInfer.ms, 18);
    assert.equal(all.runs.get(3)!.computeInfer.count, 1);
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
