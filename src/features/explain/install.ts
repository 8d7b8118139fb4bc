/** Explanations out of what telemetry has counted lately. */
import type { Installation } from '../../kernel/installation.ts';
import { Explainer } from './explainer.ts';

export function installExplain(server: Installation): void {
  const { config, clock, telemetry } = server;
  const { slo_ms, enable_batching } = config.options;
  server.explain(({ machine, models, runCores }) => {
    const explainer = new Explainer({
      clock,
      recent: telemetry.recent,
      servables: () => models.servables(),
      sloMsOf: (model) => models.configOf(model)?.sloMs ?? (slo_ms || undefined),
      runCores,
      cores: machine.budgetCores,
      isBatching: enable_batching,
    });
    return () => explainer.look();
  });
}
