/** Explanations out of what requests and batches have shown lately. */
import type { Installation } from '../../kernel/installation.ts';
import { Explainer } from './explainer.ts';
import { observeForecasts } from './forecast-gauges.ts';
import { RecentWork } from './recent-work.ts';

export function installExplain(server: Installation): void {
  const { config, clock, telemetry } = server;
  const { slo_ms, enable_batching } = config.options;
  const recent = new RecentWork(telemetry.metrics.totals);
  telemetry.follow(recent);
  observeForecasts(telemetry.metrics.gauges, recent, () => server.models.servables(), clock);
  server.explain(({ machine, models, runCores }) => {
    const explainer = new Explainer({
      clock,
      recent,
      servables: () => models.servables(),
      sloMsOf: (model) => models.configOf(model)?.sloMs ?? (slo_ms || undefined),
      runCores,
      cores: machine.budgetCores,
      isBatching: enable_batching,
    });
    return () => explainer.look();
  });
}
