/** The metrics of response caches, which are read at each scrape. */
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { Reading } from '../../ledger/metrics/series.ts';
import type { ResponseCache } from './response-cache.ts';

const REQUESTS_HELP =
  'Requests of models with a response cache: hit = a kept answer, coalesced = it waited for a run of the same request, miss = it ran, bypass = it was not looked up.';

/** `read` gives the caches by model. Call once. */
export function observeCaches(gauges: Gauges, read: () => ReadonlyMap<string, ResponseCache>): void {
  const of = (pick: (cache: ResponseCache) => number) => (): readonly Reading[] =>
    [...read()].map(([model, cache]) => ({ labels: { model }, value: pick(cache) }));
  gauges.observeEach(
    'pillion_cache_answers',
    'Answers that a model’s response cache keeps.',
    of(({ size }) => size),
  );
  gauges.observeEach(
    'pillion_cache_bytes',
    'Memory of a model’s kept answers, and of the inputs that they are answers to.',
    of(({ bytes }) => bytes),
  );
  gauges.observeCounts(
    'pillion_cache_evictions_total',
    'Kept answers that made room for others.',
    of(({ evictions }) => evictions),
  );
  gauges.observeCounts('pillion_cache_requests_total', REQUESTS_HELP, () =>
    [...read()].flatMap(([model, { counts }]) =>
      Object.entries(counts).map(([result, value]) => ({ labels: { model, result }, value })),
    ),
  );
}
