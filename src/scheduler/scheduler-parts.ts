/** The parts that all of one scheduler's work shares. */
import type { Clock } from '../core/clock.ts';
import type { Executor } from '../core/executor.ts';
import type { Telemetry } from '../ledger/request-record.ts';
import type { QuarantinedCallers } from './batch/quarantined-callers.ts';
import type { CoreSlots } from './cores/core-slots.ts';
import type { LatencyModel } from './latency/latency-model.ts';
import type { RunStatistics } from './latency/run-statistics.ts';
import type { TaskQueue } from './queue/task-queue.ts';
import type { Quarantine } from './task.ts';

export interface SchedulerParts {
  readonly model: string;
  readonly version: string;
  readonly executor: Executor;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** All that waits, the members of failed batches that are to run again among it. */
  readonly queue: TaskQueue;
  /** The cores that it shares with other schedulers. */
  readonly slots: CoreSlots;
  /** How long its runs take, by the threads that they have. */
  readonly latency: LatencyModel;
  readonly statistics: RunStatistics;
  readonly quarantined: QuarantinedCallers;
  /** The place where requests run again whose batch ended its process. Undefined = here. */
  readonly quarantine: Quarantine | undefined;
  /** A signature has shown that it has no batch axis: its requests are run whole. Called once for each signature. */
  readonly onMisfit: ((signatureName: string, reason: string) => void) | undefined;
}
