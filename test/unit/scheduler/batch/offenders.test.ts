import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Offenders } from '../../../../src/scheduler/batch/offenders.ts';
import { MAX_OFFENDERS } from '../../../../src/scheduler/tuning.ts';

describe('A caller that was blamed', () => {
  it('is apart until a batch of its own is answered after a second without blame', () => {
    const offenders = new Offenders();
    assert.equal(offenders.blame('a', 0), true);
    assert.equal(offenders.blame('a', 500), false);
    offenders.onAnswered('a', 1499);
    assert.equal(offenders.isApart('a'), true);
    assert.equal(offenders.isApart('b'), false);
    assert.equal(offenders.apart, 1);
    offenders.onAnswered('a', 1500);
    assert.equal(offenders.isApart('a'), false);
    assert.equal(offenders.apart, 0);
  });

  it('is apart for twice as long each time, up to a minute, and begins anew after a long while', () => {
    const offenders = new Offenders();
    let now = 0;
    const held: number[] = [];
    for (let i = 0; i < 9; i++) {
      offenders.blame('a', now);
      const since = now;
      while (offenders.isApart('a')) {
        now += 500;
        offenders.onAnswered('a', now);
      }
      held.push((now - since) / 1000);
    }
    assert.deepEqual(held, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    now += 601_000;
    offenders.blame('a', now);
    offenders.onAnswered('a', now + 1000);
    assert.equal(offenders.isApart('a'), false);
  });

  it('owes what its values cost, and pays a tenth of the time', () => {
    const offenders = new Offenders();
    offenders.blame('a', 0);
    offenders.charge('a', 20, 0);
    assert.equal(offenders.overMs('a', 0, undefined), 0);
    offenders.charge('a', 30, 0);
    assert.equal(offenders.overMs('a', 0, undefined), 30);
    assert.equal(offenders.overMs('a', 0, 10), 10, 'four runs of a slow model');
    assert.equal(offenders.overMs('a', 200, undefined), 10);
    assert.equal(offenders.overMs('b', 0, undefined), 0);
    offenders.charge('b', 1000, 0);
    assert.equal(offenders.overMs('b', 0, undefined), 0, 'nobody pays who was not blamed');
  });
});

it('so many offenders are remembered; the one that was blamed longest ago is forgotten', () => {
  const offenders = new Offenders();
  for (let i = 0; i < MAX_OFFENDERS; i++) offenders.blame(`${i}`, i);
  offenders.blame('0', MAX_OFFENDERS);
  offenders.blame('new', MAX_OFFENDERS);
  assert.equal(offenders.size, MAX_OFFENDERS);
  assert.equal(offenders.apart, MAX_OFFENDERS);
  assert.deepEqual(
    ['0', '1', '2', 'new'].map((caller) => offenders.isApart(caller)),
    [true, false, true, true],
  );
});
