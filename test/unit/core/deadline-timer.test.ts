import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineTimer } from '../../../src/core/deadline-timer.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const expired: string[] = [];
  const timer = new DeadlineTimer(clock);
  const add = (name: string, inMs: number) => timer.add(clock.nowMs() + inMs, () => expired.push(name));
  return { clock, expired, timer, add };
}

describe('DeadlineTimer', () => {
  it('expires each entry once, at its instant', () => {
    const { clock, expired, timer, add } = setUp();
    add('b', 20);
    add('a', 10);
    clock.advance(9.999);
    assert.deepEqual(expired, []);
    clock.advance(0.001);
    assert.deepEqual(expired, ['a']);
    clock.advance(100);
    assert.deepEqual(expired, ['a', 'b']);
    assert.equal(timer.size, 0);
    assert.equal(clock.armed, 0);
  });

  it('keeps one timer armed however many entries it has', () => {
    const { clock, timer, add } = setUp();
    for (let ms = 100; ms > 0; ms--) add(String(ms), ms);
    assert.equal(clock.armed, 1);
    assert.equal(timer.size, 100);
  });

  it('does not expire a removed entry, and removes it once', () => {
    const { clock, expired, timer, add } = setUp();
    const entry = add('a', 10);
    timer.remove(entry);
    timer.remove(entry);
    clock.advance(20);
    assert.deepEqual(expired, []);
    assert.equal(clock.armed, 0, 'the timer woke for nothing once and was not armed again');
  });

  it('expires a deadline that has passed in the next timer turn', () => {
    const { clock, expired, add } = setUp();
    add('late', -5);
    assert.deepEqual(expired, [], 'never inside add: the caller is not ready for it');
    clock.advance(0);
    assert.deepEqual(expired, ['late']);
  });

  it('never expires a request without a deadline', () => {
    const { clock, expired, timer } = setUp();
    const entry = timer.add(Infinity, () => expired.push('never'));
    assert.equal(timer.size, 0);
    assert.equal(clock.armed, 0);
    clock.advance(1e12);
    timer.remove(entry);
    assert.deepEqual(expired, []);
  });

  it('takes entries and removals from inside an expiry', () => {
    const { clock, expired, timer, add } = setUp();
    const second = add('second', 10);
    timer.add(clock.nowMs() + 5, () => {
      expired.push('first');
      timer.remove(second);
      add('third', 1);
      add('at once', 0);
    });
    clock.advance(5);
    assert.deepEqual(expired, ['first', 'at once']);
    clock.advance(50);
    assert.deepEqual(expired, ['first', 'at once', 'third']);
    assert.equal(clock.armed, 0);
  });

  it('leaves no timer behind when closed', () => {
    const { clock, expired, timer, add } = setUp();
    add('a', 10);
    timer.close();
    assert.equal(clock.armed, 0);
    clock.advance(20);
    assert.deepEqual(expired, []);
  });
});
