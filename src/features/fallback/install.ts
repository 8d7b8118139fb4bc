/** Finds fallbacks for requests while a model of the list names one. */
import type { Installation } from '../../kernel/installation.ts';
import { AlternateMetrics } from './alternate-metrics.ts';
import { FallbackSearch } from './fallback-search.ts';
import { fallbacksOf } from './keys.ts';

export function installFallback({ models, telemetry }: Installation): void {
  const metrics = new AlternateMetrics(telemetry.metrics.registry);
  models.onListed.push((configs) => {
    const isNamed = configs.some((config) => fallbacksOf(config) !== undefined);
    if (isNamed) telemetry.follow(metrics);
    models.fallbacks = isNamed
      ? new FallbackSearch(models.directory, (model) => fallbacksOf(models.configOf(model)))
      : undefined;
  });
}
