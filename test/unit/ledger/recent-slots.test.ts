import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentSlots } from '../../../src/ledger/recent-slots.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const made = (clock: FakeClock) => new RecentSlots(clock, () => ({ count: 0 }));
const total = (slots: RecentSlots<{ count: number }>): number => slots.all.reduce((sum, { count }) => sum + count, 0);

test('what is counted stays for half a minute, and then goes slot by slot', () => {
  const clock = new FakeClock();
  const slots = made(clock);
  slots.current.count += 1;
  clock.advance(5000);
  slots.current.count += 10;
  assert.equal(total(slots), 11);
  clock.advance(24_999);
  assert.equal(total(slots), 11);
  clock.advance(1);
  assert.equal(total(slots), 10);
  clock.advance(60_000);
  assert.equal(total(slots), 0);
});

test('the time that is covered grows to half a minute, and is a second at least', () => {
  const clock = new FakeClock();
  const slots = made(clock);
  assert.equal(slots.seconds, 1);
  clock.advance(7000);
  assert.equal(slots.seconds, 7);
  clock.advance(60_000);
  assert.ok(slots.seconds >= 25 && slots.seconds <= 30, String(slots.seconds));
});

test('a restart forgets everything', () => {
  const clock = new FakeClock();
  const slots = made(clock);
  slots.current.count += 1;
  clock.advance(12_000);
  slots.restart();
  assert.equal(total(slots), 0);
  assert.equal(slots.seconds, 1);
});
