import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedRefusals } from '../../../../src/scheduler/admission/shared-refusals.ts';
import { MAX_SHARED_REFUSALS, RETRY_JITTER_SHARE } from '../../../../src/scheduler/tuning.ts';

/** 0 to 1 in even steps, again and again. */
function steps(count: number): () => number {
  let step = 0;
  return () => (step++ % count) / count;
}

describe('Refusals that are shared', () => {
  it('are one error where all is the same: of a queue that stands, by their delay', () => {
    const refusals = new SharedRefusals(steps(10));
    const errors = Array.from({ length: 100 }, () => refusals.standing(20));
    const delays = errors.map(({ retryAfterMs }) => retryAfterMs!);
    assert.equal(Math.min(...delays), 20);
    assert.ok(Math.max(...delays) <= 20 * (1 + RETRY_JITTER_SHARE));
    assert.equal(new Set(errors).size, new Set(delays).size);
    assert.ok(new Set(errors).size > 2, 'retries are spread');
    for (const { message, retryAfterMs } of errors) assert.match(message, new RegExp(`retry after ${retryAfterMs} ms`));
    assert.equal(refusals.standing(0).retryAfterMs, 1);
  });

  it('of a late answer by how late it is in whole ms, by their delay, and by what it is late for', () => {
    const refusals = new SharedRefusals(() => 0);
    const error = refusals.predictedLate(4.2, false);
    assert.match(error.message, /^the answer is expected 5 ms after the request's deadline; retry after 5 ms, /);
    assert.deepEqual(error.attributes, { stage: 'admit', reason: 'predicted_late', late_ms: 5 });
    assert.equal(refusals.predictedLate(4.9, false), error);
    assert.notEqual(refusals.predictedLate(5.1, false), error);
    assert.match(refusals.predictedLate(4.2, true).message, /after the model's objective/);
    assert.equal(refusals.predictedLate(1e7, false).attributes!['late_ms'], 1e7);
  });

  it('are not kept without end', () => {
    const refusals = new SharedRefusals(() => 0);
    const first = refusals.predictedLate(1, false);
    for (let ms = 2; ms <= MAX_SHARED_REFUSALS; ms++) refusals.predictedLate(ms, false);
    assert.equal(refusals.predictedLate(1, false), first);
    refusals.predictedLate(MAX_SHARED_REFUSALS + 1, false);
    assert.notEqual(refusals.predictedLate(1, false), first);
  });
});
