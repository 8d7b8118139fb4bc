/** Wall times of records, from two clocks that are not read at once. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { SteadyWall } from '../../../src/ledger/steady-wall.ts';

/** A clock whose wall is `offset` ahead; `stalls` are what passes between the next readings of the two, in ms. */
function steppedClock() {
  const state = { now: 1000, offset: 5000, stalls: [] as number[] };
  const clock: Clock = {
    ...systemClock,
    wallMs: () => {
      const wall = state.now + state.offset;
      state.now += state.stalls.shift() ?? 0;
      return wall;
    },
    nowMs: () => state.now,
  };
  return { state, wall: new SteadyWall(clock) };
}

it('follows a wall clock that is set, and not one that drifts a little', () => {
  const { state, wall } = steppedClock();
  assert.equal(wall.of(7), 5007);
  state.offset += 2;
  assert.equal(wall.of(7), 5007);
  state.offset += 1;
  assert.equal(wall.of(7), 5010);
});

it('stays where it is when the process has to wait between reading the two clocks', () => {
  const { state, wall } = steppedClock();
  state.stalls.push(40);
  assert.equal(wall.of(0), 5000);
  state.stalls.push(40);
  assert.equal(wall.of(0), 5000);
  state.offset = 9000;
  state.stalls.push(40);
  assert.equal(wall.of(0), 9000);
});
