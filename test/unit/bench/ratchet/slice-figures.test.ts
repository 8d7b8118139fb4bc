/** What is counted of a load that was held and let go: which requests belong to a slice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MeasureName } from '../../../../bench/ratchet/figures.ts';
import { figuresOf } from '../../../../bench/ratchet/slice-figures.ts';
import type { Slice } from '../../../../bench/ratchet/slices.ts';
import type { TimedRequest } from '../../../../bench/support/load-generators.ts';

const slice = (resumedAt: number, cpuMicros = 1000): Slice => ({
  ...{ resumedAt, steadyAt: resumedAt + 1000, heldAt: resumedAt + 51_000, cpuMicros, stolenShare: 0 },
});
/** Requests that take so many µs each, one after another. */
const chain = (from: number, count: number, taken: number): TimedRequest[] =>
  Array.from({ length: count }, (_, i) => ({ startedAt: from + i * taken, endedAt: from + (i + 1) * taken }));

function measured(measure: MeasureName): { here: number; pinned: number }[] {
  const pairs = [0, 1, 2].map((i) => ({ here: slice(i * 200_000, 800), pinned: slice(i * 200_000 + 100_000, 500) }));
  // One request of each slice waits until the next one, as its answer comes while its load is held.
  const requests = {
    here: [0, 200_000].flatMap((at) => [...chain(at, 50, 1000), { startedAt: at + 50_000, endedAt: at + 200_000 }]),
    pinned: [100_000, 300_000, 500_000].flatMap((at) => chain(at, 100, 500)),
  };
  return figuresOf({ pairs, requests }, measure);
}

describe('of a load in slices', () => {
  it('a rate counts what was answered while it was steady, nothing where one of them stalled', () => {
    assert.deepEqual(
      measured('requests').map(({ here, pinned }) => [Math.round(here), Math.round(pinned)]),
      [
        [1000, 1980],
        [1000, 1980],
        [0, 1980],
      ],
    );
  });

  it('a pair in which neither answered is left out', () => {
    const pairs = [{ here: slice(0), pinned: slice(100_000) }];
    assert.deepEqual(figuresOf({ pairs, requests: { here: [], pinned: [] } }, 'requests'), []);
  });

  it('CPU is that of the whole slice, by what was answered in it', () => {
    const [first, second] = measured('cpu');
    assert.deepEqual(first, { here: 800 / 50, pinned: 500 / 100 });
    // The answer that came meanwhile is read now.
    assert.equal(second!.here, 800 / 51);
  });

  it('latency leaves out requests that were on their way while their load was held', () => {
    assert.deepEqual(measured('p99'), [{ here: 1, pinned: 0.5 }]);
    assert.deepEqual(measured('p50'), [{ here: 1, pinned: 0.5 }]);
  });

  it('nothing is made up for a measure that a load does not have', () => {
    assert.throws(() => measured('memory'), /does not measure memory/);
  });
});
