/**
 * States of the server and of its model versions, asked for at scrape time: queues, breakers, memory, processes. Label values
 * are names of configured models, their versions and closed sets.
 */
import type { Registry } from 'prom-client';
import { asMetric, GaugeFamily, type Reading } from './series.ts';

/** How full a model version's queues are. */
export interface QueueReading {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly tasks: number;
  readonly runningBatches: number;
}

/** What a model version takes of memory, in bytes. */
export interface MemoryReading {
  readonly model: string;
  readonly version: string;
  /** `weights`: of its files, once for each session; `working`: what the process grew by beyond them. */
  readonly part: 'weights' | 'working';
  readonly bytes: number;
}

/** In which state the circuit breaker of a model version is. */
export interface BreakerReading {
  readonly model: string;
  readonly version: string;
  readonly state: (typeof BREAKER_STATE_LABELS)[number];
}

/** The one that it is in has 1, the others 0. */
const BREAKER_STATE_LABELS = ['closed', 'half_open', 'open'] as const;

/** Memory of a model version's own processes, in bytes. */
export interface HostReading {
  readonly model: string;
  readonly version: string;
  readonly residentBytes: number;
}

/** Memory of the processes that models share, in bytes. */
export interface ProcessGroupReading {
  readonly group: string;
  readonly residentBytes: number;
}

/** Each gauge is registered by the first call of its method; a second is an error of the registry. */
export class Gauges {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  observeQueues(read: () => readonly QueueReading[]): void {
    const gauge = (name: string, help: string, pick: (reading: QueueReading) => number): void =>
      this.#register(name, help, () =>
        read().map((r) => ({ labels: { model: r.model, version: r.version }, value: pick(r) })),
      );
    gauge('pillion_queue_rows', 'Rows that wait for a slot.', (r) => r.rows);
    gauge('pillion_queue_tasks', 'Requests (or parts of large ones) that wait for a slot.', (r) => r.tasks);
    gauge('pillion_running_batches', 'Batches that the runtime has now.', (r) => r.runningBatches);
  }

  observeBreakers(read: () => readonly BreakerReading[]): void {
    const help = 'State of the circuit breaker around a version’s batches: 1 for the one that it is in.';
    this.#register('pillion_breaker_state', help, () =>
      read().flatMap(({ model, version, state: current }) =>
        BREAKER_STATE_LABELS.map((state) => ({ labels: { model, version, state }, value: state === current ? 1 : 0 })),
      ),
    );
  }

  observeMemory(read: () => readonly MemoryReading[]): void {
    const help = 'Memory that a loaded version takes, as measured when it loaded.';
    this.#register('pillion_model_memory_bytes', help, () =>
      read().map(({ model, version, part, bytes }) => ({ labels: { model, version, part }, value: bytes })),
    );
  }

  observeHosts(read: () => readonly HostReading[]): void {
    const help = 'Memory of the processes that a version runs in, where it has its own.';
    this.#register('pillion_host_resident_bytes', help, () =>
      read().map(({ model, version, residentBytes }) => ({ labels: { model, version }, value: residentBytes })),
    );
  }

  observeProcessGroups(read: () => readonly ProcessGroupReading[]): void {
    const help = 'Memory of the processes that the models of a group share.';
    this.#register('pillion_process_group_resident_bytes', help, () =>
      read().map(({ group, residentBytes }) => ({ labels: { process_group: group }, value: residentBytes })),
    );
  }

  /** One number without labels. Call once for each name. */
  observe(name: string, help: string, read: () => number): void {
    this.#register(name, help, () => [{ labels: {}, value: read() }]);
  }

  #register(name: string, help: string, read: () => readonly Reading[]): void {
    this.#registry.registerMetric(asMetric(new GaugeFamily(name, help, read)));
  }
}
