import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, test } from 'node:test';
import { IdleSpin } from '../../../../src/proxy/http2/flush-turn.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { request } from '../../../support/http2-frames.ts';
import { HEAD, PuppetHandler, TRAILERS } from '../../../support/http2-handlers.ts';
import { Http2Peer, turn } from '../../../support/http2-peer.ts';

/** Connections by number. */
const CONNECTIONS = Array.from({ length: 8 }, () => ({}));

/** An IdleSpin of a 16th of a millisecond, its clock, and the turns that it asked for. */
class Loop {
  readonly clock = new FakeClock();
  readonly spin: IdleSpin;
  spunMs = 0;
  #asked: (() => void)[] = [];

  constructor() {
    this.spin = new IdleSpin({
      clock: this.clock,
      spinMs: 1 / 16,
      nextTurn: (run) => this.#asked.push(run),
      onSpun: (ms) => {
        this.spunMs += ms;
      },
    });
  }

  /** Whether the loop would poll without sleeping. */
  get isAwake(): boolean {
    return this.#asked.length > 0;
  }

  /** Answers go out on the connections with these numbers. */
  answered(connections: readonly number[] = [0]): void {
    this.spin.answered(connections.map((number) => CONNECTIONS[number]!));
  }

  /** Runs turns of a 64th of a millisecond until the loop may sleep. Returns how many. */
  turns(): number {
    let count = 0;
    for (; this.isAwake; count++) {
      const asked = this.#asked;
      this.#asked = [];
      this.clock.advance(1 / 64);
      for (const run of asked) run();
    }
    return count;
  }

  /** An answer, and the client's next request `gapMs` later, received before the loop may sleep. */
  exchange(gapMs: number, connections: readonly number[] = [0]): void {
    this.answered(connections);
    this.clock.advance(gapMs);
    this.spin.received();
    this.turns();
  }

  exchanges(count: number, gapMs: number, connections: readonly number[] = [0]): void {
    for (let i = 0; i < count; i++) this.exchange(gapMs, connections);
  }

  get isSpinning(): boolean {
    this.answered();
    const { isAwake } = this;
    this.spin.received();
    this.turns();
    return isAwake;
  }
}

describe('IdleSpin', () => {
  it('begins when several requests in a row have come soon after the answers', () => {
    const loop = new Loop();
    loop.exchanges(7, 0.12);
    assert.equal(loop.isAwake, false);
    loop.exchange(0.12);
    loop.answered();
    assert.equal(loop.isAwake, true);
  });

  it('ends after its time if nothing comes, and with the request that does', () => {
    const loop = new Loop();
    loop.exchanges(15, 0.03);
    loop.answered();
    assert.equal(loop.turns(), 4);
    loop.answered();
    loop.spin.received();
    assert.equal(loop.turns(), 1);
  });

  it('stops after a few misses, and costs nothing then', () => {
    const loop = new Loop();
    loop.exchanges(20, 0.03);
    let misses = 0;
    for (; misses < 100; misses++) {
      loop.answered();
      if (loop.turns() === 0) break;
    }
    assert.equal(misses, 2);
    assert.ok(loop.spunMs >= 20 * 0.03 - 0.3 && loop.spunMs <= 23 / 16, `it polled for ${loop.spunMs} ms`);
    const { spunMs } = loop;
    loop.clock.advance(5);
    loop.spin.received();
    loop.exchanges(7, 0.03);
    loop.answered();
    assert.equal(loop.isAwake, false);
    assert.equal(loop.spunMs, spunMs, 'sleep is not counted');
  });

  it('stays where one in six comes later', () => {
    const loop = new Loop();
    loop.exchanges(15, 0.03);
    for (let i = 0; i < 20; i++) {
      loop.answered();
      loop.turns();
      loop.exchanges(5, 0.03);
    }
    assert.equal(loop.isSpinning, true);
  });

  it('never begins where requests come seldom, or many clients are answered at once', () => {
    for (const [gapMs, connections] of [
      [0.2, [0]],
      [0.03, [0, 1, 2]],
    ] as const) {
      const loop = new Loop();
      loop.exchanges(100, gapMs, connections);
      assert.equal(loop.isSpinning, false);
    }
  });

  it('never begins where three clients take turns, and does where two do', () => {
    const loop = new Loop();
    for (let i = 0; i < 100; i++) loop.exchange(0.03, [i % 3]);
    assert.equal(loop.isSpinning, false);
    for (let i = 0; i < 10; i++) loop.exchange(0.03, [i % 2]);
    assert.equal(loop.isSpinning, true);
  });

  it('ends with the first answer to a third client', () => {
    const loop = new Loop();
    loop.exchanges(15, 0.03, [0, 1]);
    loop.answered([2]);
    assert.equal(loop.isAwake, false);
  });
});

test('a server without a spin does not even read the clock for an answer', async () => {
  class CountingClock extends FakeClock {
    reads = 0;

    override nowMs(): number {
      this.reads += 1;
      return super.nowMs();
    }
  }
  for (const [spinMs, isRead] of [
    [0, false],
    [1, true],
  ] as const) {
    const clock = new CountingClock();
    const handler = new PuppetHandler();
    const peer = await Http2Peer.open({ handler, clock, options: { spinMs } });
    await peer.send(request(1, 'hello'));
    const before = clock.reads;
    handler.calls[0]!.stream.respondUnary(HEAD, Buffer.from('hello'), TRAILERS);
    await turn();
    assert.equal(clock.reads > before, isRead);
    await peer.close();
  }
});
