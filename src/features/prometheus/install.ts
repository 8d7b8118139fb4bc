import type { Installation } from '../../kernel/installation.ts';
import { LoadMetrics } from './load-metrics.ts';
import { MetricsPages } from './pages.ts';
import { observeCollections, processFamilies } from './process-families.ts';
import { TfServingMetrics } from './tf-serving-metrics.ts';

export function installPrometheus(server: Installation): void {
  const { clock, telemetry, models, metricsPage, adminPaths, service } = server;
  const { metrics } = telemetry;
  const collections = observeCollections();
  metrics.registry.register(...processFamilies(), collections.family);
  const tfServing = new TfServingMetrics();
  telemetry.follow(tfServing);
  const loads = new LoadMetrics();
  models.onAttempt.push((attempt) => loads.record(attempt));
  metrics.addAliases([...tfServing.families, ...loads.families]);
  const pages = new MetricsPages(metrics, clock);
  metricsPage(() => (accept) => pages.page({ accept, withAliases: true }));
  adminPaths(() => pages.adminPaths());
  service({ close: () => collections.close() });
}
