/** The response caches of all models that have one, by the model's name. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { KeptMemory } from '../../models/memory/kept-memory.ts';
import { CACHE } from './cache-key.ts';
import { type CacheBounds, ResponseCache } from './response-cache.ts';

const MIB = 2 ** 20;

export class ResponseCaches {
  readonly #clock: Clock;
  readonly #kept: KeptMemory | undefined;
  readonly #byModel = new Map<string, ResponseCache>();

  constructor(clock: Clock, kept?: KeptMemory) {
    this.#clock = clock;
    this.#kept = kept;
  }

  /** The model's cache, with the bounds of this configuration; undefined if it is to have none. */
  configured(model: Pick<ModelConfig, 'name' | 'featureKeys'>): ResponseCache | undefined {
    const { name } = model;
    const cache = CACHE.of(model);
    if (cache === undefined) return undefined;
    const bounds: CacheBounds = { maxBytes: cache.maxMib * MIB, ttlMs: cache.ttlMs };
    const known = this.#byModel.get(name) ?? new ResponseCache(bounds, this.#clock, this.#kept);
    known.bounds = bounds;
    this.#byModel.set(name, known);
    return known;
  }
}
