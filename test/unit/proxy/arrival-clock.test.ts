import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArrivalClock } from '../../../src/proxy/arrival-clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** An event loop that the test drives: turns that read, work and end, with sleep between them. */
class Loop {
  readonly clock = new FakeClock();
  readonly startedAt = this.clock.nowMs();
  #sleptMs = 0;
  #deferred: (() => void)[] = [];
  readonly arrivals = new ArrivalClock({
    clock: this.clock,
    sleptMs: () => this.#sleptMs,
    defer: (run) => void this.#deferred.push(run),
  });

  work(ms: number): void {
    this.clock.advance(ms);
  }

  sleep(ms: number): void {
    this.#sleptMs += ms;
    this.clock.advance(ms);
  }

  endTurn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }

  /** Time since the start. */
  read(): number {
    return this.arrivals.arrivedAt() - this.startedAt;
  }
}

describe('ArrivalClock', () => {
  it('takes what woke the loop as having come now', () => {
    const loop = new Loop();
    assert.equal(loop.read(), 0);
    loop.work(3);
    loop.endTurn();
    loop.sleep(20);
    assert.equal(loop.read(), 23);
  });

  it('has all that is read in one turn come when it began, however long reading takes', () => {
    const loop = new Loop();
    loop.read();
    loop.work(40);
    assert.equal(loop.read(), 0);
  });

  it('has what a busy loop reads come halfway through its last turn', () => {
    const loop = new Loop();
    loop.read();
    loop.work(100);
    loop.endTurn();
    assert.equal(loop.read(), 50);
    loop.work(10);
    loop.endTurn();
    assert.equal(loop.read(), 105);
  });

  it('does not count the blink between two turns as sleep', () => {
    const loop = new Loop();
    loop.read();
    loop.work(100);
    loop.endTurn();
    loop.sleep(0.01);
    assert.ok(loop.read() < 60);
  });
});
