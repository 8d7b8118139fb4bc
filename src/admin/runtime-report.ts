/** The runtime of a version in GET /models, and the comparison with its shadow. */
import type { ServableRuntime } from '../models/serving/load-findings.ts';
import { omitUndefined } from './omit-undefined.ts';

export interface RuntimeReport {
  readonly kind: string;
  /** Why it was chosen; absent if the configuration or the first artifact decided. */
  readonly reason?: string;
  /** Each artifact of the version and its outcome; absent as above. Times are round trips. */
  readonly candidates?: readonly {
    readonly runtime: string;
    readonly outcome: 'chosen' | 'slower' | 'skipped';
    readonly reason?: string;
    readonly relative_cost?: number;
    readonly times: readonly { readonly signature: string; readonly rows: number; readonly ms: number }[];
  }[];
}

/** The report of the feature `shadow`. */
export interface ShadowReport {
  readonly runtime: string;
  readonly sample: number;
  readonly state: 'loading' | 'running' | 'off';
  readonly reason: string;
  readonly restarts: number;
  /** Memory of its own process. */
  readonly resident_bytes?: number;
  readonly compared: number;
  readonly different: number;
  /** Requests that were sampled and not compared. */
  readonly left_out: Readonly<Record<'busy' | 'too_large' | 'failed', number>>;
  /** Geometric mean of its run time divided by the model's; absent before the first run. */
  readonly latency_ratio?: number;
  readonly outputs: readonly {
    readonly output: string;
    readonly mismatches: number;
    readonly max_absolute?: number;
    readonly max_relative?: number;
  }[];
}

export function runtimeReport({ kind, choice }: ServableRuntime): RuntimeReport {
  if (choice === undefined) return { kind };
  const candidates = choice.candidates.map(({ runtime, outcome, reason, relativeCost, times }) =>
    omitUndefined({ runtime, outcome, reason, relative_cost: relativeCost, times }),
  );
  return { kind, reason: choice.reason, candidates };
}
