import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelSignal, clientLeft } from '../../../../src/core/cancel.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap } from '../../../../src/core/tensor.ts';
import { SequenceRunner } from '../../../../src/models/sequences/sequence-runner.ts';
import { SequenceTable } from '../../../../src/models/sequences/sequence-table.ts';
import { Servable } from '../../../../src/models/serving/servable.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type Behaviour, PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';
import { taskContext } from '../../../support/scheduler-harness.ts';

const LIMITS = { most: 3, mostPerCaller: 2, mostBytes: 64, mostBytesPerCaller: 40, idleMs: 1000 };

const COUNTER: Signature = {
  ...signature(
    { x: spec('float32', [-1]), state: spec('float32', [-1]) },
    { y: spec('float32', [-1]), stateN: spec('float32', [-1]) },
  ),
  state: new Map([['state', { output: 'stateN', zeros: [-1] }]]),
};

const vector = (...values: number[]): NumericTensor =>
  numericTensor('float32', [values.length], Float32Array.from(values));
const numbers = (tensors: TensorMap, name: string): number[] => [
  ...(elements(tensors.get(name) as NumericTensor) as Float32Array),
];

/** y and the next state: the state + x. */
const count: Behaviour = ({ inputs, outputs }) => {
  const [x, state] = [numbers(inputs, 'x'), numbers(inputs, 'state')];
  const sum = vector(...x.map((each, i) => each + state[i]!));
  return new Map(outputs.map((name) => [name, sum]));
};

class Bench {
  readonly clock = new FakeClock();
  limits = LIMITS;
  readonly table = new SequenceTable({ model: 'm', clock: this.clock, limits: () => this.limits });
  readonly inner: PuppetRunner;
  servable: Servable;

  constructor(behave: Behaviour = count) {
    this.inner = new PuppetRunner(behave);
    this.servable = this.serve(1n);
  }

  /** Another version is served from now on. */
  serve(version: bigint): Servable {
    const signatures = new Map([['serving_default', COUNTER]]);
    this.servable = new Servable('m', version, signatures, new SequenceRunner(this.inner, signatures));
    return this.servable;
  }

  step(id: string, flags: string, x: number | readonly number[], more: Partial<StepOptions> = {}): Promise<number[]> {
    const { owner = 'ann', cancel = new CancelSignal(), inputs = {}, outputs = ['y'], version } = more;
    const step = { owner, step: { id, start: flags.includes('start'), end: flags.includes('end') } };
    const context = { ...taskContext(this.clock), cancel };
    try {
      const handle = this.table.acquire(step, { version }, () => this.servable.borrow());
      const sequence = this.table.stepOf(step, handle.servable);
      const all = new Map(Object.entries({ x: vector(...[x].flat()), ...inputs }));
      const request = { signatureName: 'serving_default', inputs: all, outputs, context, sequence };
      try {
        return handle.servable.runner.submit(request).then((given) => {
          assert.deepEqual([...given.keys()], outputs);
          return numbers(given, outputs[0]!);
        });
      } finally {
        handle.release();
      }
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

interface StepOptions {
  readonly owner: string;
  readonly cancel: CancelSignal;
  readonly inputs: Readonly<Record<string, NumericTensor>>;
  readonly outputs: readonly string[];
  readonly version: bigint;
}

const lost = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ServingError);
  assert.equal(error.kind, 'sequence_lost');
  assert.match(error.message, pattern);
  assert.match(error.message, /start it again: sequence_start/);
  return true;
};

/** Answers in the order in which the test says so. */
function held() {
  const answers: ((isRight: boolean) => void)[] = [];
  const behave: Behaviour = (request) =>
    new Promise((resolve, reject) => {
      answers.push((isRight) => {
        if (isRight) resolve(count(request));
        else reject(new ServingError('backend_failed', 'it broke'));
      });
    });
  return { answers, behave };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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
    await assert.rejects(behind, lost(/its first step failed/));
    assert.deepEqual([bench.table.open, bench.table.bytes], [0, 0]);
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
