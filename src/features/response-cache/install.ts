/** Puts the response cache around the versions of models whose configuration has `cache`. */
import { factKey } from '../../core/collections/facts.ts';
import type { Installation } from '../../kernel/installation.ts';
import type { LayeredVersion } from '../../models/loading/layers.ts';
import type { ServableRunner } from '../../models/serving/servable.ts';
import { keepsState } from '../../models/serving/steps.ts';
import { CACHE } from './cache-key.ts';
import { observeCaches } from './cache-metrics.ts';
import { cacheReport } from './cache-report.ts';
import { CachedRunner } from './cached-runner.ts';
import type { ResponseCache } from './response-cache.ts';
import { ResponseCaches } from './response-caches.ts';

const CACHE_OF_STATE =
  'its cache has no effect: the model keeps a state, so an answer depends on the requests before; take "cache" out of its configuration';
const CACHE_OF_ENSEMBLE =
  'its cache has no effect: members may change under an ensemble; give "cache" to the models of its steps';

/** The key, on a version, of its model's cache, which all the model's versions share. */
const KEPT = factKey<ResponseCache>('response-cache');

export function installResponseCache(server: Installation): void {
  const { clock, models, telemetry } = server;
  const caches = new ResponseCaches(clock, models.kept);
  models.layers.requests.push((inner, version) => {
    if (CACHE.of(version.model) === undefined) return inner;
    const why = whyNone(version);
    if (why === undefined) return cached(inner, version);
    version.warn(why);
    return inner;
  });
  const cacheOf = (model: string): ResponseCache | undefined => served().get(model);
  models.report('cache', (model) => {
    const cache = cacheOf(model);
    return cache && cacheReport(cache);
  });
  observeCaches(telemetry.metrics.gauges, served);

  function cached(inner: ServableRunner, { model, facts }: LayeredVersion): ServableRunner {
    const cache = caches.configured(model)!;
    facts.set(KEPT, cache);
    return new CachedRunner(inner, cache, clock);
  }

  /** The caches by model, for the versions that can answer. */
  function served(): ReadonlyMap<string, ResponseCache> {
    const all = new Map<string, ResponseCache>();
    for (const { name, facts } of models.servables()) {
      const cache = facts.get(KEPT);
      if (cache !== undefined) all.set(name, cache);
    }
    return all;
  }
}

/** Why an answer may not be given again; undefined = it may. */
function whyNone({ isComposed, signatures }: LayeredVersion): string | undefined {
  if (isComposed) return CACHE_OF_ENSEMBLE;
  return keepsState(signatures) ? CACHE_OF_STATE : undefined;
}
