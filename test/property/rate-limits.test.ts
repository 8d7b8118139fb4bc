/** TokenBucket and WindowCap let no more pass than they say, and no less, whatever comes when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../src/core/collections/token-bucket.ts';
import { WindowCap } from '../../src/core/collections/window-cap.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Passed {
  readonly at: number;
  readonly count: number;
}

/** The most that `passed` has in any interval, beyond `perMs` of its length. */
function mostBeyond(passed: readonly Passed[], perMs: number): number {
  let most = 0;
  for (const [i, { at }] of passed.entries()) {
    let sum = 0;
    for (const later of passed.slice(i)) {
      sum += later.count;
      most = Math.max(most, sum - perMs * (later.at - at));
    }
  }
  return most;
}

const BURST = 20;
const steps = fc.array(fc.record({ waitMs: fc.nat({ max: 400 }), count: fc.integer({ min: 1, max: BURST }) }), {
  maxLength: 60,
});
const rates = fc.integer({ min: 0, max: 200 });

test('a bucket that is filled each time lets a burst pass beyond its rate, and refuses nothing that is due', () => {
  fc.assert(
    fc.property(steps, rates, (events, perSecond) => {
      const clock = new FakeClock();
      const bucket = new TokenBucket(BURST, perSecond, clock.nowMs());
      const passed: Passed[] = [];
      let tokens = BURST;
      for (const { waitMs, count } of events) {
        clock.advance(waitMs);
        bucket.fill(clock.nowMs());
        tokens = Math.min(BURST, tokens + (waitMs * perSecond) / 1000);
        assert.ok(Math.abs(bucket.tokens - tokens) < 1e-9);
        tokens = bucket.tokens;
        assert.equal(bucket.take(count), tokens >= count);
        if (tokens < count) continue;
        tokens -= count;
        passed.push({ at: clock.nowMs(), count });
      }
      assert.ok(mostBeyond(passed, perSecond / 1000) <= BURST + 1e-9);
    }),
  );
});

test('a bucket that is filled only when tokens are short lets up to two bursts pass beyond its rate', () => {
  fc.assert(
    fc.property(steps, rates, (events, perSecond) => {
      const clock = new FakeClock();
      const bucket = new TokenBucket(BURST, perSecond, clock.nowMs());
      const passed: Passed[] = [];
      for (const { waitMs, count } of events) {
        clock.advance(waitMs);
        let hasTaken = bucket.take(count);
        if (!hasTaken) {
          bucket.fill(clock.nowMs());
          hasTaken = bucket.take(count);
          assert.equal(hasTaken || bucket.tokens < count, true);
        }
        if (hasTaken) passed.push({ at: clock.nowMs(), count });
      }
      assert.ok(mostBeyond(passed, perSecond / 1000) <= 2 * BURST + 1e-9);
    }),
  );
});

test('what is earned is never more than fits', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 50 }), fc.nat({ max: BURST }))), (events) => {
      const bucket = new TokenBucket(BURST);
      for (const [earned, taken] of events) {
        bucket.earn(earned);
        const before = bucket.tokens;
        assert.ok(before <= BURST);
        const hasTaken = bucket.take(taken);
        assert.equal(hasTaken, taken <= before);
        assert.equal(bucket.tokens, hasTaken ? before - taken : before);
      }
    }),
  );
});

test('a window cap lets the first few of each window pass', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 80 }), fc.nat({ max: 5 }), (waits, most) => {
      const clock = new FakeClock();
      const cap = new WindowCap(most, 1000);
      let startedAt = -Infinity;
      let seen = 0;
      for (const waitMs of waits) {
        clock.advance(waitMs);
        const now = clock.nowMs();
        if (now - startedAt >= 1000) [startedAt, seen] = [now, 0];
        seen += 1;
        assert.equal(cap.allow(now), seen <= most);
        assert.equal(cap.endsAt, startedAt + 1000);
      }
    }),
  );
});
