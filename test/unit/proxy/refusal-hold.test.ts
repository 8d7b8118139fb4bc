import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { RefusalHold, type RefusalHoldOptions } from '../../../src/proxy/refusal-hold.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const FULL = new ServingError('overloaded', 'full', { retryAfterMs: 5000, attributes: { reason: 'queue_full' } });

class Bench {
  readonly clock = new FakeClock();
  readonly hold: RefusalHold;
  readonly #start = this.clock.nowMs();
  /** When each refusal was answered, in ms from the start. */
  readonly answers: number[] = [];

  constructor(options: Partial<RefusalHoldOptions> = {}) {
    this.hold = new RefusalHold({
      ...{ clock: this.clock, deadlines: new DeadlineTimer(this.clock), mostMs: 1000 },
      ...options,
    });
  }

  /** Of a request that came now. False: it must be answered at once. */
  refuse(error = FULL, deadlineMs = Infinity): boolean {
    const startedAt = this.clock.nowMs();
    const answer = (): void => void this.answers.push(this.clock.nowMs() - this.#start);
    return this.hold.hold(error, { startedAt, deadline: startedAt + deadlineMs }, answer) !== undefined;
  }

  /** When a refusal that comes now is answered, in ms from now; it is not before that. */
  waits(error = FULL, deadlineMs = Infinity): number {
    if (!this.refuse(error, deadlineMs)) return 0;
    const before = this.answers.length;
    let ms = 0;
    for (; this.answers.length === before; ms++) this.clock.advance(1);
    return ms;
  }
}

describe('a refusal waits', () => {
  it('as long as answers take of late', () => {
    const bench = new Bench();
    bench.hold.noteAnswer(40);
    assert.equal(bench.waits(), 40);
    for (let i = 0; i < 50; i++) bench.hold.noteAnswer(80);
    assert.equal(bench.waits(), 80);
  });

  it('no longer than the option, the delay to retry after, and its deadline allow', () => {
    const bench = new Bench({ mostMs: 300 });
    bench.hold.noteAnswer(2000);
    assert.equal(bench.waits(), 300);
    assert.equal(bench.waits(new ServingError('overloaded', '', { retryAfterMs: 70 })), 70);
    assert.equal(bench.waits(FULL, 110), 100);
    assert.equal(bench.waits(FULL, 10), 0);
  });

  it('not at all before the first answer, nor where the server is not overloaded', () => {
    const bench = new Bench();
    assert.equal(bench.waits(), 0);
    bench.hold.noteAnswer(50);
    assert.equal(bench.waits(new ServingError('overloaded', '', { attributes: { reason: 'caller_limit' } })), 0);
    assert.equal(bench.waits(new ServingError('model_not_found', '')), 0);
    assert.equal(bench.waits(new ServingError('draining', '')), 0);
  });
});

it('so many wait at most; the next one is answered at once', () => {
  const bench = new Bench({ mostHeld: 2 });
  bench.hold.noteAnswer(50);
  assert.deepEqual([bench.refuse(), bench.refuse(), bench.refuse()], [true, true, false]);
  bench.clock.advance(50);
  assert.deepEqual(bench.answers, [50, 50]);
  assert.equal(bench.refuse(), true);
});

it('one that is answered otherwise is not answered again', () => {
  const bench = new Bench();
  bench.hold.noteAnswer(50);
  bench.hold.hold(FULL, { startedAt: bench.clock.nowMs(), deadline: Infinity }, () => assert.fail('answered'))!.leave();
  assert.equal(bench.hold.size, 0);
  bench.clock.advance(1000);
});

it('a drain answers all that wait, and none waits after it', () => {
  const bench = new Bench();
  bench.hold.noteAnswer(50);
  bench.refuse();
  bench.refuse();
  bench.clock.advance(5);
  bench.hold.end();
  assert.deepEqual(bench.answers, [5, 5]);
  assert.equal(bench.refuse(), false);
});
