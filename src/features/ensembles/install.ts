/** Loads the versions that are ensembles. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { EnsembleGraph } from './ensemble-graph.ts';
import { EnsembleReport } from './ensemble-report.ts';
import { isEnsemble, withEnsembles } from './load-ensemble.ts';
import { ENSEMBLE_OPTIONS } from './options.ts';

export function installEnsembles({ clock, config, models, reports, telemetry }: Installation): void {
  const { max_ensemble_runs: maxRuns } = optionsOf(config, ENSEMBLE_OPTIONS);
  const graph = new EnsembleGraph();
  models.kinds.push({
    around: (load, parts) =>
      withEnsembles(load, { ...parts, clock, graph, maxRuns, ensembleOf: (model) => models.ensembleOf(model) }),
    isOf: isEnsemble,
  });
  reports.push(
    new EnsembleReport({
      clock,
      servables: () => models.servables(),
      follow: (follower) => telemetry.follow(follower),
      settle: () => telemetry.settle(),
    }),
  );
}
