import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { TailKeep, TailThreshold } from '../../../src/features/tail-keep/tail-keep.ts';
import type { RequestRecord } from '../../../src/ledger/request-record.ts';
import { StageClock } from '../../../src/ledger/stage-clock.ts';
import { requestRecord } from '../../support/telemetry-records.ts';

/** A request that ended at `endMs` after so long. */
function took(ms: number, endMs: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(endMs - ms);
  stages.finish(endMs);
  return requestRecord({ stages, ...changes });
}

function failed(kind: 'overloaded' | 'cancelled', endMs: number): RequestRecord {
  return took(1, endMs, { outcome: kind, error: new ServingError(kind, kind) });
}

/** Has seen 1000 requests of each model that took 1 ms. */
function experienced(...models: string[]): TailKeep {
  const tail = new TailKeep(2);
  for (const model of models) for (let i = 0; i < 1000; i++) tail.judge(took(1, i, { model }));
  return tail;
}

describe('of the requests of a model', () => {
  it('those that are slower than its own are kept', () => {
    const tail = experienced('fast', 'other');
    for (let i = 0; i < 1000; i++) tail.judge(took(50, i, { model: 'slow' }));
    assert.equal(tail.judge(took(1, 5000, { model: 'fast' })), undefined);
    assert.equal(tail.judge(took(20, 5000, { model: 'fast' })), 'slow');
    assert.equal(tail.judge(took(50, 5000, { model: 'slow' })), undefined);
    assert.equal(tail.judge(took(50, 5000, { model: 'unknown yet' })), undefined);
    assert.ok(tail.slowFromMs('slow', '3')! > 50);
    assert.equal(tail.slowFromMs('unknown yet', '3'), undefined);
  });

  it('those without rows are never slow', () => {
    assert.equal(experienced('m').judge(took(500, 5000, { model: 'm', rows: 0 })), undefined);
  });

  it('a version that was forgotten is learned anew', () => {
    const tail = experienced('m');
    tail.forgetVersion('m', '3');
    assert.equal(tail.judge(took(20, 5000, { model: 'm' })), undefined);
  });
});

describe('a second', () => {
  it('has room for so many failures of a kind, whatever comes of others', () => {
    const tail = new TailKeep(2);
    const kept = [0, 100, 200, 999].map((at) => tail.judge(failed('overloaded', at)));
    assert.deepEqual(kept, ['failed', 'failed', undefined, undefined]);
    assert.equal(tail.judge(failed('cancelled', 999)), 'failed');
    assert.equal(tail.judge(failed('overloaded', 1000)), 'failed');
  });

  it('has room for so many slow ones of a model, whatever comes of others', () => {
    const tail = experienced('a', 'b');
    const slow = (model: string, at: number) => tail.judge(took(100, at, { model }));
    assert.deepEqual([slow('a', 5000), slow('a', 5001), slow('a', 5002)], ['slow', 'slow', undefined]);
    assert.equal(slow('b', 5003), 'slow');
  });

  it('has room for none at 0', () => {
    assert.equal(new TailKeep(0).judge(failed('cancelled', 1)), undefined);
  });
});

/** The nth of a sequence that fills 0..1 evenly. */
const spread = (n: number): number => (n * 0.618_033_988_75) % 1;

describe('the latency that 99 of 100 stay under', () => {
  it('is unknown until enough was seen, and nothing is over it', () => {
    const threshold = new TailThreshold();
    for (let i = 0; i < 199; i++) assert.equal(threshold.isOver(i), false);
    assert.equal(threshold.limitMs, Infinity);
    threshold.isOver(1);
    assert.ok(threshold.limitMs < 200);
  });

  for (const scale of [0.02, 1, 250, 60_000]) {
    it(`is right to a sixteenth at ${scale} ms, and one of a hundred is over it`, () => {
      const threshold = new TailThreshold();
      let over = 0;
      for (let i = 0; i < 50_000; i++) if (threshold.isOver(scale * (1 + spread(i))) && i >= 10_000) over += 1;
      const expected = scale * 1.99;
      assert.ok(threshold.limitMs >= expected - 0.001, `${threshold.limitMs}`);
      assert.ok(threshold.limitMs <= expected * 1.07 + 0.001, `${threshold.limitMs}`);
      assert.ok(over <= 400, `${over} of 40,000`);
    });
  }

  it('has nothing over it where all are alike', () => {
    const threshold = new TailThreshold();
    for (let i = 0; i < 5000; i++) assert.equal(threshold.isOver(3), false);
    assert.equal(threshold.isOver(3.5), true);
  });

  it('follows a model that has become slower, and one that has become faster', () => {
    const threshold = new TailThreshold();
    const feed = (ms: number): void => {
      for (let i = 0; i < 100_000; i++) threshold.isOver(ms);
    };
    feed(2);
    assert.ok(threshold.limitMs < 2.2);
    feed(20);
    assert.ok(threshold.limitMs > 20 && threshold.limitMs < 22);
    feed(2);
    assert.ok(threshold.limitMs < 2.2);
  });

  it('takes any number', () => {
    const threshold = new TailThreshold();
    for (const odd of [0, -1, Number.NaN, Infinity, 1e12]) for (let i = 0; i < 300; i++) threshold.isOver(odd);
    assert.ok(threshold.limitMs > 0);
  });
});
