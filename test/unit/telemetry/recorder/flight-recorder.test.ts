import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { FlightRecorder } from '../../../../src/telemetry/recorder/flight-recorder.ts';
import type { RequestRecord } from '../../../../src/telemetry/request-record.ts';
import { STAGE_ENCODE, StageClock } from '../../../../src/telemetry/stage-clock.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';

/** The nth request of a test; they end in order. */
function nth(sequence: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  const stages = new StageClock(sequence);
  stages.finish(sequence + 1);
  return requestRecord({ sequence, callerId: undefined, id: sequence.toString(36), stages, ...changes });
}

const ALL = { limit: 100 };

function sequences(recorder: FlightRecorder, filter: Parameters<FlightRecorder['list']>[0] = ALL): number[] {
  return recorder.list(filter).map(({ sequence }) => sequence);
}

describe('the flight recorder', () => {
  it('has the last requests, newest first', () => {
    const recorder = new FlightRecorder(4);
    for (let i = 1; i <= 6; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(sequences(recorder), [6, 5, 4, 3]);
    assert.deepEqual(sequences(recorder, { limit: 2 }), [6, 5]);
  });

  it('has kept ones longer, each once, and says why', () => {
    const recorder = new FlightRecorder(4);
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
    const recorder = new FlightRecorder(4);
    recorder.record(nth(1), 'slow');
    for (let i = 2; i <= 50; i++) recorder.record(nth(i), 'failed');
    assert.deepEqual(sequences(recorder), [50, 49, 48, 47, 1]);
  });

  it('finds by model, outcome and id', () => {
    const recorder = new FlightRecorder(8);
    recorder.record(nth(1, { model: 'a' }), undefined);
    recorder.record(nth(2, { model: 'b', outcome: 'overloaded' }), undefined);
    recorder.record(nth(3, { model: 'b', callerId: 'mine' }), undefined);
    recorder.record(nth(4, { model: 'b', callerId: 'mine' }), undefined);
    assert.deepEqual(sequences(recorder, { ...ALL, model: 'b' }), [4, 3, 2]);
    assert.deepEqual(sequences(recorder, { ...ALL, model: 'b', outcome: 'ok' }), [4, 3]);
    assert.equal(recorder.find('mine')?.sequence, 4);
    assert.equal(recorder.find('1')?.model, 'a');
    assert.equal(recorder.find('5'), undefined);
  });

  it('copies: what happens to a record afterwards is nothing to it', () => {
    const recorder = new FlightRecorder(4);
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
    const recorder = new FlightRecorder(4);
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
    const recorder = new FlightRecorder(0);
    recorder.record(nth(1, { batch: batchRecord() }), 'slow');
    assert.deepEqual(sequences(recorder), []);
  });
});

describe('other members of a batch', () => {
  it('are those of the same run', () => {
    const recorder = new FlightRecorder(8);
    const [batch, other] = [batchRecord(), batchRecord()];
    for (const [i, of] of [batch, other, batch, batch].entries()) recorder.record(nth(i + 1, { batch: of }), undefined);
    recorder.record(nth(5), undefined);
    const otherMembersOf = (id: string) => recorder.otherMembersOf(recorder.find(id)!);
    assert.deepEqual(otherMembersOf('1'), ['3', '4']);
    assert.deepEqual(otherMembersOf('2'), []);
    assert.deepEqual(otherMembersOf('5'), []);
    assert.equal(recorder.batchId(batch), recorder.batchId(batch));
    assert.notEqual(recorder.batchId(batch), recorder.batchId(other));
  });

  it('of a kept request are known when they themselves are gone, whether they ended before or after', () => {
    const recorder = new FlightRecorder(4);
    const batch = batchRecord();
    recorder.record(nth(1, { batch }), undefined);
    recorder.record(nth(2, { batch }), 'slow');
    recorder.record(nth(3, { batch }), undefined);
    for (let i = 4; i < 20; i++) recorder.record(nth(i), undefined);
    assert.deepEqual(recorder.otherMembersOf(recorder.find('2')!), ['1', '3']);
  });

  it('of two kept requests are each other’s', () => {
    const recorder = new FlightRecorder(4);
    const batch = batchRecord();
    recorder.record(nth(1, { batch }), 'slow');
    recorder.record(nth(2, { batch }), 'slow');
    assert.deepEqual(recorder.otherMembersOf(recorder.find('1')!), ['2']);
    assert.deepEqual(recorder.otherMembersOf(recorder.find('2')!), ['1']);
  });
});
