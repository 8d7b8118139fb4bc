import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelSignal, clientLeft } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { KeptMemory } from '../../../src/models/memory/kept-memory.ts';
import type { Behaviour } from '../../support/puppet-models.ts';
import { SequenceBench as Bench, held, lost, numbers, turn, vector } from './sequence-bench.ts';

describe('SequenceTable', () => {
  it('gives each step the state of the one before, from zeros on, with as many rows as the request', async () => {
    const bench = new Bench();
    assert.deepEqual(await bench.step('7', 'start', [1, 10]), [1, 10]);
    assert.deepEqual(await bench.step('7', '', [2, 20]), [3, 30]);
    assert.equal(bench.table.bytes, 8);
    assert.deepEqual(await bench.step('7', 'end', [3, 30]), [6, 60]);
    assert.deepEqual([bench.table.open, bench.table.bytes], [0, 0]);
    await assert.rejects(bench.step('7', '', 1), lost(/has ended/));
  });

  it('a number and a text that print alike are one id', async () => {
    const bench = new Bench();
    await bench.step('7', 'start', 1);
    const step = { owner: 'ann', step: { id: 7n, start: false, end: false } };
    assert.equal(bench.table.acquire(step, {}, assert.fail).servable, bench.servable);
  });

  it('a first step may bring a state of its own; a later one may not', async () => {
    const bench = new Bench();
    assert.deepEqual(await bench.step('7', 'start', 1, { inputs: { state: vector(40) } }), [41]);
    await assert.rejects(
      bench.step('7', '', 1, { inputs: { state: vector(1) } }),
      /"state" is the state of the sequence/,
    );
    assert.deepEqual(await bench.step('7', '', 1), [42]);
  });

  it('the next state is given where it is asked for', async () => {
    const bench = new Bench();
    assert.deepEqual(await bench.step('7', 'start', 5, { outputs: ['stateN', 'y'] }), [5]);
    assert.deepEqual(bench.inner.requests[0]!.outputs, ['stateN', 'y']);
  });

  it('steps of a sequence have turns; those of others do not wait for them', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const first = bench.step('7', 'start', 1);
    const second = bench.step('7', '', 2);
    const other = bench.step('8', 'start', 5);
    assert.equal(bench.inner.requests.length, 2);
    answers[1]!(true);
    assert.deepEqual(await other, [5]);
    answers[0]!(true);
    assert.deepEqual(await first, [1]);
    await turn();
    assert.equal(bench.inner.requests.length, 3);
    answers[2]!(true);
    assert.deepEqual(await second, [3]);
  });

  it('a step that is cancelled while it waits leaves the line; the next one goes on', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const first = bench.step('7', 'start', 1);
    const cancel = new CancelSignal();
    const second = bench.step('7', '', 100, { cancel });
    const third = bench.step('7', '', 2);
    const late = new ServingError('deadline_exceeded', 'too late');
    cancel.cancel(late);
    await assert.rejects(second, late);
    answers[0]!(true);
    await first;
    await turn();
    answers[1]!(true);
    assert.deepEqual(await third, [3]);
  });

  it('a step that fails or is cancelled while it runs has changed nothing', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const start = bench.step('7', 'start', 1);
    answers[0]!(true);
    await start;
    const failing = bench.step('7', '', 10);
    answers[1]!(false);
    await assert.rejects(failing, /it broke/);
    const cancel = new CancelSignal();
    const leaving = bench.step('7', 'end', 100, { cancel });
    cancel.cancel(clientLeft('execute'));
    await assert.rejects(leaving, { kind: 'cancelled' });
    const going = bench.step('7', '', 2);
    answers[3]!(true);
    assert.deepEqual(await going, [3]);
  });

  it('a start that fails leaves no sequence, whatever ran before, and refuses the steps behind it', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const first = bench.step('7', 'start', 1);
    answers[0]!(true);
    await first;
    const again = bench.step('7', 'start', 2);
    const behind = bench.step('7', '', 3);
    answers[1]!(false);
    await assert.rejects(again, /it broke/);
    await assert.rejects(behind, lost(/its first step was refused or failed/));
    assert.deepEqual([bench.table.open, bench.table.bytes], [0, 0]);
  });

  it('a start that is refused before it runs leaves no sequence either', async () => {
    const bench = new Bench();
    const start = { owner: 'ann', step: { id: '7', start: true, end: false } };
    const refuse = (): never => {
      throw new ServingError('model_not_ready', 'still loading');
    };
    await bench.step('7', 'start', 1);
    assert.throws(() => bench.table.acquire(start, {}, refuse), /still loading/);
    await assert.rejects(bench.step('7', '', 2), lost(/its first step was refused or failed/));
    assert.deepEqual([bench.table.open, bench.table.bytes], [0, 0]);
    // Its inputs are wrong, say: it is resolved, and never enters.
    await bench.step('7', 'start', 1);
    bench.table.acquire(start, {}, () => bench.servable.borrow()).release();
    await assert.rejects(bench.step('7', '', 2), lost(/its first step was refused or failed/));
    assert.deepEqual(await bench.step('7', 'start', 5), [5]);
    assert.deepEqual(await bench.step('7', '', 2), [7]);
  });

  it('a step that was resolved before a new start does not run in the new sequence', async () => {
    const bench = new Bench();
    await bench.step('7', 'start', 1);
    const step = { owner: 'ann', step: { id: '7', start: false, end: false } };
    const before = bench.table.stepOf(step, bench.servable);
    await bench.step('7', 'start', 10);
    assert.throws(() => before.enter(), lost(/was started anew meanwhile/));
    assert.deepEqual(await bench.step('7', '', 5), [15]);
  });

  it('a step that was sent before a new start is answered with the old state', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const first = bench.step('7', 'start', 1);
    const second = bench.step('7', '', 2);
    const again = bench.step('7', 'start', 10);
    answers[1]!(true);
    assert.deepEqual(await again, [10]);
    answers[0]!(true);
    await first;
    await turn();
    answers[2]!(true);
    assert.deepEqual(await second, [3]);
    const third = bench.step('7', '', 5);
    answers[3]!(true);
    assert.deepEqual(await third, [15]);
  });

  it('expires without a step, and not while one runs', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const first = bench.step('7', 'start', 1);
    bench.clock.advance(5000);
    answers[0]!(true);
    assert.deepEqual(await first, [1]);
    await turn();
    bench.clock.advance(999);
    assert.equal(bench.table.open, 1);
    bench.clock.advance(1);
    assert.deepEqual([bench.table.open, bench.clock.armed], [0, 0]);
    await assert.rejects(bench.step('7', '', 1), lost(/has expired: it had no step for 1000 ms/));
  });

  it('a caller cannot reach what another has', async () => {
    const bench = new Bench();
    await bench.step('7', 'start', 1);
    await assert.rejects(bench.step('7', 'end', 1, { owner: 'eve' }), lost(/is not known here/));
    await bench.step('7', 'start', 100, { owner: 'eve' });
    assert.deepEqual(await bench.step('7', '', 1), [2]);
  });

  it('at its own limit a caller gives up what had no step for a while, or is refused', async () => {
    const bench = new Bench();
    await bench.step('1', 'start', 1);
    await bench.step('2', 'start', 1);
    await assert.rejects(bench.step('3', 'start', 1), { kind: 'overloaded', retryAfterMs: 1000 });
    bench.clock.advance(100);
    await bench.step('3', 'start', 1);
    await assert.rejects(bench.step('1', '', 1), lost(/others needed the room/));
    assert.deepEqual(await bench.step('2', '', 1), [2]);
    assert.equal(bench.table.counts.get('refused'), 1);
  });

  it("at the model's limit who has more makes room, and who has fewer keeps it", async () => {
    const bench = new Bench();
    await bench.step('1', 'start', 1, { owner: 'ann' });
    await bench.step('2', 'start', 1, { owner: 'ann' });
    await bench.step('1', 'start', 1, { owner: 'bob' });
    bench.clock.advance(100);
    await bench.step('1', 'start', 1, { owner: 'eve' });
    await assert.rejects(bench.step('1', '', 1, { owner: 'ann' }), lost(/others needed the room/));
    // All three have one now: nobody has more than another.
    bench.clock.advance(100);
    await assert.rejects(bench.step('1', 'start', 1, { owner: 'mal' }), { kind: 'overloaded' });
    await bench.step('2', 'start', 1, { owner: 'bob' });
    assert.equal(bench.table.open, 3, 'his own made room');
  });

  it('a state that finds no room fails its step, which has changed nothing', async () => {
    const grow: Behaviour = ({ inputs, outputs }) => {
      const state = numbers(inputs, 'state');
      const next = vector(...state, ...state, ...numbers(inputs, 'x'));
      return new Map(outputs.map((name) => [name, next]));
    };
    const bench = new Bench(grow);
    await bench.step('7', 'start', 1);
    // The zero, twice, and the 1: then 3 + 3 + 1 numbers, then 15.
    assert.equal(bench.table.bytes, 3 * 4);
    await bench.step('7', '', 2);
    assert.equal(bench.table.bytes, 7 * 4);
    await assert.rejects(bench.step('7', '', 3), { kind: 'too_large' });
    assert.deepEqual([bench.table.open, bench.table.bytes], [1, 7 * 4]);
    const before = bench.inner.requests.length;
    await assert.rejects(bench.step('7', '', 3), { kind: 'too_large' });
    assert.equal(numbers(bench.inner.requests[before]!.inputs, 'state').length, 7);
  });

  it('only so many of its steps may wait', async () => {
    const { answers, behave } = held();
    const bench = new Bench(behave);
    const all = [bench.step('7', 'start', 0), ...Array.from({ length: 64 }, () => bench.step('7', '', 1))];
    await assert.rejects(bench.step('7', '', 1), /64 steps of sequence "7" of model "m" wait for those before them/);
    for (const [i, each] of all.entries()) {
      answers[i]!(true);
      assert.deepEqual(await each, [i]);
      await turn();
    }
    const next = bench.step('7', '', 1);
    answers.at(-1)!(true);
    assert.deepEqual(await next, [65]);
  });

  it('counts its states and the steps that wait in the memory of all models', async () => {
    const { answers, behave } = held();
    const kept = new KeptMemory();
    const [bench, other] = [new Bench(behave, kept), new Bench(undefined, kept)];
    await other.step('1', 'start', [1, 2]);
    const first = bench.step('7', 'start', 1);
    const second = bench.step('7', '', 2);
    assert.equal(kept.bytes, 8 + 4, 'a state of the other, and a step that waits');
    kept.limitBytes = 14;
    await assert.rejects(bench.step('7', '', 3), /keeps all that it may for sequences, 14 bytes over all models/);
    kept.limitBytes = 16;
    answers[0]!(true);
    await first;
    await turn();
    assert.equal(kept.bytes, 8 + 4, 'both states');
    kept.limitBytes = 12;
    answers[1]!(true);
    await second;
    await assert.rejects(other.step('2', 'start', 1), { kind: 'overloaded', retryAfterMs: 1000 });
    other.table.close();
    bench.table.close();
    assert.equal(kept.bytes, 0);
  });

  it('a state takes the room of kept answers, and then of idle sequences', async () => {
    const kept = new KeptMemory();
    const bench = new Bench(undefined, kept);
    const answers = { bytes: 600, giveUp: () => giveUpAnswers() };
    const giveUpAnswers = (): void => {
      kept.add(-answers.bytes);
      answers.bytes = 0;
    };
    kept.register(answers);
    kept.add(answers.bytes);
    kept.limitBytes = answers.bytes + 4;
    await bench.step('1', 'start', 1);
    assert.equal(answers.bytes, 600);
    await bench.step('1', '', 1);
    await bench.step('2', 'start', 1);
    assert.deepEqual([answers.bytes, kept.bytes], [0, 8]);
    kept.limitBytes = 8;
    bench.clock.advance(100);
    await bench.step('2', '', 1);
    // Two of a caller's own: the limit of bytes, not that of sequences.
    bench.limits = { ...bench.limits, mostPerCaller: 3 };
    await bench.step('3', 'start', 1);
    await assert.rejects(bench.step('1', '', 1), lost(/others needed the room/));
    assert.deepEqual([bench.table.open, kept.bytes], [2, 8]);
  });

  it('stays on its version while another is served, which closes when the last has ended', async () => {
    const bench = new Bench();
    const old = bench.servable;
    await bench.step('7', 'start', 1);
    bench.serve(2n);
    let isClosed = false;
    const closing = old.unload().then(() => {
      isClosed = true;
    });
    assert.deepEqual(await bench.step('7', '', 2), [3]);
    await assert.rejects(bench.step('7', '', 2, { version: 2n }), lost(/runs on version 1 .* names version 2/));
    await bench.step('8', 'start', 1);
    assert.deepEqual(
      [...bench.table.openByVersion()],
      [
        [1n, 1],
        [2n, 1],
      ],
    );
    assert.equal(isClosed, false);
    await bench.step('7', 'end', 3);
    await closing;
    assert.equal(isClosed, true);
  });

  it('is lost with a version that is unloaded at once, and with its model', async () => {
    const bench = new Bench();
    await bench.step('7', 'start', 1);
    bench.table.drop(bench.servable);
    await bench.servable.unload();
    await assert.rejects(bench.step('7', '', 1), lost(/the version that it ran on was unloaded/));
    bench.serve(2n);
    await bench.step('7', 'start', 1);
    bench.table.close();
    await assert.rejects(bench.step('7', '', 1), lost(/the model was taken off the list/));
    await assert.rejects(bench.step('8', 'start', 1), lost(/the model was taken off the list/));
    await bench.servable.unload();
  });

  it('moves to a servable that takes the place of its own', async () => {
    const bench = new Bench();
    const old = bench.servable;
    await bench.step('7', 'start', 1);
    const next = bench.serve(1n);
    bench.table.replace(old, next);
    await old.unload();
    assert.deepEqual(await bench.step('7', '', 2), [3]);
  });

  it('an id has 1 to 128 characters', async () => {
    const bench = new Bench();
    for (const id of ['', 'x'.repeat(129)]) {
      await assert.rejects(bench.step(id, 'start', 1), { kind: 'invalid_request' });
    }
  });
});
