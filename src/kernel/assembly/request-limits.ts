/** The life of requests within the server's limits: on time, memory and callers. */
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { DeadlineTimer } from '../../core/deadline-timer.ts';
import { ArrivalClock } from '../../ledger/arrival-clock.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { MemoryBudget } from '../../proxy/memory-budget.ts';
import { RefusalHold } from '../../proxy/refusal-hold.ts';
import { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import type { Installer } from './installer.ts';

export function createRequestLifecycle(
  options: ServeOptions,
  telemetry: AppTelemetry,
  deadlines: DeadlineTimer,
  memory: MemoryBudget,
  { carried: carriedDeadlines, callerLimits, toldAs }: Pick<Installer, 'carried' | 'callerLimits' | 'toldAs'>,
): RequestLifecycle {
  return new RequestLifecycle({
    ...{ clock: systemClock, deadlines, telemetry, memory, carriedDeadlines, callerLimits, toldAs },
    maxTimeoutMs: { rest: options.rest_api_timeout_in_ms, grpc: options.grpc_api_timeout_in_ms || Infinity },
    arrivals: new ArrivalClock(),
    refusals: options.refusal_delay_ms === 0 ? undefined : refusalHold(options, deadlines),
  });
}

function refusalHold({ refusal_delay_ms: mostMs }: ServeOptions, deadlines: DeadlineTimer): RefusalHold {
  return new RefusalHold({ clock: systemClock, deadlines, mostMs });
}
