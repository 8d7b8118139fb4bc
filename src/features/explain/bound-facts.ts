/** The facts by which a version's bound is judged. */

import type { CurvePoint } from './capacity.ts';
import type { RecentCounts } from './version-work.ts';

/** A share of the time from which on cores, sessions and the event loop count as full. */
export const FULL_SHARE = 0.9;

/** The facts of one version; shares are 0 to 1. */
export interface BoundFacts extends Omit<RecentCounts, 'signature'> {
  readonly seconds: number;
  /** Refusals of requests whose model was not known yet, by reason: they may have been for this one. */
  readonly unnamedRefusals: Readonly<Record<string, number>>;
  /** Cores that runs of all models may take, and the share of their time that runs took. */
  readonly runCores: number;
  readonly busyShare: number;
  /**
   * The sessions of the version's largest plan and the cores that they take at once; and the version's core time as a
   * share of what those cores had.
   */
  readonly sessions: number;
  readonly sessionCores: number;
  readonly sessionShare: number;
  /** Why no further session was opened although batches waited; undefined = none was refused. */
  readonly growthRefusal: string | undefined;
  readonly isInline: boolean;
  readonly loopShare: number;
  /** Cores of the whole server. */
  readonly cores: number;
  /** The model's configured objective; undefined = none. */
  readonly sloMs: number | undefined;
  /** The curve of the signature that runs most; empty = not known. */
  readonly curve: readonly CurvePoint[];
  /** Its requests may share larger runs, if max_batch_size is raised. */
  readonly canBatchMore: boolean;
}

/** The resource or limit that refusals with a reason have in common. */
export type RefusalGroup = 'cores' | 'deadline' | 'queue' | 'memory' | 'callers' | 'event_loop';

/** The refusals of the group that has the most of them. */
export interface Refused {
  readonly group: RefusalGroup | undefined;
  /** Share of all requests that the group refused. */
  readonly share: number;
  /** The group's most frequent reason. */
  readonly reason: string;
}
