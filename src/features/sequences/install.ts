/** Keeps states for the sequences of models that declare one. */
import type { Installation } from '../../kernel/installation.ts';
import { keepDeclaredState } from './keep-state.ts';
import { sequenceLimits } from './sequence-limits.ts';
import { observeSequences } from './sequence-metrics.ts';
import { SequenceRunner } from './sequence-runner.ts';
import { SequenceTables } from './sequence-tables.ts';
import { sequencesPage } from './sequences-page.ts';
import { type SequencesReport, sequencesReport } from './sequences-report.ts';
import { STATES } from './state.ts';

export function installSequences({ clock, models, telemetry, reports }: Installation): void {
  const tables = new SequenceTables({ clock, kept: models.kept, configOf: (model) => models.configOf(model) });
  models.steps.push({ stage: 'signatures', run: keepDeclaredState });
  models.layers.runs.push((inner, { signatures, facts }) => {
    const states = facts.get(STATES);
    return states === undefined ? inner : new SequenceRunner(inner, signatures, states);
  });
  models.sequencesOf = (model) => tables.of(model);
  models.observers.push(tables);
  const reportOf = (model: string): SequencesReport | undefined =>
    sequencesReport(tables.used.find(([name]) => name === model)?.[1]);
  models.report('sequences', reportOf);
  reports.push({
    ...{ name: 'sequences', title: 'Sequences' },
    ofModel: (model) => {
      const keepsSome = [...models.servables()].some(
        ({ name, facts }) => name === model && facts.get(STATES) !== undefined,
      );
      return keepsSome ? sequencesPage(reportOf(model), sequenceLimits(models.configOf(model) ?? {})) : undefined;
    },
  });
  observeSequences(telemetry.metrics.gauges, () => tables.used);
}
