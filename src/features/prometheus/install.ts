import type { Installation } from '../../kernel/installation.ts';
import { LoadMetrics } from './load-metrics.ts';
import { MetricsPages } from './pages.ts';
import { observeCollections, processFamilies } from './process-families.ts';
import { TfServingMetrics } from './tf-serving-metrics.ts';

export function installPrometheus({ clock, telemetry, models, ...server }: Installation): void {
  const { metrics } = telemetry;
  const collections = observeCollections();
  metrics.registry.register(...processFamilies(), collections.family);
  const tfServing = new TfServingMetrics();
  telemetry.follow(tfServing);
  const loads = new LoadMetrics();
  models.onAttempt.push((attempt) => loads.record(attempt));
  metrics.addAliases([...tfServing.families, ...loads.families]);
  const pages = new MetricsPages(metrics, clock);
  server.metricsPage(() => (accept) => pages.page({ accept, withAliases: true }));
  server.adminPaths(() => pages.adminPaths());
  server.service({ close: () => collections.close() });
}
