/** What features add to models, before the first one is loaded. */
import type { ModelReports } from '../models/lifecycle/manager-settings.ts';
import type { Layers, RunnerLayer } from '../models/loading/layers.ts';
import { KeptMemory } from '../models/memory/kept-memory.ts';
import type { Servable } from '../models/serving/servable.ts';

/** The part of ModelManager that features read. */
interface ServedModels {
  servables(): Iterable<Servable>;
}

export class ModelSeams {
  /** Counts what models keep between requests, over all of them. */
  readonly kept = new KeptMemory();
  readonly #requestLayers: RunnerLayer[] = [];
  readonly #reports = new Map<string, (model: string) => unknown>();
  #served: ServedModels | undefined;

  get layers(): Layers {
    return { requests: this.#requestLayers };
  }

  get reports(): ModelReports {
    return this.#reports;
  }

  /** A layer in the stack of each version that is loaded (models/loading/layers.ts). */
  layerOfRequests(layer: RunnerLayer): void {
    this.#requestLayers.push(layer);
  }

  /** A part of each model's report in GET /models: what `read` returns is the value of `key`; undefined = left out. */
  report(key: string, read: (model: string) => unknown): void {
    this.#reports.set(key, read);
  }

  /** The versions that can answer now; none before the first one is loaded. */
  servables(): Iterable<Servable> {
    return this.#served?.servables() ?? [];
  }

  /** The server has been assembled. */
  serve(models: ServedModels): void {
    this.#served = models;
  }
}
