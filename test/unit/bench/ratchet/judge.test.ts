/** Which runs fail, and which do not: losses of 5 %, noise, and repeats. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MeasureName, type Sample, sampleOf } from '../../../../bench/ratchet/figures.ts';
import { judge, type State, type Verdict } from '../../../../bench/ratchet/judge.ts';

/** A start for each ratio, with three pairs of measurements, one of which went wrong. */
function samplesOf(ratios: readonly number[], measure: MeasureName = 'requests', work = 'w'): Sample[] {
  return ratios.map((ratio, start) => {
    const pairs = [ratio, ratio * 0.3, ratio * 1.001].map((here) => ({ here: here * 1000, pinned: 1000 }));
    return sampleOf({ work, measure, start }, pairs);
  });
}

function verdictOn(ratios: readonly number[], best: number | undefined, measure?: MeasureName): Verdict {
  const [verdict] = judge(samplesOf(ratios, measure), () => best);
  return verdict!;
}

describe('a figure of which more is better', () => {
  const cases: { ratios: number[]; best: number | undefined; state: State; why: string }[] = [
    { ratios: [0.9, 0.95, 0.93, 0.96], best: 1, state: 'fails', why: 'every start is below 0.97' },
    { ratios: [0.9, 0.95, 0.93, 0.98], best: 1, state: 'unclear', why: 'one start is above' },
    { ratios: [0.98, 1.01, 0.99, 1.02], best: 1, state: 'holds', why: 'none is below' },
    { ratios: [1.01, 1.02, 1.01, 1.02], best: 1, state: 'holds', why: 'all are above the best, by less than 3 %' },
    { ratios: [1.01, 1.05, 1.04, 1.06], best: 1, state: 'new best', why: 'all are above the best, by 3 % and more' },
    { ratios: [0.99, 1.05, 1.04, 1.06], best: 1, state: 'holds', why: 'one is below the best' },
    { ratios: [0.8, 0.81, 0.79, 0.8], best: 0.8, state: 'holds', why: 'the best is below the pinned commit' },
    { ratios: [1.12, 1.13, 1.14, 1.1], best: 1.2, state: 'fails', why: 'the best is far above the pinned commit' },
    { ratios: [0.5, 0.6, 0.5, 0.7], best: undefined, state: 'first', why: 'there is no best yet' },
    {
      ratios: [0.9, 0.95, 0.93, 0.96, 0.94, 0.95, 0.93, 0.96],
      best: 1,
      state: 'fails',
      why: 'the repeat is below, too',
    },
    { ratios: [0.9, 0.95, 0.93, 0.96, 1, 1, 1, 1], best: 1, state: 'unclear', why: 'the repeat is as good as ever' },
  ];
  for (const { ratios, best, state, why } of cases) {
    it(`of ${ratios.join(', ')} beside a best of ${best}: ${state}, as ${why}`, () => {
      assert.equal(verdictOn(ratios, best).state, state);
    });
  }
});

describe('a figure of which less is better', () => {
  for (const [ratios, best, state] of [
    [[1.05, 1.06, 1.04, 1.05], 1, 'fails'],
    [[1.05, 1.06, 1.02, 1.05], 1, 'unclear'],
    [[1.01, 0.99, 1.02, 1], 1, 'holds'],
    [[0.9, 0.95, 0.93, 0.96], 1, 'new best'],
  ] as const) {
    it(`of ${ratios.join(', ')} beside a best of ${best}: ${state}`, () => {
      assert.equal(verdictOn(ratios, best, 'cpu').state, state);
    });
  }

  it('has a gain above 1 where it is less than the best', () => {
    assert.equal(verdictOn([0.5, 0.5, 0.5, 0.5], 0.75, 'cpu').gain, 1.5);
  });
});

describe('a figure', () => {
  it('is the median of its starts’ medians, from the lowest to the highest start', () => {
    const { ratio, low, high, starts } = verdictOn([0.7, 0.9, 0.8, 1], 1);
    assert.deepEqual({ ratio: ratio.toFixed(3), low, high, starts }, { ratio: '0.850', low: 0.7, high: 1, starts: 4 });
  });

  it('that was not measured at a start ends the run', () => {
    const nothing = (): Sample => sampleOf({ work: 'w', measure: 'cpu', start: 1 }, []);
    assert.throws(nothing, /w: CPU µs a request: nothing was measured at start 2/);
    const stalled = [0, 0, 1].map((here) => ({ here, pinned: 1 }));
    assert.throws(() => sampleOf({ work: 'w', measure: 'requests', start: 0 }, stalled), /nothing was measured/);
  });

  it('is judged by its own best alone, in the order in which it was measured', () => {
    const samples = [...samplesOf([0.9, 0.9], 'requests', 'b'), ...samplesOf([0.9, 0.9], 'requests', 'a')];
    const verdicts = judge(samples, (key) => (key === 'a: requests/s' ? 0.9 : 1));
    assert.deepEqual(
      verdicts.map(({ key, state }) => [key, state]),
      [
        ['b: requests/s', 'fails'],
        ['a: requests/s', 'holds'],
      ],
    );
  });
});
