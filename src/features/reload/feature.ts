/** HandleReloadConfigRequest: clients replace the list of models, within limits, where the server allows it. */
import type { Feature } from '../../kernel/feature.ts';
import { RELOAD_OPTIONS } from './options.ts';

export const reload = {
  name: 'reload',
  options: RELOAD_OPTIONS,
  install: async (server) => (await import('./install.ts')).installReload(server),
} satisfies Feature;
