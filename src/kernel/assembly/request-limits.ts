/** The life of requests within the server's limits: on time, memory and callers. */
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { DeadlineTimer } from '../../core/deadline-timer.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import { CallerLimits, type Limit } from '../../proxy/caller-limits.ts';
import type { MemoryBudget } from '../../proxy/memory-budget.ts';
import { RefusalHold } from '../../proxy/refusal-hold.ts';
import { ArrivalClock, type CarriedDeadlines, RequestLifecycle } from '../../proxy/request-lifecycle.ts';

export function createRequestLifecycle(
  options: ServeOptions,
  telemetry: AppTelemetry,
  deadlines: DeadlineTimer,
  memory: MemoryBudget,
  carriedDeadlines: CarriedDeadlines | undefined,
): RequestLifecycle {
  return new RequestLifecycle({
    ...{ clock: systemClock, deadlines, telemetry, memory, carriedDeadlines },
    maxTimeoutMs: { rest: options.rest_api_timeout_in_ms, grpc: options.grpc_api_timeout_in_ms || Infinity },
    arrivals: new ArrivalClock(),
    callerLimits: callerLimits(options),
    refusals: options.refusal_delay_ms === 0 ? undefined : refusalHold(options, deadlines),
  });
}

function refusalHold({ refusal_delay_ms: mostMs }: ServeOptions, deadlines: DeadlineTimer): RefusalHold {
  return new RefusalHold({ clock: systemClock, deadlines, mostMs });
}

/** Undefined if no limit is set. */
function callerLimits(options: ServeOptions): CallerLimits | undefined {
  const limit = (inFlight: number, perSecond: number, unit = 1): Limit => ({
    inFlight: inFlight * unit || Infinity,
    perSecond: perSecond * unit || Infinity,
  });
  const limits = {
    requests: limit(options.caller_max_requests, options.caller_requests_per_s),
    rows: limit(options.caller_max_rows, options.caller_rows_per_s),
    bytes: limit(options.caller_max_mib, options.caller_mib_per_s, 2 ** 20),
  };
  const isLimited = Object.values(limits).some(({ inFlight, perSecond }) => Math.min(inFlight, perSecond) < Infinity);
  return isLimited ? new CallerLimits(limits) : undefined;
}
