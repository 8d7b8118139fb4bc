import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyPace, BodyWatch } from '../../../src/proxy/body-pace.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('the pace of a body', () => {
  it('4 KiB a second are enough, a byte less is not', () => {
    const pace = new BodyPace(10);
    const bytes = 30 * 4096;
    for (let i = 1; i <= 30; i++) assert.equal(pace.tick(i * 4096), undefined);
    for (let i = 0; i < 9; i++) assert.equal(pace.tick(bytes), undefined);
    const late = pace.tick(bytes + 10 * 4096 - 1);
    assert.match(late!.message, /too slowly: 40959 bytes in 10 s, and at least 40960 are wanted/);
    assert.equal(late!.kind, 'body_timeout');
  });

  it('a burst does not pay for a pause after it', () => {
    const pace = new BodyPace(10);
    for (let i = 0; i < 10; i++) assert.equal(pace.tick(60_000_000), undefined);
    for (let i = 0; i < 9; i++) assert.equal(pace.tick(60_000_000), undefined);
    assert.equal(pace.tick(60_000_000)?.kind, 'body_timeout');
  });
});

describe('the watch over bodies', () => {
  it('ends slow bodies alone, and its timer with the last body', () => {
    const clock = new FakeClock();
    const watch = new BodyWatch(clock, 5);
    const ended: string[] = [];
    const fast = { receivedBytes: 0, onSlow: () => ended.push('fast') };
    const slow = { receivedBytes: 9, onSlow: () => ended.push('slow') };
    watch.add(fast);
    watch.add(slow);
    for (let i = 0; i < 20; i++) {
      fast.receivedBytes += 5000;
      clock.advance(1000);
    }
    assert.deepEqual(ended, ['slow']);
    watch.remove(fast);
    watch.remove(slow);
    assert.equal(clock.armed, 0);
  });

  it('a process that stood still blames nobody', () => {
    const clock = new FakeClock();
    const watch = new BodyWatch(clock, 5);
    watch.add({ receivedBytes: 9, onSlow: assert.fail });
    const { nextAt } = clock;
    // One tick, however late it comes.
    clock.advance(nextAt - clock.nowMs());
    assert.equal(clock.armed, 1);
  });

  it('without a limit there is no timer', () => {
    const clock = new FakeClock();
    new BodyWatch(clock, Infinity).add({ receivedBytes: 0, onSlow: assert.fail });
    assert.equal(clock.armed, 0);
  });
});
