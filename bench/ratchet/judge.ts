/**
 * Samples and the best ratios so far → a verdict on each figure.
 *
 * A start is one observation: which code was compiled when, and which plan was chosen, differ from start to start. A
 * figure's interval is that of the median of the starts' ratios, by their order (statistics.ts); of four starts and of
 * the eight of a repeated work, from the lowest to the highest.
 *
 * "Gain" is the ratio where more is better, and its inverse where less is: 1.05 is always 5 % better.
 *
 *            0.97 × best    best
 *   ───├───┤──┼──────────────┼───────  fails: the whole interval lies below
 *          ├──┼───┤          │         unclear: a loss of 3 % can be neither shown nor ruled out
 *             │    ├──────┤  │         holds
 *             │              │ ├────┤  new best, if the median is better by 3 % at least: runs differ by less
 */
import { median, medianInterval } from '../support/statistics.ts';
import { keyOf, MEASURES, type Sample } from './figures.ts';

/** The share of the best so far below which a figure fails. */
export const FLOOR = 0.97;
const NEW_BEST = 1 / FLOOR;

export type State = 'fails' | 'unclear' | 'holds' | 'new best' | 'first';

export interface Verdict extends Pick<Sample, 'work' | 'measure'> {
  readonly key: string;
  readonly starts: number;
  /** Medians of the starts. */
  readonly here: number;
  readonly pinned: number;
  /** here ÷ pinned: the median of the starts' ratios, with its interval. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** The best ratio so far; undefined where this is the first run with the figure. */
  readonly best: number | undefined;
  /** The ratio divided by the best. */
  readonly gain: number | undefined;
  readonly state: State;
}

/** The verdicts in the order in which figures were first measured. `bestOf` is undefined if there is none yet. */
export function judge(samples: readonly Sample[], bestOf: (key: string) => number | undefined): Verdict[] {
  const figures = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = keyOf(sample);
    const known = figures.get(key);
    if (known === undefined) figures.set(key, [sample]);
    else known.push(sample);
  }
  return [...figures].map(([key, own]) => verdictOn(key, own, bestOf(key)));
}

function verdictOn(key: string, samples: readonly Sample[], best: number | undefined): Verdict {
  const { work, measure } = samples[0]!;
  const ratios = samples.map((sample) => sample.ratio);
  const ratio = median(ratios);
  const [low, high] = medianInterval(ratios);
  const gainOf = (value: number): number => (MEASURES[measure].isMoreBetter ? value / best! : best! / value);
  const gains = best === undefined ? undefined : [low, high].map(gainOf).sort((a, b) => a - b);
  return {
    ...{ work, measure, key, starts: ratios.length, ratio, low, high, best },
    here: median(samples.map(({ here }) => here)),
    pinned: median(samples.map(({ pinned }) => pinned)),
    gain: best === undefined ? undefined : gainOf(ratio),
    state: gains === undefined ? 'first' : stateOf(gains[0]!, gainOf(ratio), gains[1]!),
  };
}

function stateOf(low: number, middle: number, high: number): State {
  if (high < FLOOR) return 'fails';
  if (low > 1 && middle >= NEW_BEST) return 'new best';
  return low < FLOOR ? 'unclear' : 'holds';
}
