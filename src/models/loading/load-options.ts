/** The options of loading a version, which are the same for every model, and the events of its host. */
import type { Backends } from '../../backends/backends.ts';
import type { BackendNote } from '../../backends/host/backend-notes.ts';
import type { ProcessGroups } from '../../backends/host/process/process-group.ts';
import type { Sandbox } from '../../backends/host/process/sandbox.ts';
import type { PlanEvent } from '../../backends/host/sessions/elastic-options.ts';
import type { Host, HostMove } from '../../backends/host/start-host.ts';
import type { RunPriority } from '../../backends/host/thread-priority.ts';
import type { WorkerEvent } from '../../backends/host/worker-host-options.ts';
import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import type { HostChoice, ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { CoreBudget } from '../../core/core-budget.ts';
import type { BatchAxis } from '../../core/signature.ts';
import type { Telemetry } from '../../ledger/request-record.ts';
import type { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { FileKeys } from '../model-file/file-key.ts';
import type { ChooseRuntime } from '../runtimes/runtime-choice.ts';
import type { BreakerState } from '../serving/breaker.ts';
import type { Servable } from '../serving/servable.ts';
import type { PrepareVersion } from '../warm-up/warm-up.ts';
import type { FirstLoads } from './first-loads.ts';
import type { LatencyStore } from './latency-store.ts';
import type { Layers } from './layers.ts';
import type { LoadStep } from './load-steps.ts';

export interface LoadServableOptions {
  readonly clock: Clock;
  readonly backends: Backends;
  readonly telemetry: Telemetry;
  readonly scheduler: SchedulerOptions;
  /** The run slots that all models share. */
  readonly coreSlots: CoreSlots;
  /** Learned run times, kept between starts. */
  readonly latencies: LatencyStore;
  /** Decides which artifacts are loaded in a process first. Default: none are. */
  readonly firstLoads?: FirstLoads;
  /**
   * Puts a servable in the place of one that is served, of the same version; false if that is served no more. Absent =
   * versions stay as they were loaded.
   */
  readonly replaceServable?: (served: Servable, next: Servable) => boolean;
  /** Layers that features put into the stacks of versions. Default: none. */
  readonly layers?: Layers;
  /** Steps that features add to the load of a version. Default: none. */
  readonly loadSteps?: readonly LoadStep[];
  /** The keys that features bring to the pillion.yaml beside a model. Default: none. */
  readonly fileKeys?: FileKeys;
  /** The number of sessions of each model; 0 = one, and more on demand. */
  readonly slots: number;
  /** Threads inside one run; 0 = one, or all cores where a batch is done sooner so. */
  readonly intraOpThreads: number;
  /** Directories under which an artifact's files must lie, as LoadSettings has them. */
  readonly fileRoots?: readonly string[] | undefined;
  /** The cores that this process may use. */
  readonly budget: CoreBudget;
  /**
   * Makes sure that one more session of a version fits into memory, and reserves that until the returned function is
   * called. Rejects with `insufficient_memory`. Default: it fits.
   */
  readonly reserveSession?: (model: ModelConfig, version: bigint, directory: string) => Promise<() => void>;
  /** False: no signature is batched, so that every run is one request. */
  readonly isBatchingEnabled: boolean;
  /** Requests of different lengths share runs where that is proved to be safe. Default: false. */
  readonly isPadding?: boolean;
  /** Each version's batching_params.pbtxt configures its batching. */
  readonly perModelFiles?: boolean;
  /** The host of models whose configuration names none. */
  readonly host: HostChoice;
  /** Whom the runs of all models yield cores to. Default: nobody. */
  readonly runPriority?: RunPriority;
  /** The memory above which a model's process is replaced, in bytes. Default: no limit. */
  readonly processCeilingBytes?: number;
  /** The sandbox of models' processes; by default only their environment is filtered. */
  readonly sandbox?: Sandbox | undefined;
  /** The groups of models that share processes. */
  readonly processGroups: ProcessGroups;
  readonly events: HostEvents;
  /** The most bytes of the tensors that are made of one request's examples. */
  readonly maxTensorBytes: number;
  /** Reads large numbers of examples. Default: the event loop does. */
  readonly thread?: CodecThread;
  /** Other versions are being served, so timed runs leave cores to them. Default: false. */
  readonly isServing?: () => boolean;
  /** Chooses among the artifacts of a version whose model says `auto`. Absent = such a version is not loaded. */
  readonly chooseRuntime?: ChooseRuntime | undefined;
  /** Called between the load of a version and its first request. */
  readonly prepare?: PrepareVersion | undefined;
}

/** Events in the life of a version's sessions. */
export interface WorkerFacts {
  restarts: number;
  /** The reason why no further session was opened, as ServableHost has it. */
  growthRefusal: string | undefined;
}

/** Events of a version's host, for the log and metrics. */
export interface HostEvents {
  /** The version was loaded on this host. */
  onHost(model: string, version: bigint, host: Host): void;
  /** The version's sessions, or the threads of its runs, have changed. */
  onPlan?(model: string, version: bigint, event: PlanEvent): void;
  /** The version moved from the event loop to threads, or failed to. */
  onMove(model: string, version: bigint, move: HostMove): void;
  /** A worker thread or process was lost or replaced, or will not be restarted. */
  onWorkerEvent(model: string, version: bigint, event: WorkerEvent): void;
  /** A process of the version printed a line; `traceparent` is of the run that printed it, if that is traced. */
  onOutput?(model: string, version: bigint, line: string, traceparent: string | undefined): void;
  /** A session of the version tells something: lines for the log, values for its metrics. */
  onNotes?(model: string, version: bigint, notes: readonly BackendNote[]): void;
  /** The version's circuit breaker has changed its state. */
  onBreaker?(model: string, version: bigint, state: BreakerState, reason: string): void;
  /** It was decided whether rows of a signature's requests share runs. `axis` has the reason. */
  onBatchAxis?(model: string, version: bigint, signature: string, axis: BatchAxis): void;
  /** A setting of the version's own files has no effect, or a part of the version is not served. */
  onWarning?(model: string, version: bigint, text: string): void;
}
