/** What loading a version is told, and what it tells of its host: the same for every model. */
import type { ProcessGroups } from '../../backends/host/process/process-group.ts';
import type { Host, HostMove } from '../../backends/host/start-host.ts';
import type { WorkerEvent } from '../../backends/host/worker-slots.ts';
import type { HostChoice } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { ShadowSeries } from '../../telemetry/metrics/shadow-metrics.ts';
import type { Telemetry } from '../../telemetry/request-record.ts';
import type { RuntimeChoice } from '../runtimes/choose-runtime.ts';
import type { BreakerState } from '../serving/breaker.ts';
import type { ShadowEvent } from '../shadow/version-shadow.ts';
import type { PrepareVersion } from '../warm-up/warm-up.ts';
import type { LatencyStore } from './latency-store.ts';

export interface LoadServableOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly scheduler: SchedulerOptions;
  /** That all models share. */
  readonly coreSlots: CoreSlots;
  /** What earlier runs taught, kept between starts. */
  readonly latencies: LatencyStore;
  /** Runs of one model at a time. */
  readonly slots: number;
  readonly intraOpThreads: number;
  /** That this process may use. */
  readonly cores: number;
  /** False: a dynamic batch axis is left alone, so that every run is one request. */
  readonly isBatchingEnabled: boolean;
  /** Each version's batching_params.pbtxt decides over its batching. */
  readonly perModelFiles?: boolean;
  /** Where runs happen, for models that do not say. */
  readonly host: HostChoice;
  /** Memory above which a model's process is replaced, in bytes; by default none is. */
  readonly processCeilingBytes?: number;
  /** That models may share processes in. */
  readonly processGroups: ProcessGroups;
  readonly events: HostEvents;
  /** What the tensors that are made of one request's examples may take together, in bytes. */
  readonly maxTensorBytes: number;
  /** Others are being served: who times a version leaves them room. Default: nobody is. */
  readonly isServing?: () => boolean;
  /** Rows of the model's average batch so far, for who chooses its runtime; undefined = not known. */
  readonly learnedRows?: (model: string) => number | undefined;
  /** Where the numbers of a version's shadow are counted. */
  readonly shadowSeries: (model: string, version: string, runtime: string) => ShadowSeries;
  /** What is done with a version between its loading and its being served. */
  readonly prepare?: PrepareVersion | undefined;
}

/** What becomes of a version's host: for the log. */
export interface HostEvents {
  /** It was loaded and put where it runs. */
  onHost(model: string, version: bigint, host: Host): void;
  /** Of several artifacts one was chosen, by how fast it is. */
  onRuntime?(model: string, version: bigint, choice: RuntimeChoice): void;
  /** Something happened to its shadow. */
  onShadow?(model: string, version: bigint, event: ShadowEvent): void;
  /** It moved from the event loop to threads, or could not. */
  onMove(model: string, version: bigint, move: HostMove): void;
  /** A worker thread or process was lost, replaced or given up. */
  onWorkerEvent(model: string, version: bigint, event: WorkerEvent): void;
  /** A process of its printed a line; `traceparent` is of the run that printed it, where that is traced. */
  onOutput?(model: string, version: bigint, line: string, traceparent: string | undefined): void;
  /** Its circuit breaker has gone over to another state. */
  onBreaker?(model: string, version: bigint, state: BreakerState, reason: string): void;
  /** Something that its own files ask for has no effect, or something that it holds is not served. */
  onWarning?(model: string, version: bigint, text: string): void;
}
