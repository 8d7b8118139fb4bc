/** Chooses the runtimes of models whose configuration says `auto`. */
import type { Installation } from '../../kernel/installation.ts';
import { chooseRuntime } from './choose-runtime.ts';

export function installAutoRuntime({ clock, models, telemetry }: Installation): void {
  models.chooseRuntime = (model, options) =>
    chooseRuntime({ ...options, clock, learnedRows: telemetry.metrics.meanBatchRows(model) });
}
