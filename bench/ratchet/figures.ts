/** What the ratchet measures: figures, each a ratio of this checkout to the pinned one. */

export interface Measure {
  /** In tables, with its unit. */
  readonly label: string;
  readonly isMoreBetter: boolean;
  /** Behind the decimal point. */
  readonly digits: number;
}

export const MEASURES = {
  requests: { label: 'requests/s', isMoreBetter: true, digits: 0 },
  cpu: { label: 'CPU µs a request', isMoreBetter: false, digits: 1 },
  p50: { label: 'p50 ms', isMoreBetter: false, digits: 3 },
  p99: { label: 'p99 ms', isMoreBetter: false, digits: 3 },
  start: { label: 's to the first answer', isMoreBetter: false, digits: 3 },
  memory: { label: 'MiB resident, idle', isMoreBetter: false, digits: 0 },
  attainment: { label: 'answered in time', isMoreBetter: true, digits: 3 },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;

/** One measurement of both, next to each other in time. */
export interface Sample {
  /** The work that was done, such as "mlp_small gRPC, 32 connections". */
  readonly work: string;
  readonly measure: MeasureName;
  /** Which start of the two servers, from 0. */
  readonly start: number;
  readonly here: number;
  readonly pinned: number;
  /** Other processes took much of the machine, at each of several tries. */
  readonly isDisturbed?: boolean;
}

/** Names a figure, in the file of the best ratios too. */
export function keyOf({ work, measure }: Pick<Sample, 'work' | 'measure'>): string {
  return `${work}: ${MEASURES[measure].label}`;
}
