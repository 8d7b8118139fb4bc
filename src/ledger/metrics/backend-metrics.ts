/**
 * Metrics that backends keep of their own: counters and gauges of a model version, by a name that the backend chose.
 * Hosts bound the number of names.
 */
import type { Registry } from './registry.ts';
import { type CounterSeries, counterFamily, GaugeFamily, type Reading } from './series.ts';
import { SeriesByKey } from './tf-serving-names.ts';

export class BackendMetrics {
  readonly #events = counterFamily(
    'pillion_backend_events_total',
    'Events that a model’s backend counts, by the backend’s name for them.',
  );
  readonly #counters = new SeriesByKey();
  readonly #values = new Map<string, Reading>();

  /** Registers its families. */
  constructor(registry: Registry) {
    const help =
      'Values of a model’s backend, by the backend’s name for them: the last that any session of the version set.';
    registry.register(this.#events);
    registry.register(new GaugeFamily('pillion_backend_value', help, () => [...this.#values.values()]));
  }

  count(model: string, version: string, name: string, amount: number): void {
    const open = (): CounterSeries => this.#events.open({ model, version, name });
    this.#counters.one(keyOf(model, version, name), open).add(amount);
  }

  set(model: string, version: string, name: string, value: number): void {
    this.#values.set(keyOf(model, version, name), { labels: { model, version, name }, value });
  }

  /** Removes the series of a version. */
  forget(model: string, version: string): void {
    const suffix = keyOf(model, version, '');
    this.#counters.forget(suffix);
    this.#events.removeWhere((labels) => labels['model'] === model && labels['version'] === version);
    for (const key of this.#values.keys()) if (key.endsWith(suffix)) this.#values.delete(key);
  }
}

/** It ends with the version and the model. Names of metrics and versions have no spaces. */
function keyOf(model: string, version: string, name: string): string {
  return `${name} ${version} ${model}`;
}
