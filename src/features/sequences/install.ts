/** Keeps states for the sequences of models that declare one. */
import type { Installation } from '../../kernel/installation.ts';
import { keepDeclaredState } from './keep-state.ts';
import { observeSequences } from './sequence-metrics.ts';
import { SequenceRunner } from './sequence-runner.ts';
import { SequenceTables } from './sequence-tables.ts';
import { sequencesReport } from './sequences-report.ts';
import { STATES } from './state.ts';

export function installSequences({ clock, models, telemetry }: Installation): void {
  const tables = new SequenceTables({ clock, kept: models.kept, configOf: (model) => models.configOf(model) });
  models.steps.push({ stage: 'signatures', run: keepDeclaredState });
  models.layers.runs.push((inner, { signatures, facts }) => {
    const states = facts.get(STATES);
    return states === undefined ? inner : new SequenceRunner(inner, signatures, states);
  });
  models.sequencesOf = (model) => tables.of(model);
  models.observers.push(tables);
  models.report('sequences', (model) => sequencesReport(tables.used.find(([name]) => name === model)?.[1]));
  observeSequences(telemetry.metrics.gauges, () => tables.used);
}
