/**
 * Metrics that backends keep of their own: counters and gauges of a model version, by a name that the backend chose.
 * Hosts bound the number of names.
 */
import type { Registry } from './registry.ts';
import { counterFamily, gaugeFamily } from './series.ts';

export class BackendMetrics {
  readonly #events = counterFamily(
    'pillion_backend_events_total',
    'Events that a model’s backend counts, by the backend’s name for them.',
  );
  readonly #values = gaugeFamily(
    'pillion_backend_value',
    'Values of a model’s backend, by the backend’s name for them: the last that any session of the version set.',
  );

  /** Registers its families. */
  constructor(registry: Registry) {
    registry.register(this.#events, this.#values);
  }

  count(model: string, version: string, name: string, amount: number): void {
    this.#events.open({ model, version, name }).add(amount);
  }

  set(model: string, version: string, name: string, value: number): void {
    this.#values.open({ model, version, name }).set(value);
  }
}
