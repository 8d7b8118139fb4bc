/**
 * A version directory → a servable: its backend is chosen, hosted on threads of its own, and given a scheduler.
 */
import { inlineLimitsFor } from '../backends/host/host-choice.ts';
import { type Host, type HostMove, startHost } from '../backends/host/start-host.ts';
import type { WorkerEvent } from '../backends/host/worker-slots.ts';
import type { HostChoice } from '../config/model-config.ts';
import type { Clock } from '../core/clock.ts';
import type { Signature } from '../core/signature.ts';
import type { CoreSlots } from '../scheduler/core-slots.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import type { SchedulerOptions } from '../scheduler/scheduler-options.ts';
import type { Telemetry } from '../telemetry/request-record.ts';
import type { LatencyStore } from './latency-store.ts';
import type { LoadServable } from './model-manager.ts';
import { Servable } from './servable.ts';

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
  /** Where runs happen, for models that do not say. */
  readonly host: HostChoice;
  readonly events: HostEvents;
}

/** What becomes of a version's host: for the log. */
export interface HostEvents {
  /** It was loaded and put where it runs. */
  onHost(model: string, version: bigint, host: Host): void;
  /** It moved from the event loop to threads, or could not. */
  onMove(model: string, version: bigint, move: HostMove): void;
  /** A worker thread was lost, replaced or given up. */
  onWorkerEvent(model: string, version: bigint, event: WorkerEvent): void;
}

/** A loader with these options for every model. It rejects with ServingError `load_failed`; nothing is left running. */
export function servableLoader(options: LoadServableOptions): LoadServable {
  return async (model, version, versionDirectory) => {
    const { clock, telemetry, events, isBatchingEnabled } = options;
    const { name } = model;
    const hosted = await startHost({
      model: name,
      backendKind: model.backend,
      versionDirectory,
      loadOptions: { intraOpThreads: options.intraOpThreads, executionProvider: model.executionProvider },
      slots: options.slots,
      clock,
      host: model.host ?? options.host,
      limits: inlineLimitsFor(options.cores),
      maxBatchSize: isBatchingEnabled ? options.scheduler.maxBatchSize : 1,
      onMove: (move) => events.onMove(name, version, move),
      onWorkerEvent: (event) => events.onWorkerEvent(name, version, event),
    });
    events.onHost(name, version, hosted);
    const signatures = isBatchingEnabled ? hosted.signatures : withoutBatching(hosted.signatures);
    const scheduler = new Scheduler({
      executor: hosted.executor,
      clock,
      telemetry,
      options: { ...options.scheduler, sloMs: model.sloMs ?? options.scheduler.sloMs },
      slots: options.coreSlots,
      signatures,
      model: name,
      version: version.toString(),
    });
    const isKept = await options.latencies.keep(name, version, versionDirectory, scheduler.latency);
    return new Servable(name, version, signatures, {
      submit: (request) => scheduler.submit(request),
      close: async () => {
        await scheduler.close();
        await isKept.end();
        await hosted.close();
      },
      get queuedRows() {
        return scheduler.queuedRows;
      },
      get queuedTasks() {
        return scheduler.queuedTasks;
      },
      get sessions() {
        return hosted.executor.slots;
      },
      get runningBatches() {
        return scheduler.runningBatches;
      },
    });
  };
}

function withoutBatching(signatures: ReadonlyMap<string, Signature>): ReadonlyMap<string, Signature> {
  const single = new Map<string, Signature>();
  for (const [name, signature] of signatures) {
    const isDynamic = signature.batchAxis.kind === 'dynamic';
    single.set(name, isDynamic ? { ...signature, batchAxis: { kind: 'none' } } : signature);
  }
  return single;
}
