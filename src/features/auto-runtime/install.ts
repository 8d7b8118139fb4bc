/** Chooses the runtimes of models whose configuration says `auto`. */
import type { Installation } from '../../kernel/installation.ts';
import { logChoice } from './choice-log.ts';
import { chooseRuntime } from './choose-runtime.ts';

export function installAutoRuntime({ clock, logger, models, telemetry }: Installation): void {
  models.chooseRuntime = async (model, version, options) => {
    const learnedRows = telemetry.metrics.meanBatchRows(model);
    const chosen = await chooseRuntime({ ...options, clock, learnedRows });
    logChoice(logger, model, version, chosen.choice);
    return chosen;
  };
}
