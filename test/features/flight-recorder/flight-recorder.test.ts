import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { collectGarbage } from '../../../src/api/contract/collect-garbage.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { RequestRing } from '../../../src/ledger/recorder/request-ring.ts';
import type { RequestRecord } from '../../../src/ledger/request-record.ts';
import { STAGE_ENCODE, StageClock } from '../../../src/ledger/stage-clock.ts';
import { batchRecord, requestRecord, traceOf } from '../../support/telemetry-records.ts';
import { TestRecorder } from './test-recorder.ts';

/** The nth request of a test; they end in order. */
function nth(sequence: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(sequence);
  stages.finish(sequence + 1);
  return requestRecord({ sequence, callerId: undefined, id: sequence.toString(36), stages, ...changes });
}

/** Remembers nothing for minutes. */
function recorderOf(places: number): TestRecorder {
  return new TestRecorder({ places, minutesBytes: 0 });
}

const ALL = { limit: 100 };

function sequences(recorder: TestRecorder, filter: Parameters<TestRecorder['list']>[0] = ALL): number[] {
  return recorder.list(filter).map(({ sequence }) => sequence);
}

describe('the flight recorder', () => {
  it('has the last requests, newest first', () => {
    const recorder = recorderOf(4);
    for (let i = 1; i <= 6; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(sequences(recorder), [6, 5, 4, 3]);
    assert.deepEqual(sequences(recorder, { limit: 2 }), [6, 5]);
  });

  it('has kept ones longer, each once, and says why', () => {
    const recorder = recorderOf(4);
    recorder.record(nth(1), 'slow');
    recorder.record(nth(2), 'failed');
    assert.deepEqual(sequences(recorder), [2, 1]);
    for (let i = 3; i <= 9; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(sequences(recorder), [9, 8, 7, 6, 2, 1]);
    assert.deepEqual(sequences(recorder, { kept: 'slow', limit: 9 }), [1]);
    assert.deepEqual(
      recorder.list({ kept: 'failed', limit: 9 }).map(({ sequence, kept }) => [sequence, kept]),
      [[2, 'failed']],
    );
  });

  it('a storm of one kind leaves the other kind alone', () => {
    const recorder = recorderOf(4);
    recorder.record(nth(1), 'slow');
    for (let i = 2; i <= 50; i++) recorder.record(nth(i), 'failed');
    assert.deepEqual(sequences(recorder), [50, 49, 48, 47, 1]);
  });

  it('finds by model, outcome and id', () => {
    const recorder = recorderOf(8);
    recorder.record(nth(1, { model: 'a' }), undefined);
    recorder.record(nth(2, { model: 'b', outcome: 'overloaded' }), undefined);
    recorder.record(nth(3, { model: 'b', callerId: 'mine' }), undefined);
    recorder.record(nth(4, { model: 'b', callerId: 'mine' }), undefined);
    assert.deepEqual(sequences(recorder, { ...ALL, model: 'b' }), [4, 3, 2]);
    assert.deepEqual(sequences(recorder, { ...ALL, model: 'b', outcome: 'ok' }), [4, 3]);
    assert.equal(recorder.open('mine')?.sequence, 4);
    assert.equal(recorder.open('1')?.model, 'a');
    assert.equal(recorder.open('5'), undefined);
  });

  it('says how the cache served a request, and what the steps of an ensemble were', () => {
    const recorder = recorderOf(8);
    for (const [i, cache] of (['hit', 'coalesced', 'miss', undefined] as const).entries()) {
      recorder.record(nth(i + 1, { cache }), undefined);
    }
    recorder.record(nth(5, { cache: 'hit' }), 'slow');
    assert.deepEqual(
      recorder.list(ALL).map(({ cache }) => cache),
      ['hit', undefined, 'miss', 'coalesced', 'hit'],
    );
    const stages = new StageClock(5);
    stages.finish(7);
    const inner = { model: 'b', version: '2', signatureName: 's', stages, trace: undefined, batch: batchRecord() };
    const step = { ...inner, model: 'a', outcome: 'ok', batch: undefined, cache: 'hit' } as const;
    recorder.record(nth(6, { steps: [{ ...step, steps: [{ ...inner, outcome: 'cancelled' }] }] }), undefined);
    const [found] = recorder.list(ALL);
    assert.deepEqual(found!.steps, [
      {
        ...{ model: 'a', version: '2', outcome: 'ok', cache: 'hit', startedAt: 5, finishedAt: 7, rows: undefined },
        steps: [
          {
            ...{ model: 'b', version: '2', outcome: 'cancelled', cache: undefined, startedAt: 5, finishedAt: 7 },
            ...{ rows: 5, steps: undefined },
          },
        ],
      },
    ]);
  });

  it('copies: what happens to a record afterwards is nothing to it', () => {
    const recorder = recorderOf(4);
    const record = { ...nth(1), rows: 7 };
    recorder.record(record, undefined);
    record.rows = 9;
    record.stages.enter(STAGE_ENCODE, 99);
    const [copy] = recorder.list(ALL);
    assert.deepEqual(
      [copy!.rows, copy!.stages.reached, copy!.stages.startedAt, copy!.durationMs],
      [7, 'receive', 1, 1],
    );
  });

  it('holds no more of a text than it shows, and nothing of an error’s cause', () => {
    const recorder = recorderOf(4);
    const error = new ServingError('internal', 'm'.repeat(9999), { cause: new Error('secret') });
    recorder.record(
      nth(1, { error, outcome: 'internal', callerId: 'i'.repeat(9999), peer: 'p'.repeat(9999) }),
      'failed',
    );
    const [copy] = recorder.list(ALL);
    assert.deepEqual([copy!.id.length, copy!.peer.length, copy!.error!.message.length], [512, 512, 512]);
    assert.deepEqual(Object.keys(copy!.error!), ['kind', 'message']);
  });

  it('with no places records nothing', () => {
    const recorder = recorderOf(0);
    recorder.record(nth(1, { batch: batchRecord() }), 'slow');
    assert.deepEqual(sequences(recorder), []);
  });
});

describe('minutes of requests', () => {
  /** The nth of many that come at `rate` a second. */
  const at = (n: number, rate: number, changes: Partial<RequestRecord> = {}): RequestRecord => {
    const stages = new StageClock((n * 1000) / rate);
    stages.finish((n * 1000) / rate + 1);
    return nth(n, { stages, ...changes });
  };

  it('are all there at 120 a second', () => {
    const recorder = new TestRecorder();
    const last = 120 * 130;
    for (let n = 1; n <= last; n++) recorder.record(at(n, 120, { batch: batchRecord() }), undefined);
    assert.equal(recorder.list({ limit: Infinity }).length, last);
    assert.equal(recorder.open((1).toString(36))?.sequence, 1);
  });

  it('reach back as long at 10,000 a second, with a part of the requests', () => {
    const recorder = new TestRecorder();
    for (let n = 1; n <= 300_000; n++) recorder.record(at(n, 10_000), undefined);
    const all = sequences(recorder, { limit: Infinity });
    assert.equal(all.at(-1), 1);
    assert.ok(all.length > 7000 && all.length < 8600, String(all.length));
  });

  it('take no more memory than they may, also with long texts', () => {
    const mib = 2 ** 20;
    const recorder = new TestRecorder({ places: 1, minutesBytes: 2 * mib });
    collectGarbage();
    const before = process.memoryUsage();
    for (let n = 1; n <= 20_000; n++) {
      const error = new ServingError('internal', `m${n}`.padEnd(999, '.'));
      const callerId = `i${n}`.padEnd(100, '.');
      const changes = n % 2 === 0 ? {} : { error, outcome: 'internal' as const, callerId };
      recorder.record(at(n, 100, { batch: batchRecord(), trace: traceOf('a'), ...changes }), undefined);
    }
    collectGarbage();
    const after = process.memoryUsage();
    const taken = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    const newestRing = 512 * 2048;
    assert.ok(taken < 2 * mib + newestRing, `${taken / mib} MiB`);
    assert.ok(recorder.list({ limit: Infinity }).length > 1000);
  });

  it('hold what a request needs: an estimate is no less than what V8 takes', () => {
    const ring = new RequestRing(20_000);
    collectGarbage();
    const before = process.memoryUsage();
    for (let n = 1; n <= 20_000; n++) {
      const trace = { ...traceOf('a'), traceId: `${n}`.padEnd(32, 'a'), spanId: `${n}`.padEnd(16, 'b') };
      ring.add(at(n, 100, { batch: batchRecord(), trace, callerId: `caller ${n}` }), undefined);
    }
    collectGarbage();
    const after = process.memoryUsage();
    const columns = 20_000 * 168;
    assert.ok(after.heapUsed - before.heapUsed + columns <= ring.estimateBytes() * 1.1);
  });

  it('count what a caller sends with its trace: baggage, tags', () => {
    const ring = new RequestRing(2000);
    collectGarbage();
    const before = process.memoryUsage();
    for (let n = 1; n <= 2000; n++) {
      const extra = { datadog: { tags: Buffer.alloc(512, `${n}`).toString(), origin: `${n}`.padEnd(128, '.') } };
      const trace = { ...traceOf('a'), baggage: Buffer.alloc(8192, `a=${n}`).toString(), extra };
      ring.add(at(n, 100, { trace }), undefined);
    }
    collectGarbage();
    const taken = process.memoryUsage().heapUsed - before.heapUsed;
    assert.ok(taken <= ring.estimateBytes(), `${taken} bytes, ${ring.estimateBytes()} estimated`);
  });
});

describe('what somebody has seen', () => {
  it('stays findable: what was listed for a while, what was opened for longer', () => {
    const recorder = recorderOf(4);
    recorder.record(nth(1), undefined);
    recorder.record(nth(2), undefined);
    recorder.list(ALL);
    recorder.open('2');
    for (let i = 3; i < 10; i++) recorder.record(nth(i), undefined);
    assert.equal(recorder.open('1')?.sequence, 1);
    for (let i = 10; i < 3000; i++) {
      recorder.record(nth(i), undefined);
      recorder.list({ limit: 1 });
    }
    assert.equal(recorder.open('3'), undefined);
    assert.deepEqual([recorder.open('1')?.sequence, recorder.open('2')?.sequence], [1, 2]);
    for (let i = 3000; i < 3200; i++) {
      recorder.record(nth(i), undefined);
      recorder.open(i.toString(36));
    }
    assert.equal(recorder.open('2'), undefined);
  });

  it('is the newest request of an id that came twice', () => {
    const recorder = recorderOf(4);
    recorder.record(nth(1, { callerId: 'mine' }), undefined);
    assert.equal(recorder.open('mine')?.sequence, 1);
    recorder.record(nth(2, { callerId: 'mine' }), undefined);
    assert.equal(recorder.open('mine')?.sequence, 2);
    const listed = recorderOf(4);
    for (const n of [1, 2]) listed.record(nth(n, { callerId: 'mine' }), undefined);
    listed.list(ALL);
    for (let i = 3; i < 20; i++) listed.record(nth(i), undefined);
    assert.equal(listed.open('mine')?.sequence, 2);
  });

  it('knows its batch mates when they are gone', () => {
    const recorder = recorderOf(4);
    const batch = batchRecord();
    recorder.record(nth(1, { batch }), undefined);
    recorder.record(nth(2, { batch }), undefined);
    recorder.open('1');
    for (let i = 3; i < 20; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(recorder.otherMembersOf(recorder.open('1')!), ['2']);
  });
});

describe('other members of a batch', () => {
  it('are those of the same run', () => {
    const recorder = recorderOf(8);
    const [batch, other] = [batchRecord(), batchRecord()];
    for (const [i, of] of [batch, other, batch, batch].entries()) recorder.record(nth(i + 1, { batch: of }), undefined);
    recorder.record(nth(5), undefined);
    const otherMembersOf = (id: string) => recorder.otherMembersOf(recorder.open(id)!);
    assert.deepEqual(otherMembersOf('1'), ['3', '4']);
    assert.deepEqual(otherMembersOf('2'), []);
    assert.deepEqual(otherMembersOf('5'), []);
    assert.equal(recorder.batchId(batch), recorder.batchId(batch));
    assert.notEqual(recorder.batchId(batch), recorder.batchId(other));
  });

  it('of a kept request are known when they themselves are gone, whether they ended before or after', () => {
    const recorder = recorderOf(4);
    const batch = batchRecord();
    recorder.record(nth(1, { batch }), undefined);
    recorder.record(nth(2, { batch }), 'slow');
    recorder.record(nth(3, { batch }), undefined);
    for (let i = 4; i < 20; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(recorder.otherMembersOf(recorder.open('2')!), ['1', '3']);
  });

  it('of two kept requests are each other’s', () => {
    const recorder = recorderOf(4);
    const batch = batchRecord();
    recorder.record(nth(1, { batch }), 'slow');
    recorder.record(nth(2, { batch }), 'slow');
    assert.deepEqual(recorder.otherMembersOf(recorder.open('1')!), ['2']);
    assert.deepEqual(recorder.otherMembersOf(recorder.open('2')!), ['1']);
  });
});
