/** The choice among the artifacts of a version, for a model whose configuration says `auto`. */
import type { Executor } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';

/** The part of a host that the choice needs. */
export interface Candidate {
  readonly signatures: Signatures;
  readonly executor: Executor;
  close(): Promise<void>;
}

/** The candidates, and the way to load them. */
export interface ChoiceOptions<H extends Candidate> {
  /** Kinds of runtimes, the preferred one first; at least one. */
  readonly kinds: readonly string[];
  /** Loads one artifact. Rejects with a ServingError if that fails. */
  readonly start: (kind: string) => Promise<H>;
  readonly scheduler: Pick<SchedulerOptions, 'maxBatchSize' | 'allowedBatchSizes'>;
  /** Other versions are being served, so a sweep leaves cores to them. */
  readonly isGentle: boolean;
}

/** The median run time of one size, in ms. */
export interface SizeTime {
  readonly signature: string;
  readonly rows: number;
  readonly ms: number;
}

/** The outcome for one artifact. */
export interface CandidateReport {
  readonly runtime: string;
  readonly outcome: 'chosen' | 'slower' | 'skipped';
  /** Why it was skipped. */
  readonly reason?: string;
  /** The median round trip through its host at each size; empty if it was not timed. */
  readonly times: readonly SizeTime[];
  /** The run time as a multiple of the chosen one's; only if it is slower. */
  readonly relativeCost?: number;
}

export interface RuntimeChoice {
  readonly runtime: string;
  /** A clause for a log line. */
  readonly reason: string;
  /** The reports in the order in which the artifacts were tried. */
  readonly candidates: readonly CandidateReport[];
}

export interface Chosen<H> {
  readonly host: H;
  /** Replaces the host's own executor. */
  readonly executor: Executor;
  /** The signatures that are served. */
  readonly signatures: Signatures;
  readonly choice: RuntimeChoice;
}

/** Rejects with the only candidate's error, or with an error that lists all reasons; nothing is left running then. */
export type ChooseRuntime = <H extends Candidate>(
  model: string,
  version: bigint,
  options: ChoiceOptions<H>,
) => Promise<Chosen<H>>;
