/**
 * Gauges of the server and its model versions, read at scrape time: queues, breakers, memory, processes. Label values
 * are names of configured models, their versions, and closed sets.
 */
import type { Registry } from './registry.ts';
import { GaugeFamily, type Reading } from './series.ts';

/** The queue of a model version. */
export interface QueueReading {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly tasks: number;
  readonly runningBatches: number;
}

/** Memory of a model version, in bytes. */
export interface MemoryReading {
  readonly model: string;
  readonly version: string;
  /** `weights`: its files, once for each session; `working`: the further growth of the process. */
  readonly part: 'weights' | 'working';
  readonly bytes: number;
}

/** State of a model version's circuit breaker. */
export interface BreakerReading {
  readonly model: string;
  readonly version: string;
  readonly state: (typeof BREAKER_STATE_LABELS)[number];
}

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

/** The connections of a surface. */
export interface ConnectionReading {
  readonly surface: string;
  readonly open: number;
  readonly most: number;
}

/** Each method registers its gauges: call it once. */
export class Gauges {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  observeQueues(read: () => readonly QueueReading[]): void {
    const gauge = (name: string, help: string, pick: (reading: QueueReading) => number): void =>
      this.observeEach(name, help, () =>
        read().map((r) => ({ labels: { model: r.model, version: r.version }, value: pick(r) })),
      );
    gauge('pillion_queue_rows', 'Rows that wait for a slot.', (r) => r.rows);
    gauge('pillion_queue_tasks', 'Requests (or parts of large ones) that wait for a slot.', (r) => r.tasks);
    gauge('pillion_running_batches', 'Batches that the runtime has now.', (r) => r.runningBatches);
  }

  observeBreakers(read: () => readonly BreakerReading[]): void {
    const help = 'State of the circuit breaker around a version’s batches: 1 for the one that it is in.';
    this.observeEach('pillion_breaker_state', help, () =>
      read().flatMap(({ model, version, state: current }) =>
        BREAKER_STATE_LABELS.map((state) => ({ labels: { model, version, state }, value: state === current ? 1 : 0 })),
      ),
    );
  }

  observeMemory(read: () => readonly MemoryReading[]): void {
    const help =
      'Memory of a loaded version. weights: the size of its files times its copies (sessions) in memory now; working: what it took beside them when it loaded.';
    this.observeEach('pillion_model_memory_bytes', help, () =>
      read().map(({ model, version, part, bytes }) => ({ labels: { model, version, part }, value: bytes })),
    );
  }

  observeHosts(read: () => readonly HostReading[]): void {
    const help = 'Memory of the processes that a version runs in, where it has its own.';
    this.observeEach('pillion_host_resident_bytes', help, () =>
      read().map(({ model, version, residentBytes }) => ({ labels: { model, version }, value: residentBytes })),
    );
  }

  observeProcessGroups(read: () => readonly ProcessGroupReading[]): void {
    const help = 'Memory of the processes that the models of a group share.';
    this.observeEach('pillion_process_group_resident_bytes', help, () =>
      read().map(({ group, residentBytes }) => ({ labels: { process_group: group }, value: residentBytes })),
    );
  }

  observeConnections(read: () => readonly ConnectionReading[]): void {
    const gauge = (name: string, help: string, pick: (reading: ConnectionReading) => number): void =>
      this.observeEach(name, help, () => read().map((r) => ({ labels: { surface: r.surface }, value: pick(r) })));
    gauge('pillion_connections', 'Open connections.', (r) => r.open);
    gauge('pillion_connections_max', 'Open connections at most.', (r) => r.most);
  }

  /** One number without labels. */
  observe(name: string, help: string, read: () => number): void {
    this.observeEach(name, help, () => [{ labels: {}, value: read() }]);
  }

  /** One number for each set of labels: names of configured models, and closed sets. */
  observeEach(name: string, help: string, read: () => readonly Reading[]): void {
    this.#registry.register(new GaugeFamily(name, help, read));
  }

  /** The same of counts since the start. */
  observeCounts(name: string, help: string, read: () => readonly Reading[]): void {
    this.#registry.register(new GaugeFamily(name, help, read, 'counter'));
  }

  /** One count without labels, since the start. */
  observeCount(name: string, help: string, read: () => number): void {
    this.observeCounts(name, help, () => [{ labels: {}, value: read() }]);
  }
}
