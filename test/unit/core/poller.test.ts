import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Poller, SOON_MS } from '../../../src/core/poller.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { turn } from '../../support/model-lifecycle-harness.ts';

function polling(intervalMs: number, poll = async (): Promise<boolean> => false) {
  const clock = new FakeClock();
  let polls = 0;
  const poller = new Poller({
    clock,
    intervalMs,
    poll: () => {
      polls += 1;
      return poll();
    },
  });
  const pass = async (ms: number): Promise<number> => {
    clock.advance(ms);
    await turn();
    return polls;
  };
  return { poller, clock, pass };
}

describe('Poller', () => {
  it('polls at once, then each interval', async () => {
    const { poller, pass } = polling(1000);
    poller.start();
    await pass(0);
    assert.equal(await pass(999), 1);
    assert.equal(await pass(1), 2);
    assert.equal(await pass(1000), 3);
  });

  it('waits an interval first where told', async () => {
    const { poller, pass } = polling(1000);
    poller.startLater();
    assert.equal(await pass(999), 0);
    assert.equal(await pass(1), 1);
    assert.equal(await pass(1000), 2);
    const never = polling(0);
    never.poller.startLater();
    assert.equal(await never.pass(10_000), 0);
  });

  it('polls again soon where something changes, though it should poll once only', async () => {
    let isChanging = true;
    const { poller, pass, clock } = polling(0, async () => isChanging);
    poller.start();
    assert.equal(await pass(0), 1);
    isChanging = false;
    assert.equal(await pass(SOON_MS), 2);
    assert.equal(clock.armed, 0);
  });

  it('does not slow down a faster poll for what changes', async () => {
    const { poller, pass } = polling(SOON_MS / 5, async () => true);
    poller.start();
    await pass(0);
    assert.equal(await pass(SOON_MS / 5), 2);
  });

  it('never polls by itself where the interval is negative, and does when asked', async () => {
    const { poller, pass, clock } = polling(-1);
    poller.start();
    assert.equal(await pass(10_000), 0);
    await poller.now();
    assert.equal(await pass(10_000), 1);
    assert.equal(clock.armed, 0);
  });

  it('polls once at a time: asked during a poll, it polls again afterwards', async () => {
    let finish = (): void => undefined;
    const { poller, pass } = polling(1000, () => new Promise((resolve) => (finish = () => resolve(false))));
    poller.start();
    const asked = poller.now();
    assert.equal(await pass(5000), 1);
    finish();
    assert.equal(await pass(0), 2);
    finish();
    await asked;
  });

  it('closed, begins no other poll, also when one was in progress', async () => {
    let finish = (): void => undefined;
    const { poller, pass, clock } = polling(1000, () => new Promise((resolve) => (finish = () => resolve(true))));
    poller.start();
    await pass(0);
    poller.close();
    finish();
    await pass(0);
    await poller.now();
    assert.equal(await pass(10_000), 1);
    assert.equal(clock.armed, 0);
  });
});
