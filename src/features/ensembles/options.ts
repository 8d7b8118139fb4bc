import { COUNT, integer } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const ENSEMBLE_OPTIONS = {
  max_ensemble_runs: integer({
    min: 1,
    max: COUNT.max,
    default: 1000,
    help: 'Most runs of models that one request of an ensemble may take, those of ensembles in it counted. An ensemble that would take more is not loaded.',
  }),
} satisfies OptionTable;
