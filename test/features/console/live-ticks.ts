/** Ticks of the console's live numbers. */

import type { LiveTick, LiveVersion } from '../../../src/features/console/live-report.ts';
import { bucketOf } from '../../../src/ledger/latency-buckets.ts';

/** Version 1 of model `m`, without traffic. */
export function version(changes: Partial<LiveVersion> = {}): LiveVersion {
  return {
    model: 'm',
    version: '1',
    requests: 0,
    in_time: 0,
    rows: 0,
    failures: {},
    latency: [],
    stages_ms: [],
    ...changes,
  };
}

/** The tick of one second. */
export function tick(second: number, ...versions: LiveVersion[]): LiveTick {
  return { at_ms: second * 1000, span_ms: 1000, in_flight: 3, cpu_cores: 0.5, models_revision: 1, versions };
}

/** Requests that were answered in time. */
export const answered = (times: number, ms: number, executeMs: number): Partial<LiveVersion> => ({
  requests: times,
  in_time: times,
  rows: times,
  latency: [[bucketOf(ms), times]],
  stages_ms: [0, 0, 0, 1, 0, executeMs, 0, 0],
});
