/** Versions that are made of other models: `ensemble` in a pillion.yaml, `ensemble_scheduling` in a config.pbtxt. */
import type { Feature } from '../../kernel/feature.ts';
import { ENSEMBLE } from './ensemble-key.ts';
import { ENSEMBLE_OPTIONS } from './options.ts';

export const ensembles = {
  name: 'ensembles',
  options: ENSEMBLE_OPTIONS,
  fileKeys: [ENSEMBLE],
  install: async (server) => (await import('./install.ts')).installEnsembles(server),
} satisfies Feature;
