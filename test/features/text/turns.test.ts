import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CancelSignal } from '../../../src/core/cancel.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { TokenizerUser } from '../../../src/features/text/exported/text-model.ts';
import { Turns } from '../../../src/features/text/tokenizer/turns.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Desk {
  readonly clock = new FakeClock();
  readonly turns = new Turns(this.clock);
  /** What began, in that order. */
  readonly began: string[] = [];
  readonly #ends: (() => void)[] = [];

  user(caller: string, deadline = Infinity): TokenizerUser {
    return { caller, deadline, cancel: new CancelSignal() };
  }

  /** What became of a slice: its name, or the kind of its error. */
  async take(name: string, user: TokenizerUser): Promise<string> {
    const work = (): Promise<string> => {
      this.began.push(name);
      return new Promise((resolve) => this.#ends.push(() => resolve(name)));
    };
    try {
      return await this.turns.take(user, work);
    } catch (error) {
      return (error as ServingError).kind;
    }
  }

  async endOne(): Promise<void> {
    this.#ends.shift()?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  async endAll(): Promise<void> {
    while (this.#ends.length > 0) await this.endOne();
  }
}

describe('turns at the tokenizer', () => {
  it('go to callers one after the other, however many slices one has', async () => {
    const desk = new Desk();
    const all = [0, 1, 2, 3].map((i) => desk.take(`a${i}`, desk.user('a')));
    for (const name of ['b0', 'c0', 'b1']) all.push(desk.take(name, desk.user(name[0]!)));
    await desk.endAll();
    assert.deepEqual(desk.began, ['a0', 'b0', 'c0', 'a1', 'b1', 'a2', 'a3']);
    assert.deepEqual((await Promise.all(all)).sort(), [...desk.began].sort());
  });

  it('are as many for a caller with one request of many slices as for one with many requests', async () => {
    const desk = new Desk();
    // Its next slice is asked for when the one before has ended.
    const long = (async () => {
      const user = desk.user('a');
      for (let i = 0; i < 4; i++) await desk.take(`a${i}`, user);
    })();
    const others = ['b', 'c'].flatMap((caller) =>
      [0, 1, 2, 3].map((i) => desk.take(`${caller}${i}`, desk.user(caller))),
    );
    await desk.endAll();
    await Promise.all([long, ...others]);
    assert.equal(desk.began.join(' '), 'a0 b0 c0 a1 b1 c1 a2 b2 c2 a3 b3 c3');
  });

  it('go to the request of a caller that is due first, and of these to the older one', async () => {
    const desk = new Desk();
    const dues: readonly (readonly [name: string, due: number])[] = [
      ['first', Infinity],
      ['late', 900],
      ['soon', 100],
      ['soon, too', 100],
      ['never', Infinity],
    ];
    const all = dues.map(([name, due]) => desk.take(name, desk.user('a', desk.clock.nowMs() + due)));
    await desk.endAll();
    assert.deepEqual(desk.began, ['first', 'soon', 'soon, too', 'late', 'never']);
    await Promise.all(all);
  });

  it('are given to nobody who has left or whose deadline has passed', async () => {
    const desk = new Desk();
    const runs = desk.take('runs', desk.user('a'));
    const leaver = desk.user('a');
    const left = desk.take('left', leaver);
    const late = desk.take('late', desk.user('b', desk.clock.nowMs() + 50));
    const good = desk.take('good', desk.user('c'));
    leaver.cancel.cancel(new ServingError('cancelled', 'the client has left'));
    assert.equal(await left, 'cancelled');
    assert.equal(desk.turns.waiting, 2);
    desk.clock.advance(60);
    await desk.endAll();
    assert.deepEqual(await Promise.all([runs, late, good]), ['runs', 'deadline_exceeded', 'good']);
    assert.deepEqual(desk.began, ['runs', 'good']);
  });

  it('tell a request whose slice runs at once that it is cancelled, and wait for the slice', async () => {
    const desk = new Desk();
    const user = desk.user('a');
    const runs = desk.take('runs', user);
    const next = desk.take('next', desk.user('b'));
    user.cancel.cancel(new ServingError('deadline_exceeded', 'too late'));
    assert.equal(await runs, 'deadline_exceeded');
    assert.deepEqual(desk.began, ['runs']);
    await desk.endAll();
    assert.equal(await next, 'next');
  });

  it('are refused at capacity to who holds much, and to nobody else', async () => {
    const desk = new Desk();
    const crowd = Array.from({ length: 5000 }, (_, i) => desk.take(`a${i}`, desk.user('a')));
    const beyond = await Promise.all(crowd.slice(4097));
    assert.ok(beyond.every((kind) => kind === 'overloaded'));
    const small = desk.take('b', desk.user('b'));
    await desk.endOne();
    assert.equal(desk.began.at(-1), 'b');
    desk.turns.close();
    await desk.endAll();
    assert.equal(await small, 'b');
    assert.equal(await crowd[100], 'draining');
    assert.equal(await desk.take('c', desk.user('c')), 'draining');
  });

  it('come round: between two slices of a waiting caller each other one gets at most one', async () => {
    const callers = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(callers, async (names) => {
        const desk = new Desk();
        const all = [desk.take('first', desk.user('first')), ...names.map((name) => desk.take(name, desk.user(name)))];
        await desk.endAll();
        await Promise.all(all);
        assert.deepEqual([...desk.began].sort(), ['first', ...names].sort());
        for (const name of new Set(names)) {
          const places = desk.began.flatMap((each, i) => (each === name ? [i] : []));
          for (const [i, place] of places.entries()) {
            const between = desk.began.slice((places[i - 1] ?? 0) + 1, place);
            assert.equal(new Set(between).size, between.length, desk.began.join(' '));
          }
        }
      }),
    );
  });
});
