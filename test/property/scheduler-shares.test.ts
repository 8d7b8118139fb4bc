/**
 * A caller that takes less than its fair share, beside one to three that take as much as they like: whatever they send,
 * it loses nothing. Open-loop traffic on a fake clock; a batch of 64 takes 13.3 ms, one row 0.7.
 */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { largeModelMs, simulate, type TrafficClass } from '../support/traffic.ts';

const RUNS = Number(process.env['PILLION_PROPERTY_RUNS'] ?? 15);
const runMs = (rows: number): number => 0.5 + 0.2 * rows;
const MAX_BATCH_SIZE = 64;

/** Up to 40 times what one slot can do. */
const greedy = fc
  .record({
    rows: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5000 })),
    /** Rows per ms; one slot does 4.8. */
    rate: fc.double({ min: 0.5, max: 40, noNaN: true }),
    deadlineMs: fc.integer({ min: 20, max: 5000 }),
    isSoft: fc.boolean(),
  })
  .map(({ rows, rate, ...rest }) => ({ ...rest, rows, perMs: Math.min(8, rate / rows) }));

/** A row each 10 ms or less often: with its own runs 7 % of a slot. The deadline has room for six full runs. */
const meek = fc.record({
  perMs: fc.double({ min: 0.02, max: 0.1, noNaN: true }),
  deadlineMs: fc.integer({ min: 80, max: 1000 }),
  isSoft: fc.boolean(),
});

it('a caller below its fair share loses nothing to one with tight deadlines, from that one’s first request on', async () => {
  const greedy: TrafficClass = { caller: 'greedy', perMs: 8, deadlineMs: 25 };
  const classes = [greedy, { caller: 'meek', perMs: 0.025, deadlineMs: 128 }];
  const options = { maxBatchSize: MAX_BATCH_SIZE, maxEnqueuedBatches: 100, sloMs: 100 };
  for (let seed = 0; seed < 10; seed++) {
    const { models } = await simulate({ models: [{ classes, runMs, options }], slots: 1, durationMs: 1000, seed });
    assert.deepEqual([...models[0]![1]!.reasons], [], `seed ${seed}`);
  }
});

it('callers that are each light take no more runs than one of them may, whatever their deadlines', async () => {
  const light = Array.from(
    { length: 5 },
    (_, i): TrafficClass => ({ caller: `light ${i}`, perMs: 0.2, deadlineMs: 16 }),
  );
  const classes = [{ caller: 'heavy', perMs: 2, deadlineMs: 200 }, ...light];
  const options = { maxBatchSize: MAX_BATCH_SIZE, maxEnqueuedBatches: 100 };
  for (let seed = 0; seed < 3; seed++) {
    const model = { classes, runMs: largeModelMs, options };
    const { models } = await simulate({ models: [model], slots: 1, durationMs: 2000, seed });
    const { good, offered } = models[0]![0]!;
    assert.ok(good / offered > 0.9, `${good} of ${offered} in time, seed ${seed}`);
  }
});

it('a caller below its fair share of which more than a batch waits is served beside one that goes on asking', async () => {
  const classes: TrafficClass[] = [
    { caller: 'greedy', perMs: 0.16, rows: 64, deadlineMs: 30_000, isSoft: true },
    { caller: 'meek', perMs: 0.003, rows: 70, deadlineMs: 30_000 },
    { caller: 'meek', perMs: 0.1, deadlineMs: 30_000 },
  ];
  for (const sloMs of [undefined, 100]) {
    const options = { maxBatchSize: MAX_BATCH_SIZE, maxEnqueuedBatches: 100, sloMs };
    const { models } = await simulate({ models: [{ classes, runMs, options }], slots: 1, durationMs: 4000, seed: 3 });
    const [, large, small] = models[0]!;
    assert.equal(large!.refused + small!.refused, 0);
    // The deadlines are far, so by deadline alone they are served when the other has ended, after 4 s.
    assert.ok(Math.max(...large!.latencies, ...small!.latencies) < 1500);
  }
});

it('a caller below its fair share loses nothing to others that go first and take all there is together', async () => {
  // The second is a crowd that is hardly served, so the third, which is never a crowd and takes most, goes first as well.
  const classes: TrafficClass[] = [
    { caller: 'large', perMs: 0.007, rows: 983, deadlineMs: 4918, isSoft: true },
    { caller: 'crowd', perMs: 5.4, rows: 3, deadlineMs: 1627 },
    { caller: 'steady', perMs: 2.3, rows: 2, deadlineMs: 1461, isSoft: true },
    { caller: 'meek', perMs: 0.058, deadlineMs: 83 },
  ];
  const options = { maxBatchSize: MAX_BATCH_SIZE, maxEnqueuedBatches: 100 };
  for (let seed = 0; seed < 6; seed++) {
    const { models } = await simulate({ models: [{ classes, runMs, options }], slots: 1, durationMs: 1000, seed });
    assert.deepEqual([...models[0]![3]!.reasons], [], `seed ${seed}`);
  }
});

it('a caller below its fair share is admitted, and answered in time, beside any that are not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(greedy, { minLength: 1, maxLength: 3 }),
      meek,
      fc.record({ sloMs: fc.constantFrom(undefined, 100), slots: fc.constantFrom(1, 2), seed: fc.nat() }),
      async (others, own, { sloMs, slots, seed }) => {
        const crowd = others.map((each, i): TrafficClass => ({ ...each, caller: `greedy ${i}` }));
        // Without a deadline it is due at the objective, and in time until then.
        const deadlineMs = own.isSoft ? Math.max(own.deadlineMs, sloMs ?? 0) : own.deadlineMs;
        const classes = [...crowd, { ...own, deadlineMs, caller: 'meek' }];
        const options = { maxBatchSize: MAX_BATCH_SIZE, maxEnqueuedBatches: 100, sloMs };
        const { models } = await simulate({ models: [{ classes, runMs, options }], slots, durationMs: 1000, seed });
        const { offered, refused, late, reasons } = models[0]!.at(-1)!;
        const told = `${refused} refused, ${late} late of ${offered}: ${[...reasons]}`;
        assert.equal(refused, 0, told);
        assert.ok(late <= 1, told);
      },
    ),
    // A run costs too much to look for the smallest that fails.
    { numRuns: RUNS, endOnFailure: true },
  );
});
