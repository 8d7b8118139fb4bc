/** The measures of the ratchet: figures, each a ratio of this checkout to the pinned one. */
import { median } from '../support/statistics.ts';

export interface Measure {
  /** The name in tables, with the unit. */
  readonly label: string;
  readonly isMoreBetter: boolean;
  /** Digits behind the decimal point. */
  readonly digits: number;
}

export const MEASURES = {
  requests: { label: 'requests/s', isMoreBetter: true, digits: 0 },
  cpu: { label: 'CPU µs a request', isMoreBetter: false, digits: 1 },
  p50: { label: 'p50 ms', isMoreBetter: false, digits: 3 },
  p99: { label: 'p99 ms', isMoreBetter: false, digits: 3 },
  start: { label: 's to the first answer', isMoreBetter: false, digits: 3 },
  memory: { label: 'MiB resident, idle', isMoreBetter: false, digits: 0 },
  refusal: { label: 'CPU of a refusal ÷ of a right request', isMoreBetter: false, digits: 2 },
  attainment: { label: 'answered in time', isMoreBetter: true, digits: 3 },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;

export interface Both<T> {
  readonly here: T;
  readonly pinned: T;
}

/** A figure at one start of the two servers, of pairs of measurements that are neighbours in time. */
export interface Sample extends Both<number> {
  /** The work that was done, such as "mlp_small gRPC, 32". */
  readonly work: string;
  readonly measure: MeasureName;
  /** The number of the start, from 0. */
  readonly start: number;
  /** The median of the pairs' ratios, here ÷ pinned; `here` and `pinned` are medians by themselves. */
  readonly ratio: number;
  readonly pairs: number;
  /** Other processes, or other machines, took much of this one. */
  readonly isDisturbed?: boolean;
}

/** Throws where there is no pair, or one of the two did nothing in half of them: nothing was measured. */
export function sampleOf(
  of: Pick<Sample, 'work' | 'measure' | 'start' | 'isDisturbed'>,
  pairs: readonly Both<number>[],
): Sample {
  const ratio = median(pairs.map(({ here, pinned }) => here / pinned));
  if (!(ratio > 0 && Number.isFinite(ratio)))
    throw new Error(`${keyOf(of)}: nothing was measured at start ${of.start + 1}`);
  return {
    ...of,
    here: median(pairs.map(({ here }) => here)),
    pinned: median(pairs.map(({ pinned }) => pinned)),
    ratio,
    pairs: pairs.length,
  };
}

/** Names a figure, in the file of the best ratios too. */
export function keyOf({ work, measure }: Pick<Sample, 'work' | 'measure'>): string {
  return `${work}: ${MEASURES[measure].label}`;
}
