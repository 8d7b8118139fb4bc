import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuarantinedCallers } from '../../../../src/scheduler/batch/quarantined-callers.ts';
import { MAX_QUARANTINED_CALLERS } from '../../../../src/scheduler/tuning.ts';

describe('A caller that was blamed', () => {
  it('is quarantined until a batch of its own is answered after a second without blame', () => {
    const quarantined = new QuarantinedCallers();
    assert.equal(quarantined.blame('a', 0), true);
    assert.equal(quarantined.blame('a', 500), false);
    quarantined.onAnswered('a', 1499);
    assert.equal(quarantined.has('a'), true);
    assert.equal(quarantined.has('b'), false);
    assert.equal(quarantined.count, 1);
    quarantined.onAnswered('a', 1500);
    assert.equal(quarantined.has('a'), false);
    assert.equal(quarantined.count, 0);
  });

  it('is quarantined for twice as long each time, up to a minute, and begins anew after a long while', () => {
    const quarantined = new QuarantinedCallers();
    let now = 0;
    const held: number[] = [];
    for (let i = 0; i < 9; i++) {
      quarantined.blame('a', now);
      const since = now;
      while (quarantined.has('a')) {
        now += 500;
        quarantined.onAnswered('a', now);
      }
      held.push((now - since) / 1000);
    }
    assert.deepEqual(held, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    now += 601_000;
    quarantined.blame('a', now);
    quarantined.onAnswered('a', now + 1000);
    assert.equal(quarantined.has('a'), false);
  });

  it('owes what its values cost, and pays a tenth of the time', () => {
    const quarantined = new QuarantinedCallers();
    quarantined.blame('a', 0);
    quarantined.charge('a', 20, 0);
    assert.equal(quarantined.overMs('a', 0, undefined), 0);
    quarantined.charge('a', 30, 0);
    assert.equal(quarantined.overMs('a', 0, undefined), 30);
    assert.equal(quarantined.overMs('a', 0, 10), 10, 'four runs of a slow model');
    assert.equal(quarantined.overMs('a', 200, undefined), 10);
    assert.equal(quarantined.overMs('b', 0, undefined), 0);
    quarantined.charge('b', 1000, 0);
    assert.equal(quarantined.overMs('b', 0, undefined), 0, 'nobody pays who was not blamed');
  });
});

it('so many quarantined callers are remembered; the one that was blamed longest ago is forgotten', () => {
  const quarantined = new QuarantinedCallers();
  for (let i = 0; i < MAX_QUARANTINED_CALLERS; i++) quarantined.blame(`${i}`, i);
  quarantined.blame('0', MAX_QUARANTINED_CALLERS);
  quarantined.blame('new', MAX_QUARANTINED_CALLERS);
  assert.equal(quarantined.size, MAX_QUARANTINED_CALLERS);
  assert.equal(quarantined.count, MAX_QUARANTINED_CALLERS);
  assert.deepEqual(
    ['0', '1', '2', 'new'].map((caller) => quarantined.has(caller)),
    [true, false, true, true],
  );
});
